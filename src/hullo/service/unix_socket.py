"""A Unix socket that only its owner can open: made, guarded and removed."""

import contextlib
import fcntl
import os
import secrets
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_BACKLOG = 128
_PATH_BYTES = 103 if sys.platform == "darwin" else 107
_LOCK_SECONDS = 3.0


class SocketError(Exception):
    """The socket can't be made; the message says why and what to do."""


def default_socket_path() -> Path:
    """`$XDG_RUNTIME_DIR/hullo/hullo.sock`, or `~/.hullo/hullo.sock` where there is no such directory."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "hullo" / "hullo.sock" if runtime else Path.home() / ".hullo" / "hullo.sock"


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A listening socket at `path`, mode 0600 from its first moment; gone from the disk afterwards.

    A socket that nobody listens on any more is replaced. Raises `SocketError` when somebody does, when `path` is
    something else, or when others could tamper with its directory.
    """
    _check_length(path)
    _prepare_directory(path.parent)
    with _directory_lock(path.parent):
        _check_free(path)
        listener = _bind(path)
    inode = path.stat().st_ino
    try:
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == inode:
                path.unlink()


def is_listening(path: Path) -> bool:
    """Whether somebody listens at `path`, as far as one who may connect can tell."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
    return True


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end of a connected Unix socket, as the kernel knows it. Raises `OSError`."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    sol_local, local_peercred = 0, 1  # struct xucred of macOS and the BSDs: version, uid, groups
    return int(struct.unpack("2I", connection.getsockopt(sol_local, local_peercred, 76)[:8])[1])


def is_allowed(uid: int) -> bool:
    """Whether a user may use our socket: we ourselves, and root."""
    return uid in (os.getuid(), 0)


def _check_length(path: Path) -> None:
    longest = len(os.fsencode(_unborn(path)))
    if longest > _PATH_BYTES:
        raise SocketError(
            f"{path} is too long for a Unix socket by {longest - _PATH_BYTES} bytes: choose a shorter path"
        )


def _prepare_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
    except OSError as error:
        raise SocketError(f"{directory} can't be made: {error.strerror}: choose another [rpc] socket") from error
    if found.st_uid not in (os.getuid(), 0):
        raise SocketError(f"{directory} belongs to user {found.st_uid}: put the socket into a directory of your own")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        raise SocketError(f"others may write to {directory}: chmod 700 it, or put the socket elsewhere")


@contextlib.contextmanager
def _directory_lock(directory: Path) -> Iterator[None]:
    """Keeps two daemons that start at once from both taking over the same stale socket."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deadline = time.monotonic() + _LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SocketError(f"another process keeps {directory} locked: is a daemon starting?") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _check_free(path: Path) -> None:
    """Raises `SocketError` unless nothing is at `path`, or a socket that nobody listens on."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketError(f"{path} is not a socket and is left alone: remove it, or choose another [rpc] socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
        except OSError as error:
            raise SocketError(
                f"{path} is in use ({error.strerror}): stop that daemon, or choose another path"
            ) from error
    raise SocketError(f"a daemon listens on {path} already: stop it, or choose another path with --socket")


def _bind(path: Path) -> socket.socket:
    """Bind under a name in a directory of our own, then move the socket to `path`, so that its mode is never wrong."""
    unborn = _unborn(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        unborn.parent.mkdir(mode=0o700)
        try:
            listener.bind(str(unborn))
            unborn.chmod(0o600)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            unborn.rename(path)
        finally:
            unborn.unlink(missing_ok=True)
            unborn.parent.rmdir()
    except OSError as error:
        listener.close()
        raise SocketError(f"{path} can't be made: {error.strerror}: choose another path with --socket") from error
    return listener


def _unborn(path: Path) -> Path:
    return path.parent / f".hullo-{secrets.token_hex(4)}" / "s"
