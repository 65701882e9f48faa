"""The JSON messages by which two apps set up their media, as values.

Reading is tolerant: unknown keys, missing optional ones, numbers as text, and parts that cannot be used are passed
over. Writing is strict: every key is there, because some apps drop a message that lacks one.
"""

import re
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from hullo.rtc.candidate import CandidateError, IceCandidate, parse_candidate
from hullo.rtc.parameters import DtlsFingerprint, Setup

MAX_CANDIDATES = 100
"""Candidates that are read of one message."""
MAX_CANDIDATE_TEXT = 512
MAX_CONTENTS = 16
MAX_PAYLOAD_TYPES = 64

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_SHA256 = re.compile(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}")
_SETUPS = {setup.value: setup for setup in Setup}


class MessageError(ValueError):
    """A message that cannot be understood; the text says why, without repeating what the peer wrote."""


class InitialSetup(msgspec.Struct, frozen=True, kw_only=True):
    """ICE credentials and the certificate of one side."""

    ufrag: str
    pwd: str
    fingerprint: DtlsFingerprint
    setup: Setup
    renomination: bool = False


class Candidates(msgspec.Struct, frozen=True):
    """ICE candidates, as they are found; there is no last one."""

    candidates: tuple[IceCandidate, ...]
    unusable: int = 0
    """How many more were in a message that was read: too many, too long, or not for ICE over UDP."""


class PayloadType(msgspec.Struct, frozen=True, kw_only=True):
    """One RTP payload format, as far as a voice call needs it."""

    id: int
    name: str
    clockrate: int
    channels: int


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One stream: the SSRC is that of its sender, in the offer as in the answer."""

    type: str
    ssrc: int
    payload_types: tuple[PayloadType, ...]


class NegotiateChannels(msgspec.Struct, frozen=True):
    """An offer of what its sender wants to send, or the answer to one, which has the same `exchange_id`."""

    exchange_id: int
    contents: tuple[Content, ...]


class MediaState(msgspec.Struct, frozen=True, kw_only=True):
    """What a side sends at present."""

    muted: bool = False
    low_battery: bool = False
    video_state: str = "inactive"
    video_rotation: int = 0
    screencast_state: str = "inactive"


Message: TypeAlias = InitialSetup | Candidates | NegotiateChannels | MediaState


def encode_message(message: Message) -> bytes:
    """The UTF-8 JSON text of a message."""
    return msgspec.json.encode({"@type": type(message).__name__, **_FIELDS[type(message)](message)})


def parse_message(data: bytes) -> Message | None:
    """Read one message; None for a type that is none of ours. Raises `MessageError`."""
    try:
        wire = msgspec.json.decode(data, type=_AnyWire, strict=False)
        read = _WIRE.get(wire.type_)
        return None if read is None else msgspec.json.decode(data, type=read, strict=False).value()
    except UnicodeDecodeError:
        raise MessageError("the message is not UTF-8") from None
    except RecursionError:
        raise MessageError("the message is nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise MessageError(f"the message is malformed: {error}") from None


# Writing


def _setup_fields(message: InitialSetup) -> dict[str, Any]:
    fingerprint = {
        "hash": message.fingerprint.algorithm,
        "setup": message.setup.value,
        "fingerprint": message.fingerprint.value,
    }
    return {
        "ufrag": message.ufrag,
        "pwd": message.pwd,
        "renomination": message.renomination,
        "fingerprints": [fingerprint],
    }


def _candidates_fields(message: Candidates) -> dict[str, Any]:
    return {"candidates": [{"sdpString": f"{candidate} generation 0"} for candidate in message.candidates]}


def _negotiate_fields(message: NegotiateChannels) -> dict[str, Any]:
    return {
        "exchangeId": str(message.exchange_id),
        "contents": [_content_fields(content) for content in message.contents],
    }


def _content_fields(content: Content) -> dict[str, Any]:
    return {
        "type": content.type,
        "ssrc": str(content.ssrc),
        "ssrcGroups": [],
        "payloadTypes": [_payload_type_fields(payload_type) for payload_type in content.payload_types],
        "rtpExtensions": [],
    }


def _payload_type_fields(payload_type: PayloadType) -> dict[str, Any]:
    return {
        "id": payload_type.id,
        "name": payload_type.name,
        "clockrate": payload_type.clockrate,
        "channels": payload_type.channels,
        "feedbackTypes": [],
        "parameters": {"minptime": "10", "useinbandfec": "1"} if payload_type.name == "opus" else {},
    }


def _state_fields(message: MediaState) -> dict[str, Any]:
    return {
        "muted": message.muted,
        "lowBattery": message.low_battery,
        "videoState": message.video_state,
        "videoRotation": message.video_rotation,
        "screencastState": message.screencast_state,
    }


_FIELDS: dict[type[Any], Any] = {
    InitialSetup: _setup_fields,
    Candidates: _candidates_fields,
    NegotiateChannels: _negotiate_fields,
    MediaState: _state_fields,
}


# Reading

_U32 = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**32)]


class _AnyWire(msgspec.Struct):
    type_: str = msgspec.field(name="@type")


class _FingerprintWire(msgspec.Struct):
    hash: str
    setup: str
    fingerprint: str


class _InitialSetupWire(msgspec.Struct):
    ufrag: str
    pwd: str
    fingerprints: list[_FingerprintWire]
    renomination: bool = False

    def value(self) -> InitialSetup:
        if not _UFRAG.fullmatch(self.ufrag) or not _PWD.fullmatch(self.pwd):
            raise MessageError("InitialSetup has no usable ICE credentials")
        if not self.fingerprints:
            raise MessageError("InitialSetup has no fingerprint")
        first = self.fingerprints[0]
        value = first.fingerprint.upper()
        if first.hash.lower() != "sha-256" or not _SHA256.fullmatch(value):
            raise MessageError("InitialSetup has no usable SHA-256 fingerprint")
        if first.setup not in _SETUPS:
            raise MessageError("InitialSetup has an unknown DTLS role")
        return InitialSetup(
            ufrag=self.ufrag,
            pwd=self.pwd,
            fingerprint=DtlsFingerprint("sha-256", value),
            setup=_SETUPS[first.setup],
            renomination=self.renomination,
        )


class _CandidateWire(msgspec.Struct):
    sdp: str = msgspec.field(name="sdpString", default="")


class _CandidatesWire(msgspec.Struct):
    candidates: list[_CandidateWire]

    def value(self) -> Candidates:
        read = (_candidate(wire.sdp) for wire in self.candidates[:MAX_CANDIDATES])
        usable = tuple(candidate for candidate in read if candidate is not None)
        return Candidates(usable, len(self.candidates) - len(usable))


class _PayloadTypeWire(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=0, le=127)]
    name: str
    clockrate: _U32 = 0
    channels: _U32 = 0


class _ContentWire(msgspec.Struct):
    type: str
    ssrc: _U32
    payload_types: list[msgspec.Raw] = msgspec.field(name="payloadTypes", default_factory=list)

    def value(self) -> Content:
        types = (_converted(raw, _PayloadTypeWire) for raw in self.payload_types[:MAX_PAYLOAD_TYPES])
        return Content(
            type=self.type,
            ssrc=self.ssrc % 2**32,
            payload_types=tuple(
                PayloadType(id=wire.id, name=wire.name.lower(), clockrate=wire.clockrate, channels=wire.channels)
                for wire in types
                if wire is not None
            ),
        )


class _NegotiateWire(msgspec.Struct):
    exchange_id: _U32 = msgspec.field(name="exchangeId")
    contents: list[msgspec.Raw]

    def value(self) -> NegotiateChannels:
        read = (_converted(raw, _ContentWire) for raw in self.contents[:MAX_CONTENTS])
        return NegotiateChannels(self.exchange_id % 2**32, tuple(wire.value() for wire in read if wire is not None))


class _StateWire(msgspec.Struct):
    muted: bool = False
    low_battery: bool = msgspec.field(name="lowBattery", default=False)
    video_state: str = msgspec.field(name="videoState", default="inactive")
    video_rotation: int = msgspec.field(name="videoRotation", default=0)
    screencast_state: str = msgspec.field(name="screencastState", default="inactive")

    def value(self) -> MediaState:
        return MediaState(
            muted=self.muted,
            low_battery=self.low_battery,
            video_state=self.video_state,
            video_rotation=self.video_rotation,
            screencast_state=self.screencast_state,
        )


_WIRE: dict[str, Any] = {
    "InitialSetup": _InitialSetupWire,
    "Candidates": _CandidatesWire,
    "NegotiateChannels": _NegotiateWire,
    "MediaState": _StateWire,
}

_WireT = TypeVar("_WireT")


def _converted(raw: msgspec.Raw, wire: type[_WireT]) -> _WireT | None:
    """One entry of a list, or None: an entry that cannot be read spoils only itself."""
    try:
        return msgspec.json.decode(raw, type=wire, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _candidate(text: str) -> IceCandidate | None:
    """A candidate that ICE over UDP can use, or None. There is one component, whatever its number."""
    if len(text) > MAX_CANDIDATE_TEXT:
        return None
    try:
        candidate = parse_candidate(text)
    except CandidateError:
        return None
    if candidate.protocol != "udp" or candidate.is_mdns:
        return None
    return msgspec.structs.replace(candidate, component=1)
