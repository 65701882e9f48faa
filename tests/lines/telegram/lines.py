"""Two Telegram lines that can call each other, for the tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hullo.lines.line import Ending, EndReason, Offer
from hullo.lines.telegram.leg import TelegramLeg
from hullo.lines.telegram.line import TelegramLine
from hullo.lines.telegram.port import Safety
from hullo.rtc.clock import MediaClock
from tests.lines.telegram.memory_telegram import Anybody, MemoryAccount, MemoryTelegram

DEADLINE = 30.0
BYE = Ending(EndReason.HANGUP_BOT, "the test is over")
ALICE, BOB = 11, 22


class Running:
    """A line that is online, and the offers that came."""

    def __init__(self, line: TelegramLine, account: MemoryAccount) -> None:
        self.line = line
        self.account = account
        self.offers: asyncio.Queue[Offer] = asyncio.Queue()
        self.rings = 0

    def rang(self) -> None:
        """To be told of ringing."""
        self.rings += 1

    async def offer(self) -> Offer:
        """The next call that comes in."""
        async with asyncio.timeout(DEADLINE):
            return await self.offers.get()


@asynccontextmanager
async def running(account: MemoryAccount, clock: MediaClock, safety: Safety | None = None) -> AsyncIterator[Running]:
    """Bring a line online until the end of the block."""
    line = Running(TelegramLine(account, safety or Anybody(), clock=clock, rating=5), account)
    task = asyncio.create_task(line.line.run(line.offers.put_nowait))
    try:
        async with asyncio.timeout(DEADLINE):
            while not line.line.status().ready:
                await asyncio.sleep(0.001)
        yield line
    finally:
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError), results
        left = {call_id: call.stages for call_id, call in line.line._calls.items()}
        assert not left, f"calls of {account.user.name} are left: {left}"


@asynccontextmanager
async def alice_and_bob(server: MemoryTelegram) -> AsyncIterator[tuple[Running, Running]]:
    """Two lines at one server."""
    async with (
        MediaClock(freeze_gc=False) as clock,
        running(server.account(ALICE, "alice"), clock) as alice,
        running(server.account(BOB, "robert"), clock) as bob,
    ):
        yield alice, bob


async def answered(alice: Running, bob: Running) -> tuple[TelegramLeg, TelegramLeg]:
    """Alice calls Bob, who accepts: her leg and his."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        dialing = tasks.create_task(alice.line.dial("@robert", alice.rang))
        callee = await (await bob.offer()).accept()
        assert isinstance(callee, TelegramLeg)
    return dialing.result(), callee


async def hang_up(*legs: TelegramLeg) -> None:
    """End calls."""
    await asyncio.gather(*(leg.close(BYE) for leg in legs))
