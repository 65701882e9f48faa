"""What `call.status` shows of a call."""

import msgspec

from hullo.lines.line import LegReport, LegStats


class CallStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One call, now. `status` is a `CallState`; `duration` counts seconds since it connected.

    `muted` is ours; `peer_muted` is None where the peer does not tell. `verified` is whether keys were compared with
    the peer, so that it is who the name says; None on lines without.
    """

    call_id: str
    status: str
    line: str
    peer: str
    direction: str
    duration: float
    muted: bool
    peer_muted: bool | None
    verified: bool | None
    recording: str | None
    stats: LegStats
    leg: LegReport
    reason: str | None = None
    detail: str | None = None
