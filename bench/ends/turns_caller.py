"""Callers who say their turns one after the other, each when the answer to the one before has been heard."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.ends import fault
from bench.ends.far_away import datagrams_late
from bench.ends.parent import options, tell
from hullo.call.call import Call
from hullo.call.events import Connected
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm
from hullo.rtc.clock import MediaClock

_AUDIBLE = 150
"""Amplitude, about -47 dBFS: what the agent says is far above, concealment and comfort noise are below."""
_LONGEST_WAIT = 12.0
_QUIET = 0.5
"""Seconds of silence of the agent after which it has finished."""
_BETWEEN = 0.4


@dataclass
class SaidTurn:
    """Monotonic times at the caller's own ear and mouth, in seconds."""

    said_from: float
    said_to: float = 0.0
    """The last sample of the last word was captured then."""
    answer_at: float | None = None
    """The first audible sample of the agent after it, as it is played."""


class TalkingCaller:
    """The mouth and the ear of one call; `patient` ones wait for answers."""

    def __init__(self, turns: Sequence[Pcm], noise: Pcm, patient: bool) -> None:
        self._sounds = list(turns)
        self._noise = noise
        self._patient = patient
        self._frame = 0
        self._sound: Pcm | None = None
        self._at = 0
        self._next_at = 0.0
        self._agent_heard_at = 0.0
        self.said: list[SaidTurn] = []
        self.finished = asyncio.Event()

    def say(self, now: float) -> Pcm:
        """A `Mouth`: a microphone hands a frame over when it is full."""
        begin = self._frame * FRAME_SAMPLES % (len(self._noise) - FRAME_SAMPLES)
        self._frame += 1
        frame = self._noise[begin : begin + FRAME_SAMPLES].astype(np.int32)
        if self._sound is None:
            self._begin_if_due(now)
        if self._sound is not None:
            piece = self._sound[self._at : self._at + FRAME_SAMPLES]
            frame[: len(piece)] += piece
            self._at += FRAME_SAMPLES
            if self._at >= len(self._sound):
                self.said[-1].said_to = now - FRAME_SECONDS + len(piece) / SAMPLE_RATE
                self._sound = None
        return np.clip(frame, -32768, 32767).astype(np.int16)

    def hear(self, pcm: Pcm, now: float) -> None:
        """An `Ear`: when the agent begins to be heard."""
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _AUDIBLE)
        if not len(loud):
            return
        began = now - self._agent_heard_at > _QUIET
        self._agent_heard_at = now
        if not self.said or not began:
            return
        turn = self.said[-1]
        if self._sound is None and turn.answer_at is None:
            turn.answer_at = now + int(loud[0]) / SAMPLE_RATE

    def start(self) -> None:
        """The first turn may begin in a moment."""
        self._next_at = time.monotonic() + 1.0

    def _begin_if_due(self, now: float) -> None:
        if not self._next_at or not self._done_with_last(now):
            return
        if not self._sounds:
            self.finished.set()
            return
        self._sound, self._at = self._sounds.pop(0), 0
        self.said.append(SaidTurn(now - FRAME_SECONDS))

    def _done_with_last(self, now: float) -> bool:
        if not self.said:
            return now >= self._next_at
        turn = self.said[-1]
        waited = now - turn.said_to
        if not self._patient:
            return waited > _BETWEEN
        answered = turn.answer_at is not None and now - self._agent_heard_at > _QUIET + _BETWEEN
        return answered or waited > _LONGEST_WAIT


class Callers:
    """All calls of one process, some of them at once."""

    def __init__(
        self, url: str, material: str, calls: Sequence[int], at_once: int, patient: bool, loss: float, one_way: float
    ) -> None:
        self._url = url
        self._material = Path(material)
        self._calls = calls
        self._room = asyncio.Semaphore(at_once)
        self._dialing = asyncio.Lock()
        self._patient = patient
        self._loss, self._one_way = loss, one_way
        self._order: list[int] = []
        self._said: dict[int, list[dict[str, Any]]] = {}

    async def run(self) -> None:
        """Make the calls and tell what was said when; `order` is that of the dialing."""
        if self._loss:
            fault.lose_rtp_packets(self._loss, seed=len(self._calls))
        with datagrams_late(self._one_way):
            await self._run()

    async def _run(self) -> None:
        async with MediaClock() as clock:
            line = BrowserLine(None, 0, clock=clock)
            async with Switchboard([line], speech=None) as switchboard, asyncio.TaskGroup() as tasks:
                for number in self._calls:
                    tasks.create_task(self._call(switchboard, number))
                    await asyncio.sleep(0)
            tell(order=self._order, said=self._said)

    async def _call(self, switchboard: Switchboard, number: int) -> None:
        with np.load(self._material) as file:
            turns = [file[name] for name in sorted(file.files) if name.startswith(f"{number:02}_")]
            caller = TalkingCaller(turns, file[f"noise_{number:02}"], self._patient)
        async with self._room:
            async with self._dialing:
                call = switchboard.dial(self._url)
                self._order.append(number)
                call.add_ear(caller.hear)
                call.set_mouth(caller.say)
                await _connected(call)
            caller.start()
            await caller.finished.wait()
            call.hangup()
            await call.wait_ended()
        self._said[number] = [asdict(turn) for turn in caller.said]


async def _connected(call: Call) -> None:
    async for event in call.events():
        if isinstance(event, Connected):
            return
    raise ConnectionError("the call ended before it began")


if __name__ == "__main__":
    asyncio.run(Callers(**options()).run())
