"""Twenty calls at once in one process, for a minute: everybody is heard, and no tick is forgotten.

How many ticks were late is logged and not asserted, and some may have been so late that they were dropped: that depends
on what else the machine does. `python -m bench density` measures it with a core to itself.
"""

import asyncio
import logging
import sys

import pytest

from hullo.lines.browser.line import BrowserLine
from hullo.rtc.clock import MediaClock
from tests.lines.calls import BYE, DEADLINE, listening
from tests.rtc.tones import Listener, Tone

logger = logging.getLogger(__name__)

CALLS = 20
SECONDS = 60


@pytest.mark.soak
@pytest.mark.timeout(180)
async def test_twenty_calls_at_once() -> None:
    async with MediaClock() as clock, listening(BrowserLine("127.0.0.1", 0, clock=clock)) as line:
        callers = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.soak.callers", line.url, str(CALLS))
        try:
            legs, listeners = [], []
            for _ in range(CALLS):
                leg = await (await line.offer()).accept()
                listeners.append(Listener())
                leg.open(listeners[-1], Tone(1000))
                legs.append(leg)
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(*(leg.connected() for leg in legs))
            before = clock.stats()
            await asyncio.sleep(SECONDS)
            after = clock.stats()
            late, dropped = after.late_20_ms - before.late_20_ms, after.dropped - before.dropped
            logger.info("%d late by more than 20 ms, %d dropped, at most %.1f ms", late, dropped, after.max_late_ms)
            assert after.ticks - before.ticks + dropped == pytest.approx(CALLS * SECONDS * 50, rel=0.01)
            assert dropped < 0.05 * CALLS * SECONDS * 50, "the machine or this process can't hold twenty calls"
            for listener in listeners:
                listener.forget()
            await asyncio.gather(*(listener.hears(440, seconds=1.0) for listener in listeners))
            await asyncio.gather(*(leg.close(BYE) for leg in legs))
        finally:
            callers.kill()
            await callers.wait()
