"""The commands as a user types them, in processes of their own, against a real daemon."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hullo.cli import COMMANDS, application
from hullo.daemon_client import DaemonClient

HULLO = [sys.executable, "-W", "ignore", "-m", "hullo"]
QUICK = 60.0
NOBODY = "http://127.0.0.1:9/call"

CONFIG = """
[calls]
answer = "auto"
[speech]
enabled = false
[browser]
port = 0
"""


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [*HULLO, *arguments], capture_output=True, text=True, timeout=QUICK, cwd=cwd, env=environment, check=False
    )


@contextmanager
def daemon(folder: Path) -> Iterator[tuple[Path, str]]:
    """A daemon without speech, and the address where it takes calls."""
    (folder / "hullo.toml").write_text(CONFIG)
    folder.chmod(0o700)
    socket = folder / "hullo.sock"
    command = [*HULLO, "serve", "--config", str(folder / "hullo.toml"), "--socket", str(socket)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith("ready"):
                break
        try:
            yield socket, asyncio.run(_address(socket))
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.read()
            assert process.wait(QUICK) == 0
            assert not socket.exists()


async def _another_client(socket: Path) -> None:
    """Wait until somebody besides us is connected."""
    async with asyncio.timeout(QUICK), DaemonClient(socket) as client:
        while (await client.request("health"))["clients"] < 2:
            await asyncio.sleep(0.05)


async def _address(socket: Path) -> str:
    async with DaemonClient(socket) as client:
        [line] = await client.request("line.list")
        return str(line["address"])


def test_a_call_from_the_shell_is_followed_by_tail_and_recorded(tmp_path: Path) -> None:
    tone = tmp_path / "tone.wav"
    with wave.open(str(tone), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"\x00\x20\x00\xe0" * 4_000)
    with daemon(tmp_path) as (socket, address):
        with subprocess.Popen(
            [*HULLO, "tail", "--json", "--socket", str(socket)], stdout=subprocess.PIPE, text=True
        ) as tail:
            asyncio.run(_another_client(socket))
            record = ["--record", str(tmp_path / "call.wav")]
            called = run("call", address, "--play", str(tone), "--stay", "0.2", *record, "--no-speech", "--json")
            assert tail.stdout is not None
            names = []
            for line in tail.stdout:
                names.append(json.loads(line)["method"])
                if names[-1] == "call.ended":
                    break
            tail.send_signal(signal.SIGINT)
        assert "call.connected" in names
        assert tail.returncode == 130
    assert called.returncode == 0, called.stderr
    *happened, report = [json.loads(line) for line in called.stdout.splitlines()]
    assert [event["type"] for event in happened if event["type"] != "call.quality"] == [
        "call.ringing",
        "call.connected",
        "call.speaking",
        "call.spoken",
        "call.ended",
    ]
    assert report["leg"]["proof"] in ("rtcp", "consent")
    with wave.open(str(tmp_path / "call.wav"), "rb") as recorded:
        assert recorded.getnchannels() == 2
        assert recorded.getnframes() > 48_000 * 0.6


def test_ctrl_c_hangs_up_and_still_prints_the_report(tmp_path: Path) -> None:
    with daemon(tmp_path) as (_, address):
        with subprocess.Popen(
            [*HULLO, "call", address, "--no-speech", "--json"], stdout=subprocess.PIPE, text=True
        ) as caller:
            assert caller.stdout is not None
            for line in caller.stdout:
                if json.loads(line).get("type") == "call.connected":
                    break
            caller.send_signal(signal.SIGINT)
            rest = caller.stdout.read().splitlines()
        assert caller.returncode == 0
    assert json.loads(rest[-1])["ending"]["reason"] == "hangup-bot"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["call", "ftp://pigeon", "--no-speech"], "no line knows how to call 'ftp://pigeon'"),
        (["call", "pigeon", "--no-speech"], "private calls are not enabled"),
        (["call", NOBODY, "--play", "missing.wav"], "missing.wav can't be read: there is no such file"),
        (["call", NOBODY, "--play", "text.wav"], "text.wav can't be read: it holds no sound"),
        (["call", NOBODY, "--record", "call.mp3"], "a recording is a .wav or .opus file"),
        (["call", NOBODY, "--record", "missing/call.wav"], "missing: there is no such folder"),
        (["call", NOBODY, "--say", "x", "--no-speech"], "--say needs a voice"),
        (["call", NOBODY, "--transcript", "call.vtt"], "add --record"),
        (["call", NOBODY, "--record", "call.wav", "--transcript", "missing/call.vtt"], "no folder missing"),
        (["call", NOBODY, "--record", "a.wav", "--transcript", "a.wav"], "can't be the same file"),
        (["answer", "--record", "a.wav", "--transcript", "a.vtt", "--no-speech"], "--transcript needs a recogniser"),
        (["call", NOBODY, "--say", "x", "--config", "mute.toml"], "--say needs a voice"),
        (["call", NOBODY, "--config", "key.toml"], "missing can't be read"),
        (["answer"], "there is nothing to answer"),
        (["answer", "--listen", "8765"], "8765 is no address to listen at"),
        (["answer", "--listen", "0.0.0.0:8765", "--no-speech"], "token"),
        (["say", "hello", "--socket", "/nowhere/hullo.sock"], "no daemon listens at /nowhere/hullo.sock"),
        (["tail", "--socket", "/nowhere/hullo.sock"], "no daemon listens"),
        (["serve", "--config", "missing.toml"], "missing.toml does not exist"),
        (["serve", "--config", "folder"], "folder can't be read: is a directory"),
        (["config", "check", "text.wav"], "text.wav: not TOML"),
        (["rendezvous", "--certificate", "text.wav", "--key", "text.wav"], "can't be used"),
        (["rendezvous", "--data", "folder"], "folder can't be used"),
        (["message", "list", "--folder", "text.wav"], "text.wav is not a folder"),
        (["message", "send", "bob", "text.wav"], "there is no line for messages"),
        (["message", "inbox"], "there is no line for messages"),
        (["contacts"], "this device has no keys yet"),
        (["contacts", "add", "hullo:pigeon"], "that is no invite"),
        (["telegram", "login"], "api_id and api_hash are missing"),
        (["serve", "--stdio", "--socket", "x"], "two ways to be reached"),
        (["demo", "--gateway", "pigeon"], "there is no gateway 'pigeon'"),
        (["demo", "--say", "missing.wav"], "missing.wav is not there"),
    ],
)
def test_bad_input_is_one_clear_line_and_a_hint(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("text.wav").write_text("a letter")
    Path("mute.toml").write_text("[speech]\nenabled = false\n")
    Path("key.toml").write_text('[speech]\nvoice = "https://127.0.0.1:9/v1"\nvoice_api_key_file = "missing"\n')
    there = {path.name for path in tmp_path.iterdir()}
    homes = {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CONFIG", "STATE", "DATA")}
    result = CliRunner().invoke(application(arguments[:1]), arguments, env={"COLUMNS": "200", "NO_COLOR": "1"} | homes)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2
    assert {path.name for path in tmp_path.iterdir()} <= there | {"STATE"}


def test_an_address_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = CliRunner().invoke(application(["answer"]), ["answer", "--listen", address, "--no-speech"])
    assert result.exit_code == 1
    assert result.stderr == f"error: can't take calls at {address}: address already in use\n"


@pytest.mark.parametrize(
    "command", [["serve"], ["rendezvous", "--port", "0"], ["answer", "--listen", "127.0.0.1:0", "--no-speech"]]
)
def test_ctrl_c_pressed_again_and_again_leaves_no_traceback(command: list[str], tmp_path: Path) -> None:
    ready = {"serve": "ready", "rendezvous": "ws://127.0.0.1", "answer": "waiting for a call to http://127.0.0.1"}
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "HULLO__RPC__SOCKET": str(tmp_path / "hullo.sock")}
    environment |= {"HULLO__SPEECH__ENABLED": "false", "HULLO__BROWSER__PORT": "0", "COLUMNS": "200"}
    tmp_path.chmod(0o700)
    with subprocess.Popen(
        [*HULLO, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path, env=environment
    ) as process:
        assert process.stdout is not None
        assert any(ready[command[0]] in line for line in process.stdout)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        rest = process.stdout.read()
    assert "Traceback" not in rest
    assert not (tmp_path / "hullo.sock").exists()


def test_nobody_there_to_call_is_a_report_and_a_bad_status() -> None:
    result = run("call", "http://127.0.0.1:9/call", "--no-speech", "--json")
    assert result.returncode == 1
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["ending"]["reason"] == "failed"
    assert "nobody listens" in report["ending"]["detail"]


def test_a_configuration_is_checked_and_described(tmp_path: Path) -> None:
    file = tmp_path / "hullo.toml"
    file.write_text('[calls]\nanswr = "auto"\n[browser]\nport = 99999\n')
    wrong = run("config", "check", str(file))
    assert wrong.returncode == 1
    assert "answer" in wrong.stderr
    assert "port" in wrong.stderr
    file.write_text('[calls]\nanswer = "auto"\n')
    assert run("config", "check", str(file)).returncode == 0
    schema = json.loads(run("config", "schema").stdout)
    assert "calls" in schema["properties"]


def test_the_help_says_of_each_command_what_it_says_of_itself() -> None:
    every = typer.main.get_group(application())
    assert {name: (command.help or "").splitlines()[0] for name, command in every.commands.items()} == COMMANDS
    shown = run("--help").stdout
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("│ ") and line[2] not in " -"] == [
        *COMMANDS
    ]


def test_the_doctor_names_every_part() -> None:
    result = run("doctor", "--json")
    assert result.returncode == 0
    findings = json.loads(result.stdout)
    assert {finding["verdict"] for finding in findings} <= {"ok", "optional", "broken"}
    assert {"Opus", "recogniser", "voice", "network", "clock", "daemon"} <= {finding["name"] for finding in findings}
    assert all(finding["remedy"] for finding in findings if finding["verdict"] != "ok")


def test_the_socket_is_the_one_of_the_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "hullo"
    folder.mkdir(mode=0o700)
    (folder / "hullo.toml").write_text(f'[rpc]\nsocket = "{tmp_path}/elsewhere.sock"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        said = run("say", "hello")
        assert said.returncode == 1
        assert f"{tmp_path}/elsewhere.sock" in said.stderr
        (folder / "hullo.toml").write_text("[rpc]\nsokcet = 1\n")
        said = run("tail")
        assert said.returncode == 1
        assert "sokcet" in said.stderr


def test_who_can_be_reached_from_elsewhere_needs_a_token(tmp_path: Path) -> None:
    refused = run("answer", "--no-speech", "--listen", "0.0.0.0:0", "--config", str(_empty(tmp_path)))
    assert refused.returncode == 1
    assert "--token-file" in refused.stderr
    (tmp_path / "token").write_text("short")
    (tmp_path / "token").chmod(0o600)
    options = ["--token-file", str(tmp_path / "token"), "--config", str(_empty(tmp_path))]
    refused = run("answer", "--no-speech", "--listen", "0.0.0.0:0", *options)
    assert refused.returncode == 1
    assert "fewer than" in refused.stderr


def _empty(folder: Path) -> Path:
    path = folder / "empty.toml"
    path.write_text("")
    return path
