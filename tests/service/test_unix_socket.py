"""A socket that only its owner can open, and that never takes anything away from anybody."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from hullo.service.unix_socket import SocketError, default_socket_path, is_allowed, listening, peer_uid
from tests.service.socket_client import running, short_directory

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = 65534


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


def test_it_is_0600_whatever_the_umask_and_leaves_nothing_behind(directory: Path) -> None:
    before = os.umask(0)
    try:
        with listening(directory / "s"):
            assert stat.S_IMODE((directory / "s").stat().st_mode) == 0o600
            assert [path.name for path in directory.iterdir()] == ["s"]
    finally:
        assert os.umask(before) == 0
    assert list(directory.iterdir()) == []


def test_the_directory_is_made_for_its_owner_only(directory: Path) -> None:
    with listening(directory / "new" / "s"):
        assert stat.S_IMODE((directory / "new").stat().st_mode) == 0o700


def test_a_socket_that_nobody_listens_on_is_replaced(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / "s"))
    with listening(directory / "s"), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(directory / "s"))


def test_a_socket_that_somebody_listens_on_is_left_alone(directory: Path) -> None:
    with listening(directory / "s"):
        with pytest.raises(SocketError, match="already: stop it"), listening(directory / "s"):
            pass
        assert (directory / "s").exists()


def test_two_daemons_that_start_at_once_do_not_take_a_stale_socket_from_each_other(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / "s"))
    program = textwrap.dedent("""
        import sys, pathlib
        from hullo.service.unix_socket import SocketError, listening
        sys.stdin.readline()
        try:
            with listening(pathlib.Path(sys.argv[1])):
                print("mine", flush=True)
                sys.stdin.readline()
        except SocketError:
            print("taken", flush=True)
    """)
    daemons = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(directory / "s")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for _ in range(4)
    ]
    for daemon in daemons:
        assert daemon.stdin is not None
        daemon.stdin.write("go\n")
    said = [daemon.stdout.readline().strip() for daemon in daemons if daemon.stdout is not None]
    for daemon in daemons:
        daemon.communicate("stop\n", timeout=20)
    assert sorted(said) == ["mine", "taken", "taken", "taken"]


def test_a_file_is_not_replaced(directory: Path) -> None:
    (directory / "s").write_text("dear")
    with pytest.raises(SocketError, match="is not a socket"), listening(directory / "s"):
        pass
    assert (directory / "s").read_text() == "dear"


def test_a_link_to_a_socket_is_not_followed(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / "elsewhere"))
    (directory / "s").symlink_to(directory / "elsewhere")
    with pytest.raises(SocketError, match="is not a socket"), listening(directory / "s"):
        pass


def test_a_directory_that_others_can_write_to_is_refused(directory: Path) -> None:
    (directory / "open").mkdir()
    (directory / "open").chmod(0o777)
    with pytest.raises(SocketError, match="chmod 700"), listening(directory / "open" / "s"):
        pass


def test_a_path_that_is_too_long_is_refused_with_how_much(directory: Path) -> None:
    with pytest.raises(SocketError, match="too long for a Unix socket by"), listening(directory / ("x" * 120) / "s"):
        pass
    assert list(directory.iterdir()) == []


def test_a_directory_that_can_not_be_made_is_one_error(directory: Path) -> None:
    (directory / "file").write_text("")
    with pytest.raises(SocketError, match="can't be made"), listening(directory / "file" / "s"):
        pass


def test_a_socket_that_was_replaced_behind_our_back_is_not_removed(directory: Path) -> None:
    with listening(directory / "s"):
        (directory / "s").unlink()
        (directory / "s").write_text("somebody else's")
    assert (directory / "s").read_text() == "somebody else's"


def test_the_default_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    assert default_socket_path() == Path("/run/user/1/hullo/hullo.sock")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_socket_path() == Path("/home/ann/.hullo/hullo.sock")


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert peer_uid(here) == os.getuid()
    assert is_allowed(os.getuid())
    assert not is_allowed(os.getuid() + 1)


CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect(sys.argv[1])
    except PermissionError:
        sys.exit("no permission")
    try:
        client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"health"}\\n')
    except OSError:
        pass  # hung up on already; the reason can still be read
    print(client.makefile().readline(), end="")
"""


async def as_nobody(path: Path) -> tuple[str, str]:
    """What a program of another user gets from the socket: its output and its last words."""
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/env",
        "python3",
        "-c",
        CONNECT,
        str(path),
        user=NOBODY,
        group=NOBODY,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )
    output, errors = await process.communicate()
    return output.decode(), errors.decode()


@needs_root
async def test_another_user_can_not_even_connect() -> None:
    async with running() as server:
        server.path.parent.chmod(0o755)
        assert await as_nobody(server.path) == ("", "no permission\n")


@needs_root
async def test_another_user_is_told_by_the_daemon_when_the_mode_was_loosened() -> None:
    async with running() as server:
        server.path.parent.chmod(0o755)
        server.path.chmod(0o666)
        output, _ = await as_nobody(server.path)
        assert '"kind":"not-allowed"' in output
        assert f"user {NOBODY}" in output
        assert server.server.clients == 0
