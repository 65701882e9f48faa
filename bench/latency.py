"""How long from a mouth to an ear, and what one lost packet or a stalled program does to that."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from playwright.async_api import Browser

from bench.child import START_SECONDS, child
from bench.chirps import chirp_track
from bench.effort import Effort
from bench.ends import chromium
from bench.result import OURS, Result, Target, median, quantile
from bench.tape import Delay, PlayedTape, delays
from hullo.media.pcm import FRAME_SECONDS

QUESTION = "Mouth to ear: from the capture of a sample to the hand-over of the listener's frame that contains it"

WARM_UP = 2.5
"""Seconds of each call that do not count."""

_TROUBLE_AT = 4.5
_AFTER = 5.0
_WINDOW = 1.5
"""Seconds: the delay before trouble is that of the last 1.5 s before it, the delay after that of 5 to 6.5 s later."""

_ENDS = {OURS: "hullo_call", "aiortc": "aiortc_call"}


@dataclass(frozen=True)
class Size:
    """How much is measured: calls with each subject, and seconds of each."""

    calls: int
    seconds: float


SIZES = {
    Effort.FULL: Size(calls=12, seconds=10.0),
    Effort.QUICK: Size(calls=3, seconds=6.0),
    Effort.REHEARSAL: Size(calls=1, seconds=7.0),
}


@dataclass
class Delays:
    """What was found of one subject, in seconds."""

    steady: list[float] = field(default_factory=list)
    drained: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Under the names of the result."""
        found = {
            "mouth_to_ear_ms": 1000 * median(self.steady),
            "mouth_to_ear_p95_ms": 1000 * quantile(self.steady, 0.95),
            "mouth_to_ear_n": len(self.steady),
        }
        if self.drained:
            found["mouth_to_ear_drained_ms"] = 1000 * median(self.drained)
            found["mouth_to_ear_drained_p95_ms"] = 1000 * quantile(self.drained, 0.95)
        return found


async def run(effort: Effort) -> Result:
    """Measure all subjects in turns, so that whatever else the machine does meets all of them alike."""
    size = SIZES[effort]
    found = {OURS: Delays(), "aiortc": Delays(), "chromium": Delays()}
    async with chromium.chromium() as browser:
        for index in range(size.calls):
            # The clocks of both ends run at 20 ms; over all calls their phases to each other cover the 20 ms.
            phase = (index + 0.5) / size.calls * FRAME_SECONDS
            for subject in _ENDS:
                await _add_call(found[subject], subject, index, phase, size.seconds)
            await _add_chromium(found["chromium"], browser, index, size.seconds)
    measured = {subject: delays.figures() for subject, delays in found.items()}
    for subject in _ENDS:
        measured[subject] |= await _after_trouble(subject)
    return Result(
        name="latency",
        question=QUESTION,
        measured=measured,
        ratios=_ratios(measured),
        targets=[Target("ours/aiortc", most=0.5), Target("ours/chromium", most=1.0)],
        conditions={
            "calls": f"{size.calls} calls of {size.seconds:g} s with each subject in turns, both directions, two "
            "processes each (Chromium: two peer connections in one page)",
            "listener": "takes a frame every 20 ms as a sound card does; drained: takes frames as fast as they come",
            "ratios": "ours/aiortc is with the drained aiortc, the best it can be",
        },
    )


def _ratios(measured: dict[str, dict[str, float]]) -> dict[str, float]:
    ours, aiortc = measured[OURS], measured["aiortc"]
    return {
        "ours/aiortc": ours["mouth_to_ear_ms"] / aiortc["mouth_to_ear_drained_ms"],
        "ours/aiortc_sound_card": ours["mouth_to_ear_ms"] / aiortc["mouth_to_ear_ms"],
        "ours/chromium": ours["mouth_to_ear_ms"] / measured["chromium"]["mouth_to_ear_ms"],
        "ours/aiortc_after_one_lost_packet": ours["after_one_lost_packet_ms"] / aiortc["after_one_lost_packet_ms"],
        "ours/aiortc_after_stall": ours["after_400_ms_stall_ms"] / aiortc["after_400_ms_stall_ms"],
    }


async def _add_call(found: Delays, subject: str, index: int, phase: float, seconds: float) -> None:
    tapes, seeds = await _call(subject, 2 * index, phase, seconds)
    for talker, listener in ((0, 1), (1, 0)):
        track = chirp_track(seeds[talker], seconds + 5)
        said, heard = tapes[talker], tapes[listener]
        begin = said.connected_at + WARM_UP
        found.steady += _since(delays(said, track, heard, heard.heard_at), begin)
        if len(heard.ready_at):
            found.drained += _since(delays(said, track, heard, heard.ready_at), begin)


async def _add_chromium(found: Delays, browser: Browser, index: int, seconds: float) -> None:
    tracks = (chirp_track(2 * index, seconds + 5), chirp_track(2 * index + 1, seconds + 5))
    for direction in await chromium.call(browser, tracks, seconds):
        found.steady += _since(direction, WARM_UP)


def _since(found: Sequence[Delay], begin: float, end: float = np.inf) -> list[float]:
    return [delay.seconds for delay in found if begin <= delay.said_at < end]


async def _after_trouble(subject: str) -> dict[str, float]:
    lost, stalled = await asyncio.gather(
        _trouble(subject, talker={"lose_at": _TROUBLE_AT}, listener={}),
        _trouble(subject, talker={}, listener={"stall_at": _TROUBLE_AT}),
    )
    return {
        "before_lost_packet_ms": 1000 * lost[0],
        "after_one_lost_packet_ms": 1000 * lost[1],
        "before_stall_ms": 1000 * stalled[0],
        "after_400_ms_stall_ms": 1000 * stalled[1],
    }


async def _trouble(subject: str, talker: dict[str, float], listener: dict[str, float]) -> tuple[float, float]:
    """The delays before and long after trouble, for a listener like a sound card."""
    seconds = _TROUBLE_AT + _AFTER + _WINDOW + 0.5
    tapes, seeds = await _call(subject, 1000, FRAME_SECONDS / 2, seconds, answer=listener, offer=talker)
    heard, said = tapes
    at = heard.trouble_at or said.trouble_at
    if not at:
        raise RuntimeError(f"{subject}: the trouble did not happen")
    found = delays(said, chirp_track(seeds[1], seconds + 5), heard, heard.heard_at)
    before = _since(found, at - _WINDOW - 0.5, at - 0.5)
    return median(before), median(_since(found, at + _AFTER, at + _AFTER + _WINDOW))


async def _call(
    subject: str,
    seed: int,
    phase: float,
    seconds: float,
    answer: Mapping[str, float] = MappingProxyType({}),
    offer: Mapping[str, float] = MappingProxyType({}),
) -> tuple[list[PlayedTape], tuple[int, int]]:
    """The tapes of who answers and who offers, and the seeds of what they say. The two may be given trouble."""
    seeds = (seed, seed + 1)
    with tempfile.TemporaryDirectory() as directory:
        tapes = [Path(directory, "answer.npz"), Path(directory, "offer.npz")]
        first = {"role": "answer", "seed": seeds[0], "phase": 0.0, "seconds": seconds, "tape": str(tapes[0])}
        second = {"role": "offer", "seed": seeds[1], "phase": phase, "seconds": seconds, "tape": str(tapes[1])}
        async with child(_ENDS[subject], {**first, **answer}) as answerer:
            url = (await answerer.hear())["url"]
            async with child(_ENDS[subject], {**second, **offer, "url": url}) as offerer:
                await offerer.hear(START_SECONDS + seconds)
                await answerer.hear()
        return [PlayedTape.load(tape) for tape in tapes], seeds
