"""What the call rules want done, as values; `hullo.lines.direct.line` does it."""

from typing import TypeAlias

import msgspec

from hullo.lines.direct.channel import Device, Notice
from hullo.lines.direct.messages import (
    Answer,
    AnyMessage,
    Candidates,
    Mute,
    MuteSeen,
    Offer,
    Restart,
    RestartAnswer,
    Select,
)
from hullo.lines.line import Ending


class Send(msgspec.Struct, frozen=True):
    """Send a message to one device of a person, or with None to all of them."""

    person: str
    device: str | None
    message: AnyMessage


class Ring(msgspec.Struct, frozen=True):
    """Somebody calls, and may."""

    caller: Device
    offer: Offer


class Rang(msgspec.Struct, frozen=True):
    """A device of the callee rings."""

    call_id: str


class Answered(msgspec.Struct, frozen=True):
    """The first device of the callee has answered."""

    call_id: str
    device: Device
    answer: Answer


class Selected(msgspec.Struct, frozen=True):
    """The caller took our answer and reveals its nonce."""

    call_id: str
    select: Select


class Found(msgspec.Struct, frozen=True):
    """The peer has found more candidates."""

    call_id: str
    candidates: Candidates


class Moving(msgspec.Struct, frozen=True):
    """The peer looks for another path, or answers our search."""

    call_id: str
    message: Restart | RestartAnswer


class Muted(msgspec.Struct, frozen=True):
    """The peer tells of a mute of its own, or has seen ours."""

    call_id: str
    message: Mute | MuteSeen


class PeerReady(msgspec.Struct, frozen=True):
    """The peer hears us, and has `seen` that we hear it."""

    call_id: str
    seen: bool = False


class Over(msgspec.Struct, frozen=True):
    """The call is over."""

    call_id: str
    ending: Ending


class MissedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that nobody took: whose, when (Unix seconds), why, and whether it rang here."""

    person: str
    at: float
    why: str
    rang: bool = True


class Missed(msgspec.Struct, frozen=True):
    """A call goes on the list of missed ones."""

    call: MissedCall


class Notify(msgspec.Struct, frozen=True):
    """The user should know of something that is no call."""

    notice: Notice


Action: TypeAlias = (
    Send | Ring | Rang | Answered | Selected | Found | Moving | Muted | PeerReady | Over | Missed | Notify
)
