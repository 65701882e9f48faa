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
CALLS = 100
MEGABYTES = 8


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
async def test_a_hundred_calls_in_a_row(tmp_path: Path) -> None:
    async with two_phones("kurigram", "telethon", tmp_path, within=380) as (server, anna, bert):
        ways = ((anna, bert, "@bert"), (bert, anna, "@anna"))
        for number in range(WARM_UP):
            await one_call(*ways[number % 2])
        before = Footprint()
        for number in range(CALLS):
            await one_call(*ways[number % 2])
        after = Footprint()
        logger.info("after %d calls: %s; after %d more: %s", WARM_UP, before, CALLS, after)
        assert server.world.book.live() == 0
        assert not anna.line._calls
        assert not bert.line._calls
    assert after.tasks == before.tasks
    assert after.threads == before.threads
    assert after.descriptors == before.descriptors
    assert after.objects <= before.objects + 2000
    assert after.resident <= before.resident + MEGABYTES * 1e6
