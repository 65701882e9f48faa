"""The folder where voice messages are kept: which there are, which are unheard, and those that were left unfinished."""

import fcntl
import math
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from hullo.media.ogg import OggError
from hullo.media.pcm import SAMPLE_RATE
from hullo.messages import metadata
from hullo.messages.ending import end_stream
from hullo.messages.errors import DiskRefuses, MessageError, NotPlayable
from hullo.messages.metadata import Direction, VoiceMessageMetadata
from hullo.messages.sound import OggOpusSound
from hullo.messages.waveform import WaveformMeter, pack

_HEADERS: Final = 200
"""Bytes; ours are 47 and 49."""


class Condition(StrEnum):
    """How a file stands."""

    FINISHED = "finished"
    RECORDING = "recording"
    UNFINISHED = "unfinished"
    """Its recorder died, or its metadata can't be read; `MessageStore.recover` mends that."""


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the folder, and what is known of it."""

    path: Path
    condition: Condition
    metadata: VoiceMessageMetadata | None = None
    """Of a finished one."""


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What `recover` made of a file."""

    path: Path
    metadata: VoiceMessageMetadata | None
    """None if nothing had been recorded yet: the file is gone then."""
    problem: str = ""
    """Why it could not be finished: it is as it was."""


class MessageStore:
    """Messages are `*.ogg`, named after when they began, with their metadata beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_path(self, now: datetime) -> Path:
        """Where a message that begins now is to be recorded; makes the folder, for us alone. Raises `DiskRefuses`."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DiskRefuses(f"{self.folder} can't be made: {(error.strerror or str(error)).lower()}") from None
        return self.folder / f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.ogg"

    def messages(self) -> list[StoredMessage]:
        """All of them, oldest first. Raises `MessageError` for files that we are not allowed to read."""
        looked = map(_look, sorted(self.folder.glob("*.ogg")))
        return [message for message in looked if message is not None]

    def find(self, name: str) -> StoredMessage:
        """By the beginning of its file name or id, or `last`. Raises `MessageError` if there is not exactly one."""
        stored = self.messages()
        if name == "last" and stored:
            return stored[-1]
        found = [one for one in stored if one.path.name.startswith(name) or _id(one).startswith(name)]
        if len(found) != 1:
            many = f"{len(found)} messages begin" if found else "no message begins"
            raise MessageError(f"{many} with '{name}' in {self.folder}: hullo message list shows them")
        return found[0]

    def next_unheard(self, after: Path | None = None) -> StoredMessage | None:
        """The oldest finished message that has not been heard, of those that are newer than `after`."""
        for one in self.messages():
            known = one.metadata
            if known is None or known.heard or known.direction is Direction.SENT:
                continue
            if after is None or one.path > after:
                return one
        return None

    def mark_heard(self, message: StoredMessage) -> None:
        """It need not be offered again. Raises `MessageError`."""
        known = metadata.load(message.path)
        if known is not None and not known.heard:
            self.update(message.path, heard=True)

    def update(self, path: Path, **changes: Any) -> StoredMessage:
        """Change some of what is known of a finished message. Raises `MessageError`."""
        known = metadata.load(path)
        if known is None:
            raise MessageError(f"{path} is not there any more")
        return self.add(path, msgspec.structs.replace(known, **changes))

    def add(self, path: Path, described: VoiceMessageMetadata) -> StoredMessage:
        """A file in the folder is a message, and this is known of it. Raises `DiskRefuses`."""
        try:
            metadata.save(path, described)
        except OSError as error:
            raise DiskRefuses(f"{path} can't be described: {(error.strerror or str(error)).lower()}") from None
        return StoredMessage(path=path, condition=Condition.FINISHED, metadata=described)

    def delete(self, message: StoredMessage) -> str:
        """Remove a message; its id. Raises `MessageError` if the disk refuses it."""
        if message.condition is Condition.RECORDING:
            raise MessageError(f"{message.path.name} is being recorded")
        try:
            message.path.unlink()
            metadata.sidecar(message.path).unlink(missing_ok=True)
        except OSError as error:
            raise MessageError(f"{message.path} can't be removed: {(error.strerror or str(error)).lower()}") from None
        return _id(message)

    def by_id(self, message_id: str) -> StoredMessage | None:
        """The message with exactly this id."""
        return next((one for one in self.messages() if _id(one) == message_id), None)

    def from_peer(self, line: str, peer: str, peer_message_id: str) -> StoredMessage | None:
        """The message that somebody sent under an id of theirs."""
        for one in self.messages():
            known = one.metadata
            if known is not None and (known.line, known.peer, known.peer_message_id) == (line, peer, peer_message_id):
                return one
        return None

    def copy(self, message: StoredMessage, now: datetime, **changes: Any) -> StoredMessage:
        """The same sound once more, under an id of its own. Raises `MessageError`."""
        if message.metadata is None:
            raise MessageError(f"{message.path.name} is not finished: hullo message recover")
        path = self.new_path(now)
        try:
            os.link(message.path, path)  # a finished message is never written again
        except OSError as error:
            raise MessageError(f"{path} can't be made: {(error.strerror or str(error)).lower()}") from None
        copied = msgspec.structs.replace(message.metadata, id=secrets.token_hex(8), created=now, **changes)
        return self.add(path, copied)

    def recover(self) -> Iterator[Recovered]:
        """Finish every message whose recorder died; those that are being recorded are left alone."""
        for one in self.messages():
            if one.condition is Condition.UNFINISHED:
                try:
                    yield recover(one.path)
                except MessageError as error:
                    yield Recovered(path=one.path, metadata=None, problem=str(error))


def recover(path: Path) -> Recovered:
    """Finish a file whose recorder died, and describe it; removed if nothing had been recorded yet.

    Raises `MessageError` if it is no such file, or the disk refuses it.
    """
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if end_stream(file) == 0:
                return _nothing(path)
        described = describe(path)
        metadata.save(path, described)
    except BlockingIOError:
        raise MessageError(f"{path} is being recorded") from None
    except OSError as error:
        raise MessageError(f"{path} can't be recovered: {(error.strerror or str(error)).lower()}") from None
    return Recovered(path=path, metadata=described)


def describe(path: Path, longest: float = math.inf) -> VoiceMessageMetadata:
    """The metadata of an Ogg Opus file, from its sound.

    Raises `MessageError` if it can't be played, or plays for more than `longest` seconds; `OSError`.
    """
    try:
        sound = OggOpusSound(path)
    except OggError as error:
        raise NotPlayable(f"{path} can't be played: {error}") from None
    meter = WaveformMeter()
    samples = 0
    try:
        while (pcm := sound.read()) is not None:
            samples += len(pcm)
            if samples > longest * SAMPLE_RATE:  # whatever its last page says
                raise MessageError(f"{path} is longer than the {longest:g} s that a message may have")
            meter.feed(pcm)
    finally:
        sound.close()
    found = path.stat()
    return VoiceMessageMetadata(
        id=secrets.token_hex(8),
        created=datetime.fromtimestamp(found.st_mtime - sound.length / SAMPLE_RATE, UTC),
        duration=sound.length / SAMPLE_RATE,
        size=found.st_size,
        waveform=pack(meter.levels()),
        bitrate=0,
        recovered=True,
    )


def _nothing(path: Path) -> Recovered:
    """Only what we began ourselves is removed: our headers, or the first bytes of them."""
    data = path.read_bytes()[: _HEADERS + 1]
    if len(data) > _HEADERS or not b"OggS".startswith(data[:4]):
        raise MessageError(f"{path} can't be recovered: it holds no Ogg Opus")
    path.unlink()
    return Recovered(path=path, metadata=None)


def _look(path: Path) -> StoredMessage | None:
    """A file in the folder; None if it is gone, because another program has just removed it."""
    try:
        recording = _being_recorded(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MessageError(f"{path} can't be read: {(error.strerror or str(error)).lower()}") from None
    if recording:
        return StoredMessage(path=path, condition=Condition.RECORDING)
    try:
        known = metadata.load(path)
    except MessageError:
        known = None
    condition = Condition.UNFINISHED if known is None else Condition.FINISHED
    return StoredMessage(path=path, condition=condition, metadata=known)


def _being_recorded(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _id(message: StoredMessage) -> str:
    return message.metadata.id if message.metadata else ""
