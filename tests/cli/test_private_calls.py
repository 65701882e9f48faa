"""Private calls as users have them: a rendezvous, two people, a daemon, and the commands, in processes of their own."""

import json
import os
import re
import signal
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.test_commands import HULLO, QUICK, run

CONFIG = """
[calls]
answer = "auto"
[speech]
enabled = false
[browser]
enabled = false
[rpc]
socket = "{folder}/hullo.sock"
[direct]
enabled = true
rendezvous = "{url}"
directory = "{folder}/direct"
"""


@contextmanager
def process(*arguments: str, stream: str, until: str) -> Iterator[str]:
    """Run a command until the end of the block; the line of its output that begins or ends so."""
    command = [*HULLO, *arguments]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        output = running.stdout if stream == "stdout" else running.stderr
        assert output is not None
        line = next((line.strip() for line in output if until in line), "")
        try:
            assert line, "the process ended before it was ready"
            yield line
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=QUICK)
            assert running.returncode == 0


def person(folder: Path, name: str, url: str) -> str:
    """Somebody with a configuration and keys; the path of the configuration."""
    home = folder / name
    home.mkdir(mode=0o700)
    config = home / "hullo.toml"
    config.write_text(CONFIG.format(folder=home, url=url))
    made = run("contacts", "init", name, "--device", "laptop", "--config", str(config))
    assert made.returncode == 0, made.stderr
    return str(config)


def silence(folder: Path) -> Path:
    """A sound file of half a second."""
    path = folder / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", "not compressed"))
        file.writeframes(bytes(48_000))
    return path


@pytest.fixture
def rendezvous(tmp_path: Path) -> Iterator[str]:
    options = ("--port", "0", "--data", str(tmp_path / "rendezvous.db"))
    with process("rendezvous", *options, stream="stdout", until="ws://") as url:
        yield url


def test_two_people_call_each_other_with_nothing_but_a_rendezvous(tmp_path: Path, rendezvous: str) -> None:
    alice, bob = person(tmp_path, "alice", rendezvous), person(tmp_path, "bob", rendezvous)
    key = json.loads(run("contacts", "me", "--json", "--config", bob).stdout)["key"]
    assert run("contacts", "add", "bob", "--key", key, "--config", alice).returncode == 0
    with process("serve", "--config", bob, stream="stderr", until="ready"):
        added = run("contacts", "add", "alice", "--config", bob)  # the daemon holds the keys
        assert added.returncode == 0, added.stderr
        options = ("--no-speech", "--play", str(silence(tmp_path)), "--stay", "0", "--json")
        called = run("call", "bob", "--config", alice, *options)
        assert called.returncode == 0, called.stderr
        events = [json.loads(line) for line in called.stdout.splitlines()]
        connected = next(event for event in events if event.get("type") == "call.connected")
        assert connected["verified"]
        assert len(connected["emoji"]) == 5
        numbers = [re.findall(r"\d{5}", run("contacts", "--config", config).stdout) for config in (alice, bob)]
        assert numbers[0] == numbers[1]
        assert len(numbers[0]) == 12
        missing = run("call", "carol", "--config", alice, "--no-speech")
        assert missing.returncode == 1
        assert "no line knows how to call" in missing.stderr


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, rendezvous: str) -> None:
    alice = person(tmp_path, "alice", rendezvous)
    again = run("contacts", "init", "alice", "--config", alice)
    assert again.returncode == 1
    assert "has keys already" in again.stderr
    for arguments, words in (
        (("add", "Not A Name"), "is no name"),
        (("add", "alice"), "is you"),
        (("add", "bob", "--key", "12"), "64 hex digits"),
        (("verify", "bob"), "is not among the contacts"),
    ):
        refused = run("contacts", *arguments, "--config", alice)
        assert refused.returncode == 1
        assert words in refused.stderr
    open_to_all = run("rendezvous", "--host", "0.0.0.0", "--data", str(tmp_path / "other.db"))
    assert open_to_all.returncode == 1
    assert "no TLS" in open_to_all.stderr
