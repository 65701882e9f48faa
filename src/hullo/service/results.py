"""What each method gives back."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hullo.lines.direct.actions import MissedCall
from hullo.lines.direct.private.desk import ContactStatus, OwnKeys
from hullo.lines.line import LineStatus


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """The call, and the state it is in now. What comes of a request is told by events."""

    call_id: str
    status: Annotated[str, Meta(description="dialing, ringing, incoming, connecting, active, reconnecting or ended")]


class HearingResult(msgspec.Struct, frozen=True, kw_only=True):
    """How the call is heard now."""

    call_id: str
    endpointing: str
    end_pause: float | None
    noise_suppression: bool


class UtteranceResult(msgspec.Struct, frozen=True, kw_only=True):
    """The utterance that `call.speaking`, `call.spoken`, `call.interrupted` and `call.error` will name."""

    call_id: str
    utterance_id: str


class SpeakResult(msgspec.Struct, frozen=True, kw_only=True):
    """The utterance that `call.speaking`, `call.spoken` and `call.interrupted` will name.

    Text that comes for a stream which is over is dropped: `accepted` is false, and `stream` says why.
    """

    call_id: str
    utterance_id: str
    accepted: bool = True
    stream: Annotated[
        str | None, Meta(description="For a stream: `open`, `ended`, `interrupted`, `timed-out` or `failed`.")
    ] = None


class PrepareResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many texts are ready to be said at once."""

    prepared: int


class MuteResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether sound is sent now."""

    call_id: str
    muted: bool


class BridgeResult(msgspec.Struct, frozen=True, kw_only=True):
    """The call, and what its peer talks to now."""

    call_id: str
    bridged_to: str | None


class ListenResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what the peer says is recognised now."""

    call_id: str
    enabled: bool


class InterruptibleResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the peer interrupts by speaking now."""

    call_id: str
    enabled: bool


class RecordResult(msgspec.Struct, frozen=True, kw_only=True):
    """The recording, and whether it goes on."""

    call_id: str
    path: str
    recording: bool


class ContactsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are on the direct line, everybody we know there, and the calls that nobody took."""

    own: OwnKeys
    contacts: list[ContactStatus]
    missed: list[MissedCall]


class DevicesResult(msgspec.Struct, frozen=True, kw_only=True):
    """Our devices on the direct line, as far as the rendezvous tells, and which of them this is."""

    devices: tuple[str, ...]
    here: str


class UnlinkResult(msgspec.Struct, frozen=True, kw_only=True):
    """The devices that were removed: the one that was named, and those that have to be linked again."""

    removed: tuple[str, ...]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the daemon can do its work."""

    status: Annotated[str, Meta(description="`ok`, or `degraded` while a line or a speech host is not")]
    version: str
    uptime_seconds: float
    cpu_seconds: Annotated[float, Meta(description="CPU time of the daemon's own process, without its speech hosts")]
    live_calls: int
    clients: int
    page: Annotated[str | None, Meta(description="Where the phone in the browser is served, without its secret")]
    lines: list[LineStatus]
    speech: Annotated[dict[str, str], Meta(description="`running` or `down` for each speech host of our own")]
