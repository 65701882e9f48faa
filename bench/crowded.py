"""What becomes of the sound of calls whose process shares its core with programs that never rest."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import fmean

from bench.density import SERVERS, bench_of
from bench.effort import Effort
from bench.result import OURS, Result, Target

QUESTION = "Four calls in a process that shares its core with two busy programs: punctuality of its packets"

CALLS = 4
BUSY = 2
_FIGURES = ("packets_on_time_share", "packet_p99_late_ms", "frames_heard_share", "core_share")


@dataclass(frozen=True)
class Size:
    """Seconds that calls settle and then are measured, and how often, the subjects in turns."""

    settle: float
    seconds: float
    rounds: int


SIZES = {
    Effort.FULL: Size(settle=6.0, seconds=20.0, rounds=4),
    Effort.QUICK: Size(settle=6.0, seconds=10.0, rounds=2),
    Effort.REHEARSAL: Size(settle=2.0, seconds=2.0, rounds=1),
}


async def run(effort: Effort) -> Result:
    """Measure the subjects in turns, each beside new busy programs."""
    size = SIZES[effort]
    rounds: dict[str, list[dict[str, float]]] = {subject: [] for subject in SERVERS}
    for _ in range(size.rounds):
        for subject in SERVERS:
            rounds[subject].append(await _round(subject, size))
    measured = {
        subject: {name: fmean(figures[name] for figures in of_subject) for name in _FIGURES}
        for subject, of_subject in rounds.items()
    }
    return Result(
        name="crowded",
        question=QUESTION,
        measured=measured,
        ratios={"ours/aiortc": measured[OURS]["packet_p99_late_ms"] / measured["aiortc"]["packet_p99_late_ms"]},
        targets=[Target("ours/aiortc", most=1.0)],
        conditions={
            "window": f"{CALLS} calls, {size.rounds} times {size.seconds:g} s after {size.settle:g} s, in turns",
            "busy programs": f"{BUSY} endless loops of the usual priority, on the core of the process under test",
            "packets_on_time_share": "packets of the process under test that came within 20 ms of their time",
        },
    )


async def _round(subject: str, size: Size) -> dict[str, float]:
    async with bench_of(SERVERS[subject], first=False) as bench:
        await bench.grow(CALLS, size.settle)
        async with _busy(bench.core):
            return await bench.measure(CALLS, size.seconds)


@asynccontextmanager
async def _busy(core: int | None) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for _ in range(BUSY):
            await stack.enter_async_context(_endless_loop(core))
        yield


@asynccontextmanager
async def _endless_loop(core: int | None) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass", start_new_session=True)
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        yield
    finally:
        process.kill()
        await process.wait()
