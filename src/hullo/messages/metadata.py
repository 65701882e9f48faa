"""What is known of a voice message besides its sound; kept in a file beside it."""

import contextlib
import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from hullo.media.pcm import SAMPLE_RATE
from hullo.messages.errors import MessageError
from hullo.messages.waveform import unpack


class Direction(StrEnum):
    """Where a message came from, or went."""

    RECORDED = "recorded"
    SENT = "sent"
    RECEIVED = "received"


class Delivery(StrEnum):
    """How far a sent message has come."""

    SENDING = "sending"
    SENT = "sent"
    """It waits for the peer."""
    DELIVERED = "delivered"
    """A device of the peer has it, and says so."""
    HEARD = "heard"
    """The peer has heard it, and says so."""
    FAILED = "failed"

    def reaches(self, other: "Delivery") -> bool:
        """Whether this is farther than `other`: receipts come late, twice, and in another order."""
        order = list(Delivery)
        return self is not Delivery.FAILED and (other is Delivery.FAILED or order.index(self) > order.index(other))


class VoiceMessageMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """A finished voice message. In JSON, bytes are base64 and times are ISO 8601."""

    id: str
    created: datetime
    """When recording began, UTC."""
    duration: float
    """Seconds."""
    size: int
    """Bytes of the file."""
    waveform: bytes
    """100 levels of 5 bits (`waveform.unpack`)."""
    bitrate: int
    """What the encoder aimed at, bit/s; 0 if it is not known."""
    codec: str = "opus"
    sample_rate: int = SAMPLE_RATE
    channels: int = 1
    heard: bool = False
    recovered: bool = False
    """The program that recorded it died, and it was finished later."""
    direction: Direction = Direction.RECORDED
    line: str | None = None
    """Over which it was sent or received."""
    peer: str | None = None
    """To whom, or from whom, as the line writes it."""
    peer_message_id: str | None = None
    """The id of a received message with its sender."""
    call_id: str | None = None
    """Of the call in which it was left, for a message on the answering machine."""
    delivery: Delivery | None = None
    """Of a sent one."""
    problem: str | None = None
    """Why it could not be sent."""
    transcript: str | None = None
    """What is said in it, as far as it was recognised."""

    @property
    def levels(self) -> list[int]:
        """The waveform as 100 numbers of 0 to 31."""
        return unpack(self.waveform)


def sidecar(message: Path) -> Path:
    """Where the metadata of a message are."""
    return message.with_name(f"{message.name}.json")


def save(message: Path, metadata: VoiceMessageMetadata) -> None:
    """Write the metadata of a message: all or nothing, whatever happens meanwhile. Raises `OSError`."""
    path = sidecar(message)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(metadata) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def load(message: Path) -> VoiceMessageMetadata | None:
    """The metadata of a message, None if there are none. Raises `MessageError` for what can't be read."""
    path = sidecar(message)
    try:
        return msgspec.json.decode(path.read_bytes(), type=VoiceMessageMetadata)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MessageError(f"{path} can't be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise MessageError(f"{path} holds no metadata of a voice message: {error}") from None
