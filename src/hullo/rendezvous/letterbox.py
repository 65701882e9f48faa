"""Letters: envelopes that are kept on disk for days, until the device that they are for has taken them.

Each is encrypted under a key of its box, so that the disk without the folder's key file tells neither who writes nor to
whom; what the letter says is encrypted by its sender in any case. Who sends how many is known by reading them, and kept
in memory only.
"""

import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hullo.rendezvous.fairness import gives_way
from hullo.rendezvous.storage_key import StorageKey
from hullo.rendezvous.wire import Envelope

MAX_WAITING: Final = 100
"""Letters for one device; with more, whoever has sent most of them gives way, or the sender is told."""
MAX_BYTES: Final = 512 << 20
"""For all devices together."""
MAX_SENDERS: Final = 20_000
"""Letters of which we remember who sent them; of others it is read again."""
LOOK_EVERY: Final = 60.0
"""Seconds between two looks through all boxes for what has expired, or was put there by another node."""

_NONCE: Final = 12
_BOX: Final = re.compile(r"[0-9a-f]{32}")
_LETTER: Final = re.compile(r"\d{13}-[0-9a-f]{16}\.\d+")
"""What is called otherwise (`lost+found`, `.nfs...`) is not ours."""


class Letterbox:
    """The letters of all devices in one folder. Every method may raise `OSError`. `wall` is Unix time."""

    def __init__(
        self,
        folder: Path,
        *,
        max_waiting: int = MAX_WAITING,
        max_bytes: int = MAX_BYTES,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._key = StorageKey(folder)
        self._folder = folder / "letters"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._wall = wall
        self._bytes = 0
        self._looked = -LOOK_EVERY
        self._senders: OrderedDict[str, str] = OrderedDict()

    def put(self, person: str, device: str, envelope: Envelope, seconds: float) -> str | None:
        """Keep a letter for that long; its id, or None if there is no room."""
        now = self._look()
        box = self._box(person, device)
        box.mkdir(mode=0o700, exist_ok=True)
        if self._bytes + len(envelope.data) > self._max_bytes:
            return None
        there = _letters(box)
        outdone: Path | None = None
        if len(there) >= self._max_waiting:
            cipher = self._cipher(person, device)
            index = gives_way([self._sender(path, cipher) for path in there], envelope.person)
            if index is None:
                return None
            outdone = there[index]
        letter = f"{int(now * 1000):013d}-{secrets.token_hex(8)}"
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._cipher(person, device).encrypt(nonce, msgspec.msgpack.encode(envelope), letter.encode())
        _write(box / f"{letter}.{int(now + seconds)}", sealed)
        self._bytes += len(sealed)
        self._remember(letter, envelope.person)
        if outdone is not None:
            self._unlink(outdone)
        return letter

    def waiting(self, person: str, device: str) -> list[Envelope]:
        """What a device has not taken yet, oldest first, with the ids to take it by."""
        now = self._wall()
        cipher = self._cipher(person, device)
        found = []
        for path in _letters(self._box(person, device)):
            letter, _, expires = path.name.partition(".")
            envelope = _opened(path, cipher) if int(expires) > now else None
            if envelope is not None:
                waited = max(now - int(letter[:13]) / 1000, 0.0)
                found.append(msgspec.structs.replace(envelope, waited=waited, letter=letter))
        return found

    def remove(self, person: str, device: str, letter: str) -> None:
        """A device has taken a letter; nothing if it is not there."""
        for path in _letters(self._box(person, device)):
            if path.name.partition(".")[0] == letter:
                self._unlink(path)

    def clear(self, person: str, device: str) -> None:
        """The device is no more."""
        for path in _letters(self._box(person, device)):
            self._unlink(path)

    def _sender(self, path: Path, cipher: ChaCha20Poly1305) -> str:
        """Who has sent a letter; nobody, if it was taken meanwhile or is damaged."""
        letter = path.name.partition(".")[0]
        if letter not in self._senders:
            envelope = _opened(path, cipher)
            self._remember(letter, "" if envelope is None else envelope.person)
        return self._senders[letter]

    def _remember(self, letter: str, sender: str) -> None:
        self._senders[letter] = sender
        if len(self._senders) > MAX_SENDERS:
            self._senders.popitem(last=False)

    def _box(self, person: str, device: str) -> Path:
        return self._folder / self._key.derive("box", person, device).hex()[:32]

    def _cipher(self, person: str, device: str) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(self._key.derive("letters", person, device))

    def _look(self) -> float:
        """Count all letters now and then, and throw away what has waited too long. Returns the time."""
        now = self._wall()
        if not 0 <= now - self._looked < LOOK_EVERY:  # the clock may have been set back
            self._looked = now
            boxes = [box for box in self._folder.iterdir() if _BOX.fullmatch(box.name)]
            self._bytes = sum(_kept(path, now) for box in boxes for path in _letters(box))
        return now

    def _unlink(self, path: Path) -> None:
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return
        self._bytes -= size


def _letters(box: Path) -> list[Path]:
    """Oldest first."""
    try:
        return sorted(path for path in box.iterdir() if _LETTER.fullmatch(path.name))
    except FileNotFoundError:
        return []


def _opened(path: Path, cipher: ChaCha20Poly1305) -> Envelope | None:
    """None if it was taken meanwhile, or is damaged: the look through all boxes removes it when it expires."""
    try:
        sealed = path.read_bytes()
        plain = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], path.name.partition(".")[0].encode())
        return msgspec.msgpack.decode(plain, type=Envelope)
    except (FileNotFoundError, InvalidTag, ValueError, msgspec.DecodeError):
        return None


def _kept(path: Path, now: float) -> int:
    """The bytes of a letter; 0 if it has expired, and is removed, or if another node has removed it meanwhile."""
    try:
        if int(path.name.partition(".")[2]) > now:
            return path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        pass
    return 0


def _write(path: Path, data: bytes) -> None:
    """The letter is on the disk when this returns, for its sender is told that it waits."""
    draft = path.with_name(f"{path.name}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    box = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(box)
    finally:
        os.close(box)
