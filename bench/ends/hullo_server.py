"""A process that answers every call with ours, says speech into it, and listens."""

import asyncio
import itertools

from bench.ends.hullo_call import TOKEN, listening
from bench.ends.parent import end_on_error, options, questions, tell
from bench.ends.usage import usage
from bench.material import speech_frames
from bench.network import ADDRESS
from hullo.call.call import Call
from hullo.call.limits import Limits
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.media.pcm import Pcm
from hullo.rtc.clock import MediaClock

_MOST_CALLS = 1000


class Parties:
    """One listener and one talker for each call."""

    def __init__(self) -> None:
        self.frames_heard = 0
        self._frames = speech_frames()
        self._calls = 0

    def join(self, call: Call) -> None:
        """Talk and listen; every call is at another place of the speech."""
        place = 37 * self._calls % len(self._frames)
        speech = itertools.cycle(self._frames[place:] + self._frames[:place])
        self._calls += 1
        call.add_ear(self._hear)
        call.set_mouth(lambda now: next(speech))

    def _hear(self, pcm: Pcm, now: float) -> None:
        self.frames_heard += 1


async def _main() -> None:
    options()
    end_on_error()
    parties = Parties()
    async with MediaClock() as clock:
        line = BrowserLine(ADDRESS, 0, clock=clock, token=TOKEN)
        limits = Limits(calls=_MOST_CALLS)
        async with (
            Switchboard([line], speech=None, limits=limits, answer="auto") as switchboard,
            asyncio.TaskGroup() as tasks,
        ):
            joining = tasks.create_task(_join(switchboard, parties))
            tell(url=await listening(line))
            async for _ in questions():
                stats = clock.stats()
                missed = stats.late_20_ms + stats.dropped
                tell(
                    **usage(),
                    ticks=stats.ticks + stats.dropped,
                    late=missed,
                    max_late_ms=stats.max_late_ms,
                    heard=parties.frames_heard,
                )
            joining.cancel()


async def _join(switchboard: Switchboard, parties: Parties) -> None:
    async for call in switchboard.incoming():
        parties.join(call)


if __name__ == "__main__":
    asyncio.run(_main())
