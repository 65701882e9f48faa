"""One end of a call of ours, between a mouth and an ear."""

import asyncio
import time
from pathlib import Path

from bench.ends.pace import next_on_grid, until
from bench.ends.parent import options, tell
from bench.ends.talk import Plan, Trouble, frame
from bench.network import ADDRESS
from bench.tape import Tape
from hullo.call.call import Call
from hullo.call.events import Connected, Ended
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.media.pcm import Pcm
from hullo.rtc.clock import MediaClock

TOKEN = "bench"


class HulloEnd:
    """Puts what it says and hears on a tape."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._track = plan.track().pcm
        self._tape = Tape()
        self._trouble = Trouble(plan)

    async def run(self) -> None:
        """Call, or be called, and say all that is planned."""
        plan = self._plan
        await until(next_on_grid(time.monotonic(), plan.phase))
        async with MediaClock() as clock:
            tokens = {plan.url.removesuffix("/call"): TOKEN} if plan.role == "offer" else {}
            line = BrowserLine(ADDRESS, 0, clock=clock, token=TOKEN, dial_tokens=tokens)
            async with Switchboard([line], speech=None, answer="auto") as switchboard:
                if plan.role == "offer":
                    await self._talk(switchboard.dial(plan.url))
                    return
                tell(url=await listening(line))
                async for call in switchboard.incoming():
                    await self._talk(call)
                    return

    async def _talk(self, call: Call) -> None:
        call.add_ear(self._hear)
        call.set_mouth(self._say)
        async for event in call.events():
            if isinstance(event, Ended):
                raise ConnectionError(f"the call ended: {event.detail}")
            if isinstance(event, Connected):
                break
        self._tape.connected_at = time.monotonic()
        await asyncio.sleep(self._plan.seconds)
        self._tape.trouble_at = self._trouble.happened_at
        self._tape.save(Path(self._plan.tape))
        tell(done=True)

    def _hear(self, pcm: Pcm, now: float) -> None:
        self._tape.heard.append(pcm.copy())
        self._tape.heard_at.append(time.monotonic())
        if self._tape.connected_at:
            self._trouble.due(now - self._tape.connected_at)

    def _say(self, now: float) -> Pcm:
        self._tape.said_at.append(time.monotonic())
        return frame(self._track, len(self._tape.said_at) - 1)


async def listening(line: BrowserLine) -> str:
    """Where the line takes calls, once it does."""
    while (address := line.status().address) is None:  # noqa: ASYNC110  # a line tells its status only when asked
        await asyncio.sleep(0.005)
    return address


async def _main() -> None:
    await HulloEnd(Plan(**options())).run()


if __name__ == "__main__":
    asyncio.run(_main())
