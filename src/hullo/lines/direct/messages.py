"""What two devices tell each other about a call, as JSON (version 1).

The channel that carries these messages must keep them secret, whole and authentic; it need not keep their order, and
may lose or repeat them. Fields and kinds of messages that are not known are ignored, so that a later program can add
some; what can't be understood without such an addition has another version, and is refused.
"""

from enum import StrEnum
from typing import Annotated, Any, TypeAlias, get_args

import msgspec
from msgspec import Meta

VERSION = 1

MAX_MESSAGE = 16 * 1024
"""Bytes; a longer message is refused unread."""

LIFETIME_MS = 60_000
"""How long an offer rings, and how old it may be when it arrives."""

MAX_RESTARTS = 100_000
MAX_MUTES = 1_000_000

Text: TypeAlias = Annotated[str, Meta(max_length=500)]
CallId: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
DeviceName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Hash: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
Flight: TypeAlias = Annotated[tuple[Annotated[bytes, Meta(max_length=2048)], ...], Meta(max_length=4)]
RestartNumber: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_RESTARTS)]
MuteNumber: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_MUTES)]
CandidateLines: TypeAlias = Annotated[tuple[Text, ...], Meta(max_length=64)]


class MessageError(ValueError):
    """Bytes that are no message of this protocol; the message says what is wrong, never what is in it."""


class UnknownKind(MessageError):
    """A message of this version that a later program has added, to be ignored."""


class UnknownVersion(MessageError):
    """A message of a later version of the protocol. `call_id` is that of its call, where it tells."""

    def __init__(self, version: int, kind: str, call_id: str | None) -> None:
        super().__init__(f"the peer's app speaks version {version} of call signaling, this one {VERSION}; update it")
        self.kind = kind
        self.call_id = call_id


class Transport(msgspec.Struct, frozen=True, kw_only=True):
    """ICE credentials, and the SHA-256 of the DTLS certificate as hex bytes with colons.

    The caller is the controlling side of ICE, and the active side of DTLS.
    """

    ufrag: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{4,256}$")]
    pwd: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{22,256}$")]
    fingerprint: Annotated[str, Meta(pattern=r"^[0-9A-F]{2}(:[0-9A-F]{2}){31}$")]
    candidates: CandidateLines = ()
    """Those known already; the others follow in `Candidates`."""
    complete: bool = False
    """There are no others."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Every message names its call."""

    call_id: CallId


class Offer(Message, frozen=True, kw_only=True, tag="offer"):
    """The caller calls all devices of a person. `commitment` binds it to the nonce that `Select` reveals."""

    sent_at: Annotated[int, Meta(ge=0, le=2**53)]
    """Unix time in milliseconds by the caller's clock."""
    lifetime_ms: Annotated[int, Meta(ge=1000, le=LIFETIME_MS)] = LIFETIME_MS
    transport: Transport
    commitment: Hash
    dtls: Flight = ()
    """Datagrams of the DTLS handshake; they go on in `Answer` and `Select`, while ICE looks for a path."""
    tells_mute: bool = False
    """Whether the sender tells of its mutes, and understands `Mute`."""
    takes_messages: bool = False
    """Whether the sender takes voice messages over a data channel of the call."""


class Ringing(Message, frozen=True, kw_only=True, tag="ringing"):
    """A device of the callee rings."""


class Answer(Message, frozen=True, kw_only=True, tag="answer"):
    """A device of the callee answers, with its nonce for the emoji."""

    transport: Transport
    nonce: Hash
    dtls: Flight = ()
    tells_mute: bool = False
    """As in `Offer`."""
    takes_messages: bool = False
    """As in `Offer`."""


class Select(Message, frozen=True, kw_only=True, tag="select"):
    """The caller takes this device's answer, and reveals the nonce that it had committed to."""

    nonce: Hash
    dtls: Flight = ()


class AnsweredElsewhere(Message, frozen=True, kw_only=True, tag="answered-elsewhere"):
    """The caller tells all devices of the callee which one answered."""

    device: DeviceName


class Candidates(Message, frozen=True, kw_only=True, tag="candidates"):
    """ICE candidates found since the last message, as candidate-attributes (RFC 8839 5.1)."""

    candidates: CandidateLines = ()
    complete: bool = False
    """There will be no more."""
    restart: RestartNumber = 0
    """The ICE restart that they belong to; 0 for the offer and answer of the call."""


class Restart(Message, frozen=True, kw_only=True, tag="restart"):
    """The path is lost, and the sender looks for another one (ICE restart, RFC 8445 9). Roles and certificate stay."""

    number: RestartNumber
    """Higher than any before it from either side."""
    transport: Transport


class RestartAnswer(Message, frozen=True, kw_only=True, tag="restart-answer"):
    """The other end of that path. Of two offers of the same number, the caller's counts and is answered."""

    number: RestartNumber
    transport: Transport


class MediaReady(Message, frozen=True, kw_only=True, tag="media-ready"):
    """The sender has heard authenticated sound from the certificate that was announced."""

    seen: bool = False
    """It has got the same from the peer; without, it repeats this, and is answered each time."""


class Mute(Message, frozen=True, kw_only=True, tag="mute"):
    """The sender has muted itself, or not any more: its silence is meant. Repeated until it was seen."""

    muted: bool
    number: MuteNumber
    """Higher than any before it; what comes late, with a lower one, does not count."""


class MuteSeen(Message, frozen=True, kw_only=True, tag="mute-seen"):
    """The sender has got the `Mute` of this number."""

    number: MuteNumber


class Busy(Message, frozen=True, kw_only=True, tag="busy"):
    """The device is in another call."""


class DeclineReason(StrEnum):
    """Why a device declines for its person."""

    DECLINED = "declined"
    UNSUPPORTED = "unsupported"
    """It does not know this version of the protocol."""


class Decline(Message, frozen=True, kw_only=True, tag="decline"):
    """The callee does not want the call, on any device."""

    reason: str = DeclineReason.DECLINED


class HangupReason(StrEnum):
    """Why a call is over, as the peer needs to know it. Others that come later read as `hangup`."""

    HANGUP = "hangup"
    BUSY = "busy"
    """Another device of the callee was busy."""
    DECLINED = "declined"
    """Another device of the callee declined."""
    FAILED = "failed"
    """No way for the sound was found, or it was lost."""


class Hangup(Message, frozen=True, kw_only=True, tag="hangup"):
    """The call is over."""

    reason: str = HangupReason.HANGUP


AnyMessage: TypeAlias = (
    Offer
    | Ringing
    | Answer
    | Select
    | AnsweredElsewhere
    | Candidates
    | Restart
    | RestartAnswer
    | MediaReady
    | Mute
    | MuteSeen
    | Busy
    | Decline
    | Hangup
)


class _Head(msgspec.Struct, frozen=True):
    v: int
    type: str
    call_id: CallId | None = None


_KINDS = {kind.__struct_config__.tag for kind in get_args(AnyMessage)}

_DECODER: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


def encode_message(message: AnyMessage) -> bytes:
    """The message for the channel."""
    fields: dict[str, Any] = msgspec.to_builtins(message)
    return msgspec.json.encode({"v": VERSION, **fields})


def parse_message(data: bytes) -> AnyMessage:
    """Read a message of the peer. Raises `MessageError`, such as `UnknownVersion` and `UnknownKind`."""
    if len(data) > MAX_MESSAGE:
        raise MessageError(f"a message of {len(data)} bytes; the longest is {MAX_MESSAGE}")
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.v != VERSION:
            raise UnknownVersion(head.v, head.type, head.call_id)
        if head.type not in _KINDS:
            raise UnknownKind("a message of a later program")
        return _DECODER.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"not a call message: {error}") from None
