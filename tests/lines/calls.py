"""A browser line that listens, and calls to it, for the tests of lines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hullo.lines.browser.line import BrowserLine
from hullo.lines.leg import RtcLeg
from hullo.lines.line import Ending, EndReason, Offer
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import Consent, IceOptions

DEADLINE = 30.0
BYE = Ending(EndReason.COMPLETED, "the test is over")


class Listening:
    """A running line, its address and the offers that came."""

    def __init__(self, line: BrowserLine) -> None:
        self.line = line
        self.offers: asyncio.Queue[Offer] = asyncio.Queue()

    @property
    def url(self) -> str:
        """Where to call it."""
        address = self.line.status().address
        assert address is not None
        return address

    async def offer(self) -> Offer:
        """The next call that comes in."""
        async with asyncio.timeout(DEADLINE):
            return await self.offers.get()


@asynccontextmanager
async def listening(line: BrowserLine) -> AsyncIterator[Listening]:
    """Run `line` until the end of the block."""
    running = Listening(line)
    task = asyncio.create_task(line.run(running.offers.put_nowait))
    try:
        async with asyncio.timeout(DEADLINE):
            while not line.status().ready and not task.done():
                await asyncio.sleep(0.002)
        yield running
    finally:
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError), results


@asynccontextmanager
async def local_line(consent: Consent = Consent()) -> AsyncIterator[Listening]:  # noqa: B008  # frozen
    """A line on loopback without a token, with its clock."""
    async with (
        MediaClock(freeze_gc=False) as clock,
        listening(BrowserLine("127.0.0.1", 0, clock=clock, ice=IceOptions(consent=consent))) as running,
    ):
        yield running


async def answered(running: Listening) -> tuple[RtcLeg, RtcLeg]:
    """Call the line from itself and accept: the caller's leg and the callee's."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        dialing = tasks.create_task(running.line.dial(running.url, lambda: None))
        offer = await running.offer()
        callee = await offer.accept()
        assert isinstance(callee, RtcLeg)
    return dialing.result(), callee
