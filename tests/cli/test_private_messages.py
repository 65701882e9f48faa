"""Voice messages as people send them from the shell: a rendezvous, a daemon, and commands without one."""

import json
import subprocess
from pathlib import Path

import pytest

from hullo.messages.metadata import Delivery, Direction
from hullo.messages.store import MessageStore
from tests.cli.test_commands import HULLO, QUICK, run
from tests.cli.test_private_calls import person, process, silence


def friends(folder: Path, url: str) -> tuple[str, str]:
    """The configurations of Alice and Bob, who know each other; each with a folder for messages."""
    found = []
    for name in ("alice", "bob"):
        config, _ = person(folder, name, url)
        with Path(config).open("a") as file:
            file.write(f'\n[messages]\nfolder = "{folder}/{name}/messages"\n')
        found.append(config)
    for config, other in zip(found, ("bob", "alice"), strict=True):
        assert run("contacts", "add", other, "--config", config).returncode == 0
    return found[0], found[1]


def lines(command: "subprocess.CompletedProcess[str]") -> list[dict[str, object]]:
    """What a command printed as JSON; it must have succeeded."""
    assert command.returncode == 0, command.stderr
    return [json.loads(line) for line in command.stdout.splitlines()]


def play_next(config: str) -> None:
    """Hear the first message that is new."""
    command = [*HULLO, "message", "play", "--config", config]
    assert subprocess.run(command, capture_output=True, check=True, timeout=QUICK).stdout.startswith(b"RIFF")


def test_a_message_goes_from_shell_to_shell_and_from_shell_to_daemon(tmp_path: Path) -> None:
    rendezvous = ("rendezvous", "--port", "0", "--data", str(tmp_path / "rendezvous.db"))
    sound = str(silence(tmp_path))
    with process(*rendezvous, stream="stdout", until="ws://") as url:
        alice, bob = friends(tmp_path, url)
        assert (
            lines(run("message", "inbox", "--config", bob, "--wait", "0.5", "--json")) == []
        )  # bob is known there now
        [sent] = lines(run("message", "send", "bob", sound, "--config", alice, "--json"))
        assert (sent["peer"], sent["delivery"]) == ("bob", "sent")
        [came] = lines(run("message", "inbox", "--config", bob, "--wait", "2", "--json"))
        assert (came["peer"], came["duration"]) == ("alice", sent["duration"])
        play_next(bob)
        with process("serve", "--config", bob, stream="stderr", until="ready"):
            again = lines(run("message", "send", "bob", "last", "--config", alice, "--json"))
            assert again[0]["message_id"] != sent["message_id"]
            back = lines(run("message", "send", "alice", sound, "--config", bob, "--json"))  # by the daemon
            assert back[0]["delivery"] in ("sent", "delivered")
            play_next(bob)
            assert lines(run("message", "inbox", "--config", bob, "--json")) == []  # all have been heard
        shown = run("message", "inbox", "--config", alice, "--wait", "2")
        assert "bob" in shown.stdout
    listed = [line.split()[-3:] for line in run("message", "list", "--config", alice).stdout.splitlines()[1:]]
    assert sorted(listed) == [["heard", "to", "bob"], ["heard", "to", "bob"], ["new", "from", "bob"]]
    known = [message.metadata for message in MessageStore(tmp_path / "alice" / "messages").messages()]
    assert [one.delivery for one in known if one and one.direction is Direction.SENT] == [Delivery.HEARD] * 2
    assert (tmp_path / "rendezvous.files" / "files").is_dir()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bob",), "what shall be sent?"),
        (("bob", "last", "--text", "x"), "what shall be sent?"),
        (("bob", "nothing"), "no message begins with 'nothing'"),
        (("bob", "SOUND"), "there is no line for messages"),
    ],
)
def test_what_can_not_be_sent_is_one_clear_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    config = tmp_path / "hullo.toml"
    config.write_text(f'[messages]\nfolder = "{tmp_path}/messages"\n[rpc]\nsocket = "{tmp_path}/s"\n')
    sound = str(silence(tmp_path))
    given = [sound if argument == "SOUND" else argument for argument in arguments]
    refused = run("message", "send", *given, "--config", str(config))
    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
