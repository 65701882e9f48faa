"""A line inside the process: real calls with a real tick, and a far end that answers as its address says."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

from hullo.lines.line import CallFailed, Ending, EndReason, LegReport, LegStats, LineStatus, OnOffer, OnRinging
from hullo.media.pcm import SILENCE, Ear, Mouth, Pcm


class LoopbackLeg:
    """Hears silence, or what its peer is made to say, and counts what is said; the sound is proven at once."""

    def __init__(self) -> None:
        self.peer_says: Iterator[Pcm] = iter(())
        self.frames_sent = 0
        self.loudest = 0
        self.muted = False
        self.peer_muted: bool | None = None
        self.on_peer_muted: Callable[[bool], None] = lambda muted: None
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._tick: asyncio.Task[None] | None = None

    def open(self, ear: Ear, mouth: Mouth) -> None:
        self._tick = asyncio.create_task(self._run(ear, mouth))

    async def _run(self, ear: Ear, mouth: Mouth) -> None:
        while True:
            ear(next(self.peer_says, SILENCE), time.monotonic())
            said = mouth(time.monotonic())
            if said is not None and not self.muted:
                self.frames_sent += 1
                self.loudest = max(self.loudest, int(abs(said).max()))
            await asyncio.sleep(0.02)

    async def connected(self) -> None:
        return None

    async def ended(self) -> Ending:
        return await asyncio.shield(self._ended)

    def hang_up(self) -> None:
        """The peer ends the call."""
        self._ended.set_result(Ending(EndReason.HANGUP_USER, "the peer hung up"))

    def set_muted(self, muted: bool) -> None:
        self.muted = muted

    @property
    def reconnecting(self) -> bool:
        return False

    def quiet_for(self, now: float) -> float:
        return 0.0

    def stats(self) -> LegStats:
        return LegStats(packets_sent=self.frames_sent)

    def report(self) -> LegReport:
        return LegReport(stages={"connected": 0.0}, proof="consent")

    async def close(self, ending: Ending) -> None:
        if self._tick is not None:
            self._tick.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tick
        self._ended.cancel()


class LoopbackOffer:
    """An incoming call."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.leg = LoopbackLeg()
        self.rejected_with: Ending | None = None
        self._withdrawn: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    async def accept(self) -> LoopbackLeg:
        return self.leg

    async def reject(self, ending: Ending) -> None:
        self.rejected_with = ending

    def withdraw(self, ending: Ending) -> None:
        """The caller gives up, or somebody else has taken it."""
        self._withdrawn.set_result(ending)

    async def withdrawn(self) -> Ending:
        return await asyncio.shield(self._withdrawn)


class LoopbackLine:
    """`loop:NAME` answers at once, `loop:busy` is busy, `loop:nobody` rings for ever."""

    name = "loopback"

    def __init__(self) -> None:
        self.legs: list[LoopbackLeg] = []
        self.ready = True
        self._on_offer: OnOffer | None = None

    def claims(self, to: str) -> bool:
        return to.startswith("loop:")

    async def dial(self, to: str, on_ringing: OnRinging) -> LoopbackLeg:
        await asyncio.sleep(0)
        if to == "loop:busy":
            raise CallFailed(Ending(EndReason.BUSY, "the far end is in another call"))
        on_ringing()
        if to == "loop:nobody":
            await asyncio.Event().wait()
        self.legs.append(LoopbackLeg())
        return self.legs[-1]

    async def run(self, on_offer: OnOffer) -> None:
        self._on_offer = on_offer
        await asyncio.Event().wait()

    def ring(self, peer: str = "ann") -> LoopbackOffer:
        """Somebody calls us."""
        assert self._on_offer is not None
        offer = LoopbackOffer(peer)
        self._on_offer(offer)
        return offer

    def status(self) -> LineStatus:
        return LineStatus(name=self.name, ready=self.ready, detail="in this process")
