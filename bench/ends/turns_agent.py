"""An agent that answers everything that it hears at once, and keeps a diary of when it decided what."""

import asyncio
import time
from typing import Any

from bench.ends import fault
from bench.ends.far_away import datagrams_late
from bench.ends.hullo_call import listening
from bench.ends.parent import options, questions, tell
from hullo.call.call import Call
from hullo.call.events import Speech, SpeechEnded, Unclear
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.rtc.clock import MediaClock
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings

ANSWER = "All right."


class TurnsAgent:
    """Takes calls with the endpointing of the plan; its calls are told apart by the order in which they came."""

    def __init__(self, endpointing: str, end_pause: float | None, loss: float, one_way: float, seed: int) -> None:
        self._settings = SpeechSettings(endpointing=endpointing, end_pause=end_pause)
        self._loss, self._one_way, self._seed = loss, one_way, seed
        self._diaries: list[list[dict[str, Any]]] = []

    async def run(self) -> None:
        """Tell the address, take calls, and tell the diaries and the clock's figures whenever asked."""
        async with MediaClock() as clock, SpeechService(self._settings) as speech:
            line = BrowserLine("127.0.0.1", 0, clock=clock)
            with datagrams_late(self._one_way):
                async with Switchboard([line], speech=speech, answer="auto") as switchboard:
                    await self._serve(switchboard, line, clock)

    async def _serve(self, switchboard: Switchboard, line: BrowserLine, clock: MediaClock) -> None:
        async with asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(self._take(switchboard, tasks))
            if self._loss:
                fault.lose_rtp_packets(self._loss, self._seed)
            tell(url=await listening(line))
            async for _ in questions():
                ticks = clock.stats()
                tell(calls=self._diaries, ticks=ticks.ticks + ticks.dropped, late_5=ticks.late_5_ms + ticks.dropped,
                     late_20=ticks.late_20_ms + ticks.dropped, max_late_ms=ticks.max_late_ms)  # fmt: skip
            taking.cancel()

    async def _take(self, switchboard: Switchboard, tasks: asyncio.TaskGroup) -> None:
        async for call in switchboard.incoming():
            diary: list[dict[str, Any]] = []
            self._diaries.append(diary)
            tasks.create_task(self._answer(call, diary))

    async def _answer(self, call: Call, diary: list[dict[str, Any]]) -> None:
        async for event in call.events():
            now = time.monotonic()
            match event:
                case SpeechEnded():
                    diary.append({"ended_at": now})
                case Speech() | Unclear():
                    call.speak(ANSWER)
                    gateway_ms = 1000 * (time.monotonic() - now)
                    text = event.text if isinstance(event, Speech) else ""
                    times = event.times
                    diary.append(
                        {
                            "answered_at": now,
                            "text": text,
                            "pause_ms": times.end_of_speech_ms,
                            "recognition_ms": times.recognition_ms,
                            "gateway_ms": gateway_ms,
                        }
                    )


async def _main() -> None:
    await TurnsAgent(**_plan()).run()


def _plan() -> dict[str, Any]:
    return options()


if __name__ == "__main__":
    asyncio.run(_main())
