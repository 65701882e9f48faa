"""Secrets that stand in files of their own."""

import os
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
