"""Calls one after the other in one process leave nothing behind."""

import asyncio
import logging

import pytest

from tests.lines.calls import local_line
from tests.soak.calls_in_a_row import Footprint, one_call

logger = logging.getLogger(__name__)

WARM_UP = 50
"""Calls after which every cache is filled: imports, allocator arenas, the executor of the loop."""


async def calls_leave_nothing(total: int, megabytes: float) -> None:
    async with local_line() as line:
        for _ in range(WARM_UP):
            await one_call(line)
        await asyncio.sleep(0.1)  # HTTP connections of the last call are closed by the loop
        before = Footprint()
        for _ in range(total - WARM_UP):
            await one_call(line)
        await asyncio.sleep(0.1)
        after = Footprint()
    logger.info("after %d calls: %s; after %d calls: %s", WARM_UP, before, total, after)
    assert after.tasks == before.tasks
    assert after.threads == before.threads
    assert after.descriptors == before.descriptors
    assert after.objects <= before.objects + 1000
    assert after.resident <= before.resident + megabytes * 1e6


async def test_a_hundred_calls() -> None:
    await calls_leave_nothing(100, megabytes=5)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_thousand_calls() -> None:
    await calls_leave_nothing(1000, megabytes=5)
