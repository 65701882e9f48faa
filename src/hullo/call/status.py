"""What `call.status` shows of a call."""

import msgspec

from hullo.lines.line import LegReport, LegStats


class CallStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One call, now. `status` is a `CallState`; `began` is Unix time in ms, `duration` seconds since it connected.

    `muted` is ours; `peer_muted` is None where the peer does not tell. `verified` is whether keys were compared with
    the peer, so that it is who the name says; None on lines without. `bridged_to` is what the peer talks to in place of
    an agent: another call, or `page`.
    """

    call_id: str
    status: str
    line: str
    peer: str
    direction: str
    began: int
    duration: float
    muted: bool
    peer_muted: bool | None
    verified: bool | None
    bridged_to: str | None
    recording: str | None
    stats: LegStats
    leg: LegReport
    reason: str | None = None
    detail: str | None = None
