"""A voice note through an account: the file uploaded in parts, then sent as a document with its picture.

core.telegram.org/api/files and /constructor/documentAttributeAudio.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec

from hullo.lines.telegram.account.client import kind
from hullo.lines.telegram.port import TelegramError, User

PART: Final = 128 * 1024
"""Bytes: a power of two up to 512 KiB."""

LARGEST: Final = 10 * 1024 * 1024
"""Bytes: files above are uploaded in another way."""


class VoiceNote(msgspec.Struct, frozen=True, kw_only=True):
    """What is heard and shown."""

    sound: bytes
    """Ogg Opus, mono."""
    duration: float
    """Seconds."""
    waveform: bytes
    """100 levels of 5 bits, the first in the lowest bits."""


class Invoke(Protocol):
    """Calls a TL method by name."""

    def __call__(self, name: str, **fields: Any) -> Awaitable[Any]: ...


async def send_voice_note(invoke: Invoke, make: Callable[..., Any], to: User, note: VoiceNote) -> int | None:
    """Upload a note and send it; its message id if the server tells it.

    Nothing is repeated: after `TelegramUnreachable` it may or may not have been sent. Raises `TelegramError`, and
    `ValueError` for more than `LARGEST` bytes.
    """
    if not 0 < len(note.sound) <= LARGEST:
        raise ValueError(f"a voice note of {len(note.sound)} bytes: 1 to {LARGEST} can be sent")
    file = await _upload(invoke, make, note.sound)
    attributes = [
        make("documentAttributeAudio", voice=True, duration=max(round(note.duration), 1), waveform=note.waveform)
    ]
    media = make("inputMediaUploadedDocument", file=file, mime_type="audio/ogg", attributes=attributes)
    peer = make("inputPeerUser", user_id=to.id, access_hash=to.access_hash)
    random_id = int.from_bytes(secrets.token_bytes(8), "little", signed=True)
    answer = await invoke("messages.sendMedia", peer=peer, media=media, message="", random_id=random_id)
    for update in getattr(answer, "updates", ()):
        if kind(update) == "UpdateMessageID" and update.random_id == random_id:
            return int(update.id)
    return None


async def _upload(invoke: Invoke, make: Callable[..., Any], data: bytes) -> Any:
    file_id = int.from_bytes(secrets.token_bytes(8), "little", signed=True)
    parts = range(0, len(data), PART)
    for number, begin in enumerate(parts):
        part = data[begin : begin + PART]
        if not await invoke("upload.saveFilePart", file_id=file_id, file_part=number, bytes=part):
            raise TelegramError("FILE_PART_REFUSED", 0)
    checksum = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return make("inputFile", id=file_id, parts=len(parts), name="voice.ogg", md5_checksum=checksum)
