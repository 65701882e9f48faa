"""Telegram calls one after the other between two switchboards leave nothing behind, at either end or at the server."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.situations.telegram_phones import TelegramPhone, active, reports, two_phones
from tests.soak.calls_in_a_row import Footprint

logger = logging.getLogger(__name__)

WARM_UP = 150
"""More than the ended calls that a switchboard remembers, and enough for every cache of the libraries."""
CALLS = 75
MEGABYTES = 4
"""A leak takes them in each row of calls; what the allocator keeps for itself comes in steps, and not in each."""


async def one_call(caller: TelegramPhone, callee: TelegramPhone, to: str) -> None:
    """Dial, answer, prove the sound, hang up."""
    async with asyncio.timeout(30):
        ours = caller.board.dial(to)
        theirs = await callee.rings()
        theirs.accept()
        await active(ours, theirs)
        ours.hangup()
        await reports(ours, theirs)


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_calls_in_a_row_leave_nothing(tmp_path: Path) -> None:
    async with two_phones("kurigram", "telethon", tmp_path, within=380) as (server, anna, bert):
        ways = ((anna, bert, "@bert"), (bert, anna, "@anna"))
        for number in range(WARM_UP):
            await one_call(*ways[number % 2])
        footprints = [Footprint()]
        for _ in range(2):
            for number in range(CALLS):
                await one_call(*ways[number % 2])
            footprints.append(Footprint())
        before, between, after = footprints
        logger.info("after %d calls: %s; after %d more: %s; and again: %s", WARM_UP, before, CALLS, between, after)
        assert server.world.book.live() == 0
        assert not anna.line._calls
        assert not bert.line._calls
    assert after.tasks == before.tasks
    assert after.threads == before.threads
    assert after.descriptors == before.descriptors
    assert after.objects <= before.objects + 2000
    assert min(between.resident - before.resident, after.resident - between.resident) <= MEGABYTES * 1e6
