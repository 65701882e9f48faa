"""What a line is: the way a call reaches a peer, and the leg of sound that it leaves behind.

A line turns an address into a `Leg` (outgoing) and an incoming ring into an `Offer`. Everything a `Call`
knows of the network is in these few types.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from hullo.media.pcm import Ear, Mouth


class EndReason(StrEnum):
    """Why a call ended, as a gateway sees it; the precise cause stands in `Ending.detail`."""

    COMPLETED = "completed"
    HANGUP_USER = "hangup-user"
    HANGUP_BOT = "hangup-bot"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    DECLINED = "declined"
    TIMEOUT = "timeout"
    FAILED = "failed"
    ERROR = "error"


class Ending(msgspec.Struct, frozen=True):
    """The end of a call: the reason, and one sentence that says what happened and what to do about it."""

    reason: EndReason
    detail: str


class CandidatePair(msgspec.Struct, frozen=True):
    """One ICE candidate pair that was tried: types (host, srflx, prflx, relay), transport and how it ended."""

    local: str
    remote: str
    protocol: str
    outcome: str


class LegStats(msgspec.Struct, frozen=True, kw_only=True):
    """The sound of one leg so far, as counted at our end (durations in ms) and as the peer reports it."""

    packets_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    """Of Opus, without headers."""
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    frames_recovered: int = 0
    played_ms: float = 0.0
    concealed_ms: float = 0.0
    accelerated_ms: float = 0.0
    stretched_ms: float = 0.0
    buffer_ms: float = 0.0
    target_ms: float = 0.0
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    remote_loss: float | None = None
    remote_jitter_ms: float | None = None


class LegReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a leg came about: seconds from its start to each stage, the pairs tried, the one chosen.

    `emoji` (for the two people to compare), `version` of the call protocol and `verified` (whether keys were compared
    with the peer) are None on lines that have none.
    """

    stages: dict[str, float] = {}
    pairs: list[CandidatePair] = []
    chosen: CandidatePair | None = None
    proof: str | None = None
    """What proved that the peer receives us: `rtcp` (its receiver report), `consent` (ICE after our first audio) or
    `peer` (it says so over a secure channel)."""
    relay: str | None = None
    """What the chosen pair goes over: `relay` (TURN), `reflector` (Telegram's), or None if it is direct."""
    stage: str | None = None
    """What is being set up, or was when the call failed: `ringing`, `ice`, `dtls` ...; None once sound is proven."""
    emoji: tuple[str, ...] | None = None
    version: str | None = None
    verified: bool | None = None


class CallFailed(Exception):
    """A call could not be set up; `ending` says why, `report` how far it came."""

    def __init__(self, ending: Ending, report: LegReport = LegReport()) -> None:  # noqa: B008  # frozen
        super().__init__(f"{ending.reason}: {ending.detail}")
        self.ending = ending
        self.report = report


class Leg(Protocol):
    """The path of sound to one peer, made by a line and driven by one call. Nothing flows before `open`."""

    on_peer_muted: Callable[[bool], None]
    """Told whenever the peer mutes or unmutes itself."""

    @property
    def peer_muted(self) -> bool | None:
        """Whether the peer has muted itself, so that its silence is meant; None where peers don't tell."""

    def open(self, ear: Ear, mouth: Mouth) -> None:
        """Start the sound: every 20 ms `ear` gets what the peer says and `mouth` is asked what to send."""

    async def connected(self) -> None:
        """Return once audio is proven in both directions. Raises `CallFailed`; the caller sets the deadline."""

    async def ended(self) -> Ending:
        """Return when the peer hung up or the path is lost for good."""

    def set_muted(self, muted: bool) -> None:
        """While muted nothing is sent, not even silence."""

    @property
    def reconnecting(self) -> bool:
        """Whether the path is lost, and another one is being looked for."""

    def quiet_for(self, now: float) -> float:
        """Seconds since the last authenticated packet of the peer, of any kind."""

    def stats(self) -> LegStats:
        """Counters so far; cheap enough for once a second."""

    def report(self) -> LegReport:
        """How the leg came about, for the call's report."""

    async def close(self, ending: Ending) -> None:
        """Say goodbye and free everything; idempotent, bounded in time, never raises."""


class Offer(Protocol):
    """An incoming call that nobody has answered yet."""

    @property
    def peer(self) -> str:
        """Who calls, as the line names people."""

    async def accept(self) -> Leg:
        """Answer. Raises `CallFailed` when the caller has gone or cannot be answered."""

    async def reject(self, ending: Ending) -> None:
        """Refuse; idempotent, never raises."""

    async def withdrawn(self) -> Ending:
        """Return when the caller gives up before we answer."""


class LineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A line's health in `line.list`: `ready`, or not and the `detail` says what to do."""

    name: str
    ready: bool
    detail: str
    address: str | None = None


OnRinging = Callable[[], None]
OnOffer = Callable[[Offer], str | None]
"""Takes an offer and gives the id of its call; None if it was turned away."""


class Line(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """Short, stable and unique among the lines of a process: `browser`, `telegram`."""

    def claims(self, to: str) -> bool:
        """Whether `to` looks like an address of this line."""

    async def dial(self, to: str, on_ringing: OnRinging) -> Leg:
        """Call `to` and return once it answered. Raises `CallFailed`; cancelling withdraws the call."""

    async def run(self, on_offer: OnOffer) -> None:
        """Take incoming calls until cancelled; frees everything then."""

    def status(self) -> LineStatus:
        """Its health, now."""
