"""What two devices tell each other about voice messages, as JSON (version 1), beside what they say about calls.

It comes over the same channel as `hullo.lines.direct.messages`, under the same rules; `type` tells them apart.
"""

from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta
from typing_extensions import override

from hullo.lines.direct.messages import MAX_MESSAGE, VERSION, CallId, MessageError, UnknownVersion

MessageId: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{16,64}$")]

MAX_ENVELOPE = 11 * 1024
"""Bytes, so that the letter fits into a message of the channel."""


class VoiceMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="voice-message"):
    """A sealed voice message lies in the storage, to be read by the id `file`."""

    message_id: MessageId
    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,128}$")]
    envelope: Annotated[bytes, Meta(max_length=MAX_ENVELOPE)]
    """Its key, hashes, length and waveform: `hullo.messages.envelope`."""
    sent_at: Annotated[int, Meta(ge=0, le=2**53)]
    """Unix time in milliseconds by the sender's clock."""

    @override
    def __repr__(self) -> str:
        return f"VoiceMessage(message_id={self.message_id!r})"  # never the key, nor where the message lies


class VoiceMessageInCall(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="voice-message-in-call"):
    """A sealed voice message can be fetched over the data channel of the call that goes on between the two devices.

    When that comes to nothing a `VoiceMessage` of the same id follows. Sent only where `Offer.takes_messages`.
    """

    message_id: MessageId
    call_id: CallId
    number: Annotated[int, Meta(ge=0, lt=2**32)]
    """Stands for the message in the frames of the data channel: `hullo.messages.direct.frames`."""
    envelope: Annotated[bytes, Meta(max_length=MAX_ENVELOPE)]
    """As in `VoiceMessage`."""
    sent_at: Annotated[int, Meta(ge=0, le=2**53)]
    """As in `VoiceMessage`."""

    @override
    def __repr__(self) -> str:
        return f"VoiceMessageInCall(message_id={self.message_id!r})"  # never the key


class Receipt(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="message-receipt"):
    """The peer's device has the message whole, or its person has heard it."""

    message_id: MessageId
    kind: Literal["delivered", "heard"]


Letter: TypeAlias = VoiceMessage | VoiceMessageInCall | Receipt

_TYPES = tuple(kind.__struct_config__.tag for kind in get_args(Letter))


class _Head(msgspec.Struct, frozen=True):
    v: int
    type: str


_DECODER: msgspec.json.Decoder[Letter] = msgspec.json.Decoder(Letter)


def is_letter(data: bytes) -> bool:
    """Whether this is about a voice message, of whatever version."""
    try:
        return len(data) <= MAX_MESSAGE and msgspec.json.decode(data, type=_Head).type in _TYPES
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def encode_letter(letter: Letter) -> bytes:
    """The letter for the channel."""
    fields: dict[str, Any] = msgspec.to_builtins(letter)
    return msgspec.json.encode({"v": VERSION, **fields})


def parse_letter(data: bytes) -> Letter:
    """Read a letter of the peer. Raises `MessageError`, for a later version `UnknownVersion`."""
    if len(data) > MAX_MESSAGE:
        raise MessageError(f"a message of {len(data)} bytes; the longest is {MAX_MESSAGE}")
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.v != VERSION:
            raise UnknownVersion(head.v, head.type, None)
        return _DECODER.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"nothing about a voice message: {error}") from None
