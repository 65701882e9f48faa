"""A line without a network: the test is the far end and decides what it does."""

import asyncio
from collections.abc import Callable

from hullo.lines.line import CallFailed, Ending, EndReason, LegReport, LegStats, LineStatus, OnOffer, OnRinging
from hullo.media.pcm import Ear, Mouth


class MemoryLeg:
    """A leg whose far end is the test."""

    def __init__(self) -> None:
        self.proven = asyncio.Event()
        self.failure: Ending | None = None
        self.far_end: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.quiet = 0.0
        self.reconnecting = False
        self.emoji: tuple[str, ...] | None = None
        self.muted = False
        self.closed_with: list[Ending] = []
        self.ear: Ear | None = None
        self.mouth: Mouth | None = None
        self.peer_muted: bool | None = None
        self.on_peer_muted: Callable[[bool], None] = lambda muted: None

    def open(self, ear: Ear, mouth: Mouth) -> None:
        self.ear, self.mouth = ear, mouth

    async def connected(self) -> None:
        await self.proven.wait()
        if self.failure is not None:
            raise CallFailed(self.failure)

    async def ended(self) -> Ending:
        return await asyncio.shield(self.far_end)

    def hang_up(self, reason: EndReason = EndReason.HANGUP_USER) -> None:
        self.far_end.set_result(Ending(reason, "the peer hung up"))

    def set_muted(self, muted: bool) -> None:
        self.muted = muted

    def quiet_for(self, now: float) -> float:
        return self.quiet

    def stats(self) -> LegStats:
        return LegStats(packets_received=1)

    def report(self) -> LegReport:
        return LegReport(proof="rtcp", emoji=self.emoji, version="13.0.0" if self.emoji else None)

    async def close(self, ending: Ending) -> None:
        if not self.closed_with:  # a leg may be closed again
            self.closed_with.append(ending)


class MemoryOffer:
    """An incoming call; the test is the caller."""

    def __init__(self, leg: MemoryLeg, peer: str = "somebody") -> None:
        self.peer = peer
        self.leg = leg
        self.gone: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.rejected_with: list[Ending] = []

    async def accept(self) -> MemoryLeg:
        return self.leg

    async def reject(self, ending: Ending) -> None:
        self.rejected_with.append(ending)

    async def withdrawn(self) -> Ending:
        return await asyncio.shield(self.gone)


class MemoryLine:
    """Takes addresses that begin with `mem:`."""

    name = "memory"

    def __init__(self) -> None:
        self.leg = MemoryLeg()
        self.answer = asyncio.Event()
        self.refusal: Ending | None = None
        self.refused_at = LegReport()
        self.ring_times = 1
        self.withdrawn = 0
        self._on_offer: OnOffer | None = None
        self.running = asyncio.Event()

    def claims(self, to: str) -> bool:
        return to.startswith("mem:")

    async def dial(self, to: str, on_ringing: OnRinging) -> MemoryLeg:
        for _ in range(self.ring_times):
            on_ringing()
        try:
            await self.answer.wait()
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise
        if self.refusal is not None:
            raise CallFailed(self.refusal, self.refused_at)
        on_ringing()  # late: after the answer
        return self.leg

    async def run(self, on_offer: OnOffer) -> None:
        self._on_offer = on_offer
        self.running.set()
        await asyncio.Event().wait()

    def ring(self, offer: MemoryOffer) -> None:
        assert self._on_offer is not None
        self._on_offer(offer)

    def status(self) -> LineStatus:
        return LineStatus(name=self.name, ready=True, detail="in memory")
