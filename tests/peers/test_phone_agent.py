"""The phone agent of examples/, whole: a chat server, a daemon with one configuration file, and somebody who calls."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.test_readme import wait_for_port
from tests.ports import free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "phone_agent"
HULLO = [sys.executable, "-W", "ignore", "-m", "hullo"]
pytestmark = pytest.mark.peer


@contextmanager
def program(*command: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            process.stderr.read()


def heard_until(command: list[str], *expected: str) -> Iterator[str]:
    """What the program of a `hullo call --json` hears, until one of the words that are expected is in it.

    However long that takes: on a busy machine a recogniser needs many seconds for one of speech.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        for line in caller.stdout:
            event = json.loads(line)
            if event.get("type") != "call.speech":
                continue
            yield event["text"]
            if any(word in event["text"] for word in expected):
                caller.send_signal(signal.SIGINT)
                break
        caller.stdout.read()


def call(folder: Path, *expected: str, with_server: bool) -> list[str]:
    """What the caller hears of the agent, until one of the words that are expected is in it, or for a minute."""
    folder.chmod(0o700)
    chat, browser = free_port(), free_port()
    text = (EXAMPLE / "hullo.toml").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{chat}")
    config = folder / "hullo.toml"
    config.write_text(f'{text}\n[browser]\nport = {browser}\n[rpc]\nsocket = "{folder}/s"\n')
    server = program(sys.executable, str(EXAMPLE / "chat_server.py"), str(chat))
    with server as chat_server, program(*HULLO, "serve", "--config", str(config)) as daemon:
        wait_for_port(chat, chat_server)
        if not with_server:
            chat_server.kill()
        assert daemon.stderr is not None
        assert any(line.rstrip().endswith("ready") for line in daemon.stderr)
        address = f"http://127.0.0.1:{browser}/call"
        command = [*HULLO, "call", address, "--say", "Are you open on Sunday?", "--stay", "60", "--json"]
        return list(heard_until(command, *expected))


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("p")
    yield path
    shutil.rmtree(path)


@pytest.mark.timeout(240)
def test_the_agent_answers_what_the_chat_server_says(folder: Path) -> None:
    expected = "monday", "closed", "eleven", "understood", "say that again"  # the last two where the agent misheard
    heard = call(folder, *expected, with_server=True)
    assert any(word in text for text in heard for word in expected), heard


@pytest.mark.timeout(240)
def test_without_the_chat_server_the_agent_says_so(folder: Path) -> None:
    expected = "sorry", "moment", "again", "try"
    heard = call(folder, *expected, with_server=False)
    assert any(word in text for text in heard for word in expected), heard
