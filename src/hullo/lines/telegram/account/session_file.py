"""The session file: the key to an account, for its owner's eyes only, and used by one process at a time."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

_MAGIC = "hullo-telegram-1"


class SessionFileError(Exception):
    """The session file can't be used; the message says what to do, never what is in it."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login: the data centre, and the key that stands for the account there. Either client library can use it."""

    api_id: int
    dc: int
    host: str
    port: int
    auth_key: bytes = b""
    """256 bytes, or nothing before the first connection."""
    user_id: int = 0
    """0 until somebody is logged in."""
    format: str = _MAGIC

    def __repr__(self) -> str:
        """Without the key, which is a secret."""
        return f"Session(dc={self.dc}, user_id={self.user_id})"


class SessionFile:
    """One session file, and beside it the people this account knows (`.users`), how far its updates have been read
    (`.updates`), and a lock (`.lock`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.users_path = path.with_name(path.name + ".users")
        self.updates_path = path.with_name(path.name + ".updates")

    def load(self) -> Session:
        """The login in the file. Raises `SessionFileError`."""
        try:
            data = read_private(self.path)
        except FileNotFoundError:
            raise SessionFileError(f"{self.path} is not there: run `hullo telegram login`") from None
        except OSError as error:
            raise SessionFileError(f"{self.path} can't be read: {error.strerror}") from None
        try:
            session = msgspec.json.decode(data, type=Session)
        except (msgspec.ValidationError, msgspec.DecodeError):
            session = None
        if session is None or session.format != _MAGIC or len(session.auth_key) != 256:
            raise SessionFileError(f"{self.path} is not a session file of hullo: name another, or log in again")
        return session

    def store(self, session: Session) -> None:
        """Write the login, whole or not at all, readable by its owner only. Raises `OSError`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.path, msgspec.json.encode(session))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the account; Telegram voids a key that two places use. Raises `SessionFileError` if another has it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self.path.with_name(self.path.name + ".lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SessionFileError(
                    f"{self.path} is in use by another process: stop that one, or log in a second time to another file"
                ) from None
            yield
        finally:
            os.close(descriptor)


def read_private(path: Path) -> bytes:
    """A file that nobody but its owner, we or root, can read. Raises `SessionFileError` and `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise SessionFileError(f"{path} is not a file")
        if found.st_uid not in (os.getuid(), 0):
            raise SessionFileError(f"{path} belongs to user {found.st_uid}: make it your own")
        if found.st_mode & 0o077:
            raise SessionFileError(f"{path} is a key to the account and others can read it: chmod 600 {path}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file by one that only we can read. Raises `OSError`."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
