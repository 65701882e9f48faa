"""Voice notes through an account: uploaded in parts and sent as a document with its picture; and those that come.

core.telegram.org/api/files and /constructor/documentAttributeAudio.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

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


class ReceivedNote(msgspec.Struct, frozen=True, kw_only=True):
    """A voice note that somebody sent us; its sound is fetched with a `NoteFetcher`."""

    message_id: int
    sender: int
    """User id."""
    date: int
    """Unix time."""
    document_id: int
    access_hash: int
    file_reference: bytes
    size: int
    duration: float
    """Seconds, as the sender says."""
    waveform: bytes
    dc: int = 0
    """The data centre where the sound lies; 0 if that was not said."""


class ContentsRead(msgspec.Struct, frozen=True):
    """Somebody has listened to these messages; we to theirs, or they to ours."""

    message_ids: tuple[int, ...]


NoteUpdate: TypeAlias = ReceivedNote | ContentsRead
OnNote: TypeAlias = Callable[[NoteUpdate], None]


class Invoke(Protocol):
    """Calls a TL method by name."""

    def __call__(self, name: str, **fields: Any) -> Awaitable[Any]: ...


def new_random_id() -> int:
    """What a message is known by to the server: sent under the same one again, it is not sent twice."""
    return int.from_bytes(secrets.token_bytes(8), "little", signed=True)


async def send_voice_note(
    invoke: Invoke, make: Callable[..., Any], to: User, note: VoiceNote, random_id: int | None = None
) -> int | None:
    """Upload a note and send it; its message id if the server tells it.

    Nothing is repeated: after `TelegramUnreachable` it may or may not have been sent. Raises `TelegramError`, which is
    `RANDOM_ID_DUPLICATE` if it was sent before, and `ValueError` for more than `LARGEST` bytes.
    """
    if not 0 < len(note.sound) <= LARGEST:
        raise ValueError(f"a voice note of {len(note.sound)} bytes: 1 to {LARGEST} can be sent")
    file = await _upload(invoke, make, note.sound)
    attributes = [
        make("documentAttributeAudio", voice=True, duration=max(round(note.duration), 1), waveform=note.waveform)
    ]
    media = make("inputMediaUploadedDocument", file=file, mime_type="audio/ogg", attributes=attributes)
    peer = make("inputPeerUser", user_id=to.id, access_hash=to.access_hash)
    random_id = new_random_id() if random_id is None else random_id
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


def note_update(update: Any) -> NoteUpdate | None:
    """What an update, or a message of a difference, tells of voice notes between two people; None if nothing."""
    match kind(update):
        case "UpdateNewMessage":
            return _note(update.message)
        case "Message":
            return _note(update)
        case "UpdateReadMessagesContents":
            return ContentsRead(tuple(update.messages))
        case _:
            return None


def _note(message: Any) -> ReceivedNote | None:
    media = getattr(message, "media", None)
    document = getattr(media, "document", None)
    if document is None or kind(document) != "Document" or message.out or kind(message.peer_id) != "PeerUser":
        return None
    audio = next((one for one in document.attributes if kind(one) == "DocumentAttributeAudio" and one.voice), None)
    if audio is None:
        return None
    date = message.date
    return ReceivedNote(
        message_id=message.id,
        sender=message.peer_id.user_id,
        date=int(date.timestamp()) if isinstance(date, datetime) else date,
        document_id=document.id,
        access_hash=document.access_hash,
        file_reference=bytes(document.file_reference),
        size=document.size,
        duration=audio.duration,
        waveform=bytes(audio.waveform or b""),
        dc=document.dc_id,
    )


async def mark_listened(invoke: Invoke, message_id: int) -> None:
    """Tell the sender, as the apps do, that their note was heard. Raises `TelegramError`."""
    await invoke("messages.readMessageContents", id=[message_id])
