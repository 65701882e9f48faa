"""Sealed files that devices leave for each other: on disk as they came, few enough, and for a limited time.

A file on disk is named after a hash of its id, its owner (a keyed hash), its size and when it expires, so that there is
no index that could be lost, and several nodes can share a folder. Whoever knows an id may read the file; whoever
reserved it has a ticket to write it. What is in it is never looked at.
"""

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hullo.rendezvous.storage_key import StorageKey

MIB: Final = 1 << 20
DAY: Final = 86_400.0

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the folder, where other nodes may have put something, or something has expired."""

_NAME: Final = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}\.\d+\.\d+")
"""What is called otherwise (`lost+found`, `.nfs...`) is not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageLimits:
    """Bytes of one file, of all files of a device, and of all files; seconds that one is kept."""

    file: int = 20 * MIB
    device: int = 128 * MIB
    total: int = 4096 * MIB
    keep: float = 14 * DAY
    unfinished: float = DAY
    """Without progress for so long, a file that is not whole is given up."""


class StorageRefused(Exception):
    """There is no room: `code` is for programs, the text for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class UnknownFile(Exception):
    """There is no such file, or not any more."""


class WrongOffset(Exception):
    """Bytes that do not follow those that are there: `received` of them."""

    def __init__(self, received: int) -> None:
        super().__init__(f"{received} bytes are there")
        self.received = received


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for a file: its id, the ticket to write it, and for how many seconds it is kept."""

    file: str
    ticket: str
    keep: float


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the folder."""

    path: Path
    owner: str
    size: int
    """Bytes that it will have."""
    expires: int
    """Unix time."""

    @property
    def received(self) -> int:
        """Bytes that are there. Raises `UnknownFile` if it has gone."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            raise UnknownFile from None

    @property
    def is_whole(self) -> bool:
        """Whether it can be read."""
        return self.received == self.size


class Storage:
    """The files in one folder. Every method may raise `OSError`. `wall` is Unix time."""

    def __init__(
        self, folder: Path, limits: StorageLimits | None = None, *, wall: Callable[[], float] = time.time
    ) -> None:
        self.limits = limits or StorageLimits()
        self._key = StorageKey(folder)
        self._folder = folder / "files"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._wall = wall
        self._files: dict[str, StoredFile] = {}
        self._looked = -LOOK_EVERY

    def reserve(self, person: str, device: str, size: int) -> Reservation:
        """Room for a file of that many bytes. Raises `StorageRefused`."""
        now = self._look()
        owner = self._key.derive("owner", person, device).hex()[:16]
        self._check_room(owner, size)
        file = secrets.token_urlsafe(32)
        name = f"{_hashed(file)}.{owner}.{size}.{int(now + self.limits.keep)}"
        os.close(os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self._files[_hashed(file)] = _parsed(self._folder / name)
        return Reservation(file, self._ticket(file), self.limits.keep)

    def may_write(self, file: str, ticket: str) -> bool:
        """Whether the ticket is the one for that file."""
        return hmac.compare_digest(self._ticket(file).encode(), ticket.encode(errors="replace"))

    def find(self, file: str) -> StoredFile:
        """A file by its id. Raises `UnknownFile`."""
        now = self._look()
        found = self._files.get(_hashed(file))
        if found is None or found.expires <= now:
            raise UnknownFile
        return found

    def append(self, stored: StoredFile, offset: int, data: bytes) -> int:
        """The next bytes of a file; how many are there then. Raises `UnknownFile`, `WrongOffset`, `StorageRefused`."""
        received = stored.received
        if offset != received:
            raise WrongOffset(received)
        if offset + len(data) > stored.size:
            raise StorageRefused("too-big", f"room was reserved for {stored.size} bytes, and more came")
        descriptor = os.open(stored.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            written = os.write(descriptor, data)
        finally:
            os.close(descriptor)
        if written < len(data):
            raise StorageRefused("full", "the disk of the rendezvous is full; try again later")
        return offset + written

    def _check_room(self, owner: str, size: int) -> None:
        if not 0 < size <= self.limits.file:
            raise StorageRefused("too-big", f"a file of {size} bytes: at most {self.limits.file} are kept here")
        own = sum(stored.size for stored in self._files.values() if stored.owner == owner)
        if own + size > self.limits.device:
            detail = f"this device has {own} bytes stored of the {self.limits.device} allowed; the oldest expire first"
            raise StorageRefused("quota", detail)
        if sum(stored.size for stored in self._files.values()) + size > self.limits.total:
            raise StorageRefused("full", "the rendezvous has no room for more files at the moment; try again later")

    def _ticket(self, file: str) -> str:
        return self._key.derive("upload", file).hex()

    def _look(self) -> float:
        """What there is, at most once a second; what has expired is removed. Returns the time."""
        now = self._wall()
        if not 0 <= now - self._looked < LOOK_EVERY:  # the clock may have been set back
            self._looked = now
            self._files = {
                path.name.partition(".")[0]: _parsed(path)
                for path in self._folder.iterdir()
                if _NAME.fullmatch(path.name)
            }
            for hashed in [hashed for hashed, stored in self._files.items() if self._is_over(stored, now)]:
                self._files.pop(hashed).path.unlink(missing_ok=True)
        return now

    def _is_over(self, stored: StoredFile, now: float) -> bool:
        try:
            found = stored.path.stat()
        except FileNotFoundError:
            return True
        given_up = found.st_size < stored.size and found.st_mtime + self.limits.unfinished <= now
        return given_up or stored.expires <= now


def _hashed(file: str) -> str:
    return hashlib.sha256(file.encode()).hexdigest()[:32]


def _parsed(path: Path) -> StoredFile:
    _, owner, size, expires = path.name.split(".")
    return StoredFile(path, owner, int(size), int(expires))
