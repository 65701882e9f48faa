"""`hullo message` as a user types it."""

import json
import os
import signal
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hullo.cli import application
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.messages.encoder import MessageEncoder
from tests.cli.test_commands import HULLO, QUICK
from tests.messages.sounds import quiet, sweep, time_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "said.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(np.concatenate([quiet(1.0), sweep(3.0), quiet(1.0)]).tobytes())
    return path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        application(["message"]), ["message", *arguments, "--folder", str(folder)], env={"COLUMNS": "200"}
    )


def succeeded(folder: Path, *arguments: str) -> str:
    result = run(folder, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def read_wav(path: Path) -> Pcm:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (1, SAMPLE_RATE)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def test_a_message_is_recorded_listed_played_and_exported(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "messages"
    made = json.loads(succeeded(folder, "record", str(source), "--bitrate", "16", "--json"))
    assert made["metadata"]["duration"] == 5.0
    assert made["metadata"]["bitrate"] == 16_000
    [listed] = [json.loads(line) for line in succeeded(folder, "list", "--json").splitlines()]
    assert listed == made
    name = Path(made["path"]).name
    shown = succeeded(folder, "list")
    assert name in shown
    assert "0:05.0" in shown
    assert "█" in shown
    assert "new" in shown
    succeeded(folder, "play", "--speed", "2", "--from", "2", "--output", str(tmp_path / "fast.wav"))
    fast = read_wav(tmp_path / "fast.wav")
    assert len(fast) / SAMPLE_RATE == pytest.approx(1.5, abs=0.03)
    assert time_of(fast[:4800]) == pytest.approx(1.1, abs=0.2)
    assert "heard" in succeeded(folder, "list")
    succeeded(folder, "export", "last", str(tmp_path / "copy.ogg"))
    assert (tmp_path / "copy.ogg").read_bytes() == Path(made["path"]).read_bytes()
    succeeded(folder, "export", name, str(tmp_path / "copy.wav"))
    assert len(read_wav(tmp_path / "copy.wav")) == 5 * SAMPLE_RATE


def test_silence_is_trimmed_and_a_limit_kept(tmp_path: Path, source: Path) -> None:
    trimmed = json.loads(succeeded(tmp_path / "a", "record", str(source), "--trim", "--json"))
    assert trimmed["metadata"]["duration"] == pytest.approx(3.5, abs=0.05)
    result = run(tmp_path / "b", "record", str(source), "--limit", "2")
    assert "full after 0:02.0" in result.stderr
    assert "0:02.0" in result.stdout


def test_samples_come_from_a_pipe_and_sound_goes_into_one(tmp_path: Path) -> None:
    folder = ["--folder", str(tmp_path)]
    raw = sweep(1.0).tobytes()
    subprocess.run([*HULLO, "message", "record", "-", *folder], input=raw, check=True, timeout=QUICK)
    played = subprocess.run([*HULLO, "message", "play", *folder], capture_output=True, check=True, timeout=QUICK).stdout
    assert played.startswith(b"RIFF")
    heard = np.frombuffer(played[44:], np.int16)
    assert len(heard) == SAMPLE_RATE
    assert time_of(heard[24_000:33_600]) == pytest.approx(0.6, abs=0.05)


def test_who_stops_listening_has_not_heard_a_message(tmp_path: Path, source: Path) -> None:
    made = json.loads(succeeded(tmp_path, "record", str(source), "--json"))
    pipe, listener = os.pipe()
    rest = ["--from", "4.6"]  # so little that the pipe holds it all
    with subprocess.Popen([*HULLO, "message", "play", *rest, "--folder", str(tmp_path)], stdout=listener) as process:
        os.close(listener)
        os.read(pipe, 1)
        os.close(pipe)
        assert process.wait(QUICK) == 0
    [listed] = [json.loads(line) for line in succeeded(tmp_path, "list", "--json").splitlines()]
    assert listed == made


def test_ctrl_c_keeps_what_was_recorded(tmp_path: Path) -> None:
    command = [*HULLO, "message", "record", "-", "--folder", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(sweep(2.0).tobytes())
        process.stdin.flush()
        while not [path for path in tmp_path.glob("*.ogg") if path.stat().st_size > 3000]:
            pass
        process.send_signal(signal.SIGINT)
        made = json.loads(process.stdout.read())
        assert process.wait(QUICK) == 0
    assert 1.0 < made["metadata"]["duration"] <= 2.0


def test_the_unfinished_are_listed_and_recovered(tmp_path: Path) -> None:
    encoder = MessageEncoder(serial=5)
    (tmp_path / "1.ogg").write_bytes(encoder.begin() + encoder.feed(sweep(1.2)))
    (tmp_path / "2.ogg").write_bytes(b"OggS")
    assert "unfinished: hullo message recover" in succeeded(tmp_path, "list")
    said = succeeded(tmp_path, "recover")
    assert "1.ogg  0:01.0 recovered" in said
    assert "2.ogg  removed: nothing had been recorded yet" in said
    assert "every message is finished" in succeeded(tmp_path, "recover")
    (tmp_path / "3.ogg").write_text("shopping list")
    result = run(tmp_path, "recover")
    assert result.exit_code == 1
    assert "holds no Ogg Opus" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["record", "missing.wav"], "missing.wav can't be read: there is no such file"),
        (["record", "EMPTY"], "can't be read"),
        (["record", "SOURCE", "--bitrate", "32"], "32 kbit/s is not possible"),
        (["play", "pigeon", "--output", "x.wav"], "no message begins with 'pigeon'"),
        (["play", "--output", "x.wav"], "has no messages"),
        (["play", "EMPTY", "--output", "x.wav"], "it is empty"),
        (["play", "SOURCE", "--output", "SOURCE"], "can't be written: file exists"),
        (["export", "last", "x.mp3"], "can't be exported as 'x.mp3'"),
        (["export", "last", "SOURCE"], "is there already"),
        (["export", "last", "x.wav"], "no message begins with 'last'"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, source: Path, arguments: list[str], says: str) -> None:
    empty = tmp_path / "empty.ogg"
    empty.touch()
    known = {"SOURCE": str(source), "EMPTY": str(empty), "x.wav": str(tmp_path / "x.wav")}
    before = source.read_bytes()
    result = run(tmp_path / "messages", *(known.get(one, one) for one in arguments))
    assert result.exit_code == 1
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2
    assert source.read_bytes() == before
    assert not list((tmp_path / "messages").glob("*"))
