"""Many callers in one process, to be killed: `python -m tests.soak.callers URL COUNT`. They say a tone for ever."""

import asyncio
import sys

from hullo.lines.browser.line import BrowserLine
from hullo.rtc.clock import MediaClock
from tests.rtc.tones import Listener, Tone


async def main(url: str, count: int) -> None:
    """Call `count` times, and stay."""
    async with MediaClock() as clock, asyncio.TaskGroup() as calls:
        line = BrowserLine(None, clock=clock)
        for _ in range(count):
            leg = await line.dial(url, lambda: None)
            leg.open(Listener(), Tone(440))
            calls.create_task(leg.ended())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
