"""Private calls as users have them: a rendezvous, a daemon and a caller, in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hullo.lines.direct.actions import MissedCall
from hullo.lines.direct.private.desk import Change
from hullo.lines.direct.private.linking import Handover
from hullo.lines.direct.private.opening import create_keys, create_linked, open_private
from hullo.lines.direct.private.own_keys import OwnKeys
from hullo.lines.direct.private.vault import Vault
from hullo.service.config import Config, load_config
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
def process(*arguments: str, stream: str, until: str, ends: bool = False) -> Iterator[str]:
    """Run a command until the end of the block, or until it `ends`; the line of its output that has `until` in it."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    with subprocess.Popen(
        [*HULLO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        output = running.stdout if stream == "stdout" else running.stderr
        assert output is not None
        line = next((line.strip() for line in output if until in line), "")
        try:
            assert line, "the process ended before it was ready"
            yield line
        finally:
            if not ends:
                running.send_signal(signal.SIGINT)
            sys.stderr.writelines(running.communicate(timeout=QUICK))  # for whoever looks at a failure
            assert running.returncode == 0


def person(folder: Path, name: str, url: str) -> tuple[str, Config]:
    """Somebody with a configuration and keys."""
    home = folder / name
    home.mkdir(mode=0o700)
    path = home / "hullo.toml"
    path.write_text(CONFIG.format(folder=home, url=url))
    config = load_config(path)
    create_keys(config.direct, name, "laptop")
    return str(path), config


def silence(folder: Path) -> Path:
    """A sound file of half a second."""
    path = folder / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", "not compressed"))
        file.writeframes(bytes(48_000))
    return path


def test_two_people_call_each_other_with_nothing_but_a_rendezvous(tmp_path: Path) -> None:
    rendezvous = ("rendezvous", "--port", "0", "--data", str(tmp_path / "rendezvous.db"))
    with process(*rendezvous, stream="stdout", until="ws://") as url:
        alice, alices = person(tmp_path, "alice", url)
        bob, bobs = person(tmp_path, "bob", url)
        with open_private(bobs.direct) as private:
            invite, elsewhere = private.desk.own.invite, "hullo:bob@example.org/r#" + "A" * 43
        assert invite is not None
        assert invite in run("contacts", "me", "--config", bob).stdout
        refused = run("contacts", "add", elsewhere, "--config", alice)
        assert (refused.returncode, "another rendezvous" in refused.stderr) == (1, True)
        added = run("contacts", "add", invite, "--config", alice)
        assert (added.returncode, "not verified" in added.stdout) == (0, True), added.stderr
        with open_private(alices.direct) as private:
            private.desk.change("bob", Change.VERIFY)
        with process("serve", "--config", bob, stream="stderr", until="ready"):
            added = run("contacts", "add", "alice", "--config", bob)  # asks the daemon, which holds the keys
            assert added.returncode == 0, added.stderr
            options = ("--no-speech", "--play", str(silence(tmp_path)), "--stay", "0", "--json")
            called = run("call", "bob", "--config", alice, *options)
            assert called.returncode == 0, called.stderr
            assert (
                "in use by another process" in run("answer", "--config", bob, "--no-speech").stderr
            )  # it holds the keys
        with process("answer", "--config", bob, "--no-speech", stream="stderr", until="waiting", ends=True):
            answered = run("call", "bob", "--config", alice, *options)
            assert '"call.connected"' in answered.stdout, answered.stderr
        events = [json.loads(line) for line in called.stdout.splitlines()]
        connected = next(event for event in events if event.get("type") == "call.connected")
        assert connected["verified"]
        assert len(connected["emoji"]) == 5
        with open_private(bobs.direct) as private, open_private(alices.direct) as hers:
            assert private.desk.contacts()[0].safety_number == hers.desk.contacts()[0].safety_number


def test_a_rendezvous_that_could_be_reached_without_tls_does_not_start(tmp_path: Path) -> None:
    refused = run("rendezvous", "--host", "0.0.0.0", "--data", str(tmp_path / "rendezvous.db"))
    assert refused.returncode == 1
    assert "no TLS" in refused.stderr


def test_a_node_whose_redis_is_not_there_does_not_start() -> None:
    refused = run("rendezvous", "--redis", "unix:///nowhere/redis.sock")
    assert refused.returncode == 1
    assert "the Redis of --redis can't be reached" in refused.stderr
    assert "no address of a Redis" in run("rendezvous", "--redis", "http://example.org").stderr


@pytest.mark.peer  # for its time only
def test_missed_calls_are_listed_and_forgotten(tmp_path: Path) -> None:
    bob, bobs = person(tmp_path, "bob", "ws://127.0.0.1:9/rendezvous")
    assert run("contacts", "missed", "--config", bob).stdout == "no missed calls\n"
    with open_private(bobs.direct) as private:
        private.missed.append(MissedCall(person="alice", at=1.7e9, why="the caller gave up"))
    assert "1 missed" in run("contacts", "--config", bob).stdout
    with process("serve", "--config", bob, stream="stderr", until="ready"):
        listed = run("contacts", "missed", "--clear", "--config", bob).stdout
    assert "alice" in listed
    assert "the caller gave up" in listed
    assert run("contacts", "missed", "--config", bob).stdout == "no missed calls\n"


@pytest.mark.peer  # for its time only
@pytest.mark.parametrize("daemon", [False, True], ids=["", "by the daemon"])
def test_a_second_device_is_linked_by_the_code_that_it_shows(tmp_path: Path, daemon: bool) -> None:
    rendezvous = ("rendezvous", "--port", "0", "--data", str(tmp_path / "rendezvous.db"))
    with process(*rendezvous, stream="stdout", until="ws://") as url:
        alice, alices = person(tmp_path, "alice", url)
        with open_private(alices.direct) as private:
            private.desk.change("bob", Change.ADD)
        home = tmp_path / "second"
        home.mkdir(mode=0o700)
        (home / "hullo.toml").write_text(CONFIG.format(folder=home, url=url))
        second = load_config(home / "hullo.toml")
        joining = ("contacts", "link", "--device", "laptop", "--config", str(home / "hullo.toml"))
        with ExitStack() as stack:
            if daemon:
                stack.enter_context(process("serve", "--config", alice, stream="stderr", until="ready"))
            shown = stack.enter_context(process(*joining, stream="stdout", until="hullo-link:", ends=True))
            linked = run("contacts", "link", shown.split()[-1], "--yes", "--config", alice)
            assert linked.returncode == 0, linked.stderr
        with open_private(second.direct) as private, open_private(alices.direct) as hers:
            assert (private.desk.own.person, private.desk.own.device) == ("alice", "laptop-2")
            assert private.desk.own.key == hers.desk.own.key
            assert [contact.person for contact in private.desk.contacts()] == ["bob"]


@pytest.mark.peer  # for its time only
def test_a_device_is_unlinked_and_says_so(tmp_path: Path) -> None:
    rendezvous = ("rendezvous", "--port", "0", "--data", str(tmp_path / "rendezvous.db"))
    with process(*rendezvous, stream="stdout", until="ws://") as url:
        alice, alices = person(tmp_path, "alice", url)
        with Vault(alices.direct.directory) as vault:
            identity = OwnKeys(vault).identity
        home = tmp_path / "stolen"
        home.mkdir(mode=0o700)
        (home / "hullo.toml").write_text(CONFIG.format(folder=home, url=url))
        stolen = load_config(home / "hullo.toml").direct
        handover = Handover(person="alice", seed=identity.seed, devices=("laptop",), contacts={})
        create_linked(stolen, handover, "stolen")
        asked = ("contacts", "devices", "--config", str(home / "hullo.toml"))
        assert "stolen  (this one)" in run(*asked).stdout
        with process("serve", "--config", alice, stream="stderr", until="ready"):
            unlinked = run("contacts", "unlink", "stolen", "--yes", "--config", alice)
            assert unlinked.returncode == 0, unlinked.stderr
        told = run(*asked)
        assert (told.returncode, "was unlinked" in told.stderr) == (1, True), told.stderr
        with open_private(alices.direct) as private:
            assert private.desk.own.key != identity.public.hex()
        create_linked(stolen, handover, "back")  # it may be linked again
