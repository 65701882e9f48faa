"""Two people with `hullo phone` in two terminals of 80x24, from nothing to a call: real programs, driven by tmux.

They have daemons of their own, a rendezvous, and the null backend for sound, so that it runs where no sound card is.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.cli.test_commands import HULLO
from tests.cli.test_private_calls import process
from tests.service.socket_client import short_directory

pytestmark = [pytest.mark.peer, pytest.mark.timeout(240)]

PATIENCE = 40.0
"""Seconds for what takes one or two on a machine that does nothing else."""

EMOJI = re.compile(r"compare +(\S+(?: \S+){4})")


class Terminal:
    """One person's terminal."""

    def __init__(self, tmux: list[str], name: str, home: Path, **environment: str) -> None:
        home.mkdir()
        self.home = home
        self._tmux = tmux
        self._name = name
        settings = {
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TERM": "screen-256color",
            "HULLO__AUDIO__BACKEND": "null",
            "HULLO__CALLS__LOST_SECONDS": "6",
            **environment,
        }
        variables = [f"{key}={value}" for key, value in settings.items()]
        self._do("new-session", "-d", "-s", name, "-x", "80", "-y", "24", "env", "-i", *variables, "sh")
        self.keys(" ".join(HULLO) + " phone", "Enter")

    def _do(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, command, *arguments], capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press keys, by their tmux names, or type a text."""
        for key in keys:
            self._do("send-keys", "-t", self._name, key)

    def screen(self) -> str:
        """What is on the screen; lines that the terminal broke are whole."""
        return self._do("capture-pane", "-p", "-J", "-t", self._name)

    def resize(self, columns: int, rows: int) -> None:
        self._do("resize-window", "-t", self._name, "-x", str(columns), "-y", str(rows))

    def sees(self, *texts: str) -> str:
        """The screen, as soon as all texts are on it."""
        return self.until(lambda screen: all(text in screen for text in texts), f"no {texts}")

    def until(self, what: Callable[[str], object], otherwise: str) -> str:
        """The screen, as soon as `what` is true of it."""
        deadline = time.monotonic() + PATIENCE
        while not what(screen := self.screen()):
            assert time.monotonic() < deadline, f"{otherwise}:\n{screen}"
            time.sleep(0.1)
        return screen

    def daemon(self) -> psutil.Process:
        """The daemon that this phone started."""
        for each in psutil.process_iter(["cmdline"]):
            if "--attached" in (each.info["cmdline"] or []) and each.environ().get("HOME") == str(self.home):
                return each
        raise AssertionError("this phone has no daemon")


@contextmanager
def tmux(directory: Path) -> Iterator[list[str]]:
    """A tmux server of our own."""
    command = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
    try:
        yield command
    finally:
        subprocess.run([*command, "kill-server"], check=False, capture_output=True, timeout=20)


@contextmanager
def two_people() -> Iterator[tuple[Terminal, Terminal]]:
    """Alice and Bob, who have been through the first start: Alice has invited Bob."""
    with short_directory() as directory, tmux(directory) as command:
        data = str(directory / "rendezvous.db")
        with process("rendezvous", "--port", "0", "--data", data, stream="stdout", until="ws://") as url:
            alice = Terminal(command, "alice", directory / "alice")
            bob = Terminal(command, "bob", directory / "bob")
            try:
                alice.sees("Welcome to hullo", "address of a rendezvous:")
                alice.keys(url, "Enter")
                alice.sees("Your name there")
                alice.keys("alice", "Enter")
                invite = invitation(alice.sees("Enter opens the phone"))
                bob.sees("address of a rendezvous:")
                bob.keys(invite, "Enter", "bob", "Enter")
                invite = invitation(bob.sees("alice is among your contacts", "Enter opens the phone"), "bob")
                alice.keys("Enter")
                bob.keys("Enter")
                alice.sees("alice | can be called", "No contacts yet")
                bob.sees("bob | can be called", "alice", "not verified")
                alice.keys("+")
                alice.sees("Paste the invite")
                alice.keys(invite, "Enter")
                alice.sees("Who gave you the invite of bob?")
                alice.keys("Enter")
                alice.sees("bob                 verified")
                yield alice, bob
            finally:
                for person in (alice, bob):
                    person.keys("C-c")
                for person in (alice, bob):
                    person.sees("ending the daemon that was started for this phone ... done")


def invitation(screen: str, person: str = "alice") -> str:
    found = re.search(rf"^hullo:{person}@\S+#\S{{43}}$", screen, re.M)
    assert found is not None, screen
    return found.group()


def call(caller: Terminal, callee: Terminal) -> None:
    """Call whoever is marked, and be answered."""
    caller.keys("Enter")
    callee.sees("CALLS YOU", "a answer")
    caller.sees("it rings at their end")
    callee.keys("a")
    for person in (caller, callee):
        person.sees("talking, 0:0", "compare")


def emoji(screen: str) -> str:
    found = EMOJI.search(screen)
    assert found is not None, screen
    return found.group(1)


def test_two_people_call_each_other_from_nothing() -> None:
    with two_people() as (alice, bob):
        call(bob, alice)
        ours, theirs = alice.screen(), bob.screen()
        assert emoji(ours) == emoji(theirs)
        assert "from bob (direct), verified" in ours
        assert "to alice (direct), not verified" in theirs
        bob.sees("they hear you | you hear them", "NULL Capture Device")
        bob.keys("m")
        bob.sees("you are MUTED")
        bob.keys("m")
        bob.sees("they hear you")
        bob.keys("t")
        bob.sees("hold Space to talk")
        bob.keys("Space")
        bob.sees("you TALK")
        bob.sees("hold Space to talk")  # it does not repeat: it was released
        bob.sees("lost 0.0/0.0 %, round trip")
        bob.keys("v")
        numbers = bob.sees("Safety number")
        alice.keys("v")
        assert re.findall(r"(?:\d{5} ){3}\d{5}", alice.sees("Safety number")) == re.findall(
            r"(?:\d{5} ){3}\d{5}", numbers
        )
        bob.keys("Down", "Down", "Enter")  # the numbers are the same
        bob.sees("alice               verified")
        alice.keys("Escape")
        alice.until(lambda screen: "Safety number" not in screen, "the window stays")
        for columns, rows in ((50, 14), (100, 30), (80, 24)):
            alice.resize(columns, rows)
            alice.sees("talking", "compare", "? keys")
        bob.keys("h")
        bob.sees("over: you hung up")
        alice.sees("over: they hung up", "from bob")
        bob.sees("to alice")
        bob.keys("r")  # again, and nobody answers
        alice.sees("CALLS YOU")
        bob.keys("h")
        alice.sees("missed bob")


def test_a_voice_message_for_somebody() -> None:
    with two_people() as (alice, bob):
        bob.keys("v")
        bob.sees("Record a voice message")
        bob.keys("Down", "Enter")
        bob.sees("voice message for alice", "recording, 0:01", "Send it")
        bob.keys("Enter")
        bob.sees("the voice message for alice is on its way")
        alice.sees("1 new voice message: p", "a voice message from bob")
        alice.keys("p")
        alice.sees("from bob 0:01, NEW")
        alice.keys("Enter")
        alice.sees("from bob 0:01, heard")
        bob.keys("p")
        bob.sees("to alice 0:01, heard")
        for person in (alice, bob):
            person.keys("Escape")
            person.until(lambda screen: "Up, Down" not in screen, "the window stays")


def test_a_daemon_that_is_killed_in_mid_call_is_told_and_started_again() -> None:
    with two_people() as (alice, bob):
        call(bob, alice)
        bob.daemon().send_signal(signal.SIGKILL)
        bob.sees("over: the daemon was killed by signal 9", "! the daemon was killed")
        alice.sees("Reconnecting ...")
        alice.sees("over: nothing came from the peer for 6 s")
        bob.sees("can be called")
        call(alice, bob)


def test_without_sound_or_colour_the_phone_says_so_in_words() -> None:
    with short_directory() as directory, tmux(directory) as command:
        config = directory / "hullo.toml"
        config.write_text('[direct]\nenabled = true\nrendezvous = "ws://127.0.0.1:9/rendezvous"\n')
        environment = {"XDG_CONFIG_HOME": str(directory), "NO_COLOR": "1", "HULLO__AUDIO__ENABLED": "false"}
        (directory / "hullo").mkdir()
        config.rename(directory / "hullo" / "hullo.toml")
        carol = Terminal(command, "carol", directory / "carol", **environment, HULLO__SPEECH__ENABLED="false")
        carol.sees("Your name there")
        carol.keys("carol", "Enter")
        carol.sees("Enter opens the phone")
        carol.keys("Enter")
        carol.sees("carol | direct: the rendezvous can't be reached", "no microphone and no speaker")
        carol.keys("q")
        carol.sees("ending the daemon that was started for this phone ... done")


def test_a_configuration_that_is_wrong_is_named_before_any_screen() -> None:
    with short_directory() as directory:
        config = directory / "hullo.toml"
        config.write_text("[audio]\nbackend = 'nonsense'\n")
        command = [sys.executable, "-m", "hullo", "phone", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert "backend" in done.stderr
