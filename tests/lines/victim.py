"""A caller in a process of its own, to be killed: `python -m tests.lines.victim URL` calls and says 440 Hz for ever."""

import asyncio
import sys

from hullo.lines.browser.line import BrowserLine
from hullo.rtc.clock import MediaClock
from tests.rtc.tones import Listener, Tone


async def main(url: str) -> None:
    """Call, and never hang up."""
    async with MediaClock() as clock:
        leg = await BrowserLine(None, clock=clock).dial(url, lambda: None)
        leg.open(Listener(), Tone(440))
        await leg.ended()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
