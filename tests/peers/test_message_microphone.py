"""`hullo message record` from a real sound server's microphone: recorded, pulled out, plugged in, and none at all."""

import asyncio
import base64
import contextlib
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.messages.sound import OggOpusSound
from tests.cli.test_commands import HULLO
from tests.messages.sounds import sweep, time_of
from tests.peers.chromium import browser
from tests.peers.pulse import PulseAudio, pulseaudio
from tests.peers.test_ogg_tools import probe, run
from tests.peers.test_voice_message import DECODE
from tests.service.socket_client import short_directory

pytestmark = pytest.mark.peer

DEADLINE = 30.0


@pytest.fixture
async def pulse(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PulseAudio]:
    with short_directory() as directory:
        async with pulseaudio(directory) as server:
            monkeypatch.setenv("PULSE_SERVER", server.address)
            monkeypatch.setenv("XDG_STATE_HOME", str(directory / "state"))
            yield server


def files(folder: Path) -> list[Path]:
    """What there is of messages."""
    return [*folder.glob("messages/*")]


@contextlib.asynccontextmanager
async def recorder(folder: Path) -> AsyncIterator[Process]:
    """The command, which has begun to record."""
    config = folder / "hullo.toml"
    config.touch()
    command = (*HULLO, "message", "record", "--json", "--folder", str(folder / "messages"), "--config", str(config))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE, env={**os.environ, "NO_COLOR": "1"}
    )
    try:
        async with asyncio.timeout(DEADLINE):
            while not files(folder) and process.returncode is None:
                await asyncio.sleep(0.02)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def stopped(process: Process) -> tuple[dict[str, Any], str]:
    """What Ctrl-C makes of it: the message, and what else was said."""
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(DEADLINE):
        said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return json.loads(said), complained.decode()


def check(path: str) -> None:
    """Neither ffprobe nor opusinfo has anything to say against it."""
    assert probe(Path(path))["codec_name"] == "opus"
    info = run("opusinfo", path)
    assert info.returncode == 0
    assert b"WARNING" not in (info.stdout + info.stderr).upper()


def encoded(path: str) -> str:
    """The file in base64."""
    return base64.b64encode(Path(path).read_bytes()).decode()


def decoded(path: str) -> Pcm:
    """All of a message."""
    sound = OggOpusSound(Path(path))
    pieces = []
    while (piece := sound.read()) is not None:
        pieces.append(piece)
    sound.close()
    return np.concatenate(pieces)


async def test_a_message_is_recorded_without_a_gap_and_without_growing(pulse: PulseAudio, tmp_path: Path) -> None:
    await pulse.add_microphone("mic")
    async with recorder(tmp_path) as process:
        await pulse.say("mic", sweep(2.0))
        before = psutil.Process(process.pid).memory_info().rss
        await pulse.say("mic", sweep(8.0))
        grown = psutil.Process(process.pid).memory_info().rss - before
        message, _ = await stopped(process)
    check(message["path"])
    assert grown < 5_000_000
    heard = decoded(message["path"])
    assert len(heard) / SAMPLE_RATE == pytest.approx(message["metadata"]["duration"], abs=0.001)
    places = [time_of(heard[begin : begin + 9600]) for begin in range(0, len(heard) - 9600, 9600)]
    assert max(places) > 6.0  # the second sweep, nearly to its end
    assert message["metadata"]["duration"] > 9.5
    async with browser(tmp_path, 440.0) as chromium:
        assert len(await chromium.page.evaluate(DECODE, encoded(message["path"]))) == len(heard)


async def test_a_microphone_that_is_pulled_out_costs_nothing_that_was_said(pulse: PulseAudio, tmp_path: Path) -> None:
    number = await pulse.add_microphone("mic")
    async with recorder(tmp_path) as process:
        await pulse.say("mic", sweep(2.0))
        await pulse.remove(number)
        await asyncio.sleep(2.0)  # nothing is recorded of this
        await pulse.add_microphone("mic")
        await asyncio.sleep(1.0)
        await pulse.say("mic", sweep(2.0))
        message, said = await stopped(process)
    assert "what was recorded is kept" in said
    assert "Traceback" not in said
    assert message["metadata"]["duration"] > 4.0
    check(message["path"])


async def test_without_a_microphone_it_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    async with recorder(tmp_path) as process:
        async with asyncio.timeout(DEADLINE):
            said, complained = await process.communicate()
    assert process.returncode == 1
    assert said == b""
    assert complained.decode().startswith("error:")
    assert len(complained.decode().splitlines()) <= 2
    assert files(tmp_path) == []
