"""Secrets that stand in files of their own."""

import os
import secrets
import stat
from pathlib import Path

_LONGEST = 4096
_SHORTEST = 16


class SecretError(Exception):
    """A secret can't be used; the message names the file and says what to do, never what is in it."""


def read_secret(path: Path, *, shortest: int = _SHORTEST) -> str:
    """The first line of a file that only its owner, we or root, can read. Raises `SecretError`."""
    try:
        text = _first_bytes(path).decode("ascii")
    except OSError as error:
        raise SecretError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError(f"{path} holds something else than letters, digits and signs: make a new token") from None
    secret = text.split("\n")[0].strip()
    if len(secret) < shortest:
        raise SecretError(
            f"{path} holds fewer than {shortest} characters: openssl rand -hex 32 makes a good token"
            if shortest > 1
            else f"{path} is empty: write the key into it"
        )
    return secret


def read_key(path: Path) -> str:
    """The same for a secret that somebody else made, of any length."""
    return read_secret(path, shortest=1)


def own_secret(path: Path) -> str:
    """The secret in `path`, which is made if it is not there, for its owner only. Raises `SecretError`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return read_secret(path)
    except OSError as error:
        raise SecretError(f"{path} can't be made: {error.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.token_urlsafe(32)}\n")
    return read_secret(path)


def _first_bytes(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _check(path, os.fstat(descriptor))
        return os.read(descriptor, _LONGEST)
    finally:
        os.close(descriptor)


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretError(f"{path} is not a file")
    if found.st_uid not in (os.getuid(), 0):
        raise SecretError(f"{path} belongs to user {found.st_uid}: make it your own")
    if found.st_mode & 0o077:
        raise SecretError(f"{path} can be read by others: chmod 600 {path}")
