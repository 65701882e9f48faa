"""What a call costs in a process that holds many, and how many one core holds."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.child import Child, ChildFailed, child
from bench.effort import Effort
from bench.result import OURS, Result, Target

QUESTION = "Twenty calls at once in one process: processor time for each call end, and punctuality"

CALLS = 20
_SETTLE = 12.5
"""Seconds until calls are as they will be: buffers are adapted, and the peers have reported what they miss."""

_ON_TIME = 0.999
_HEARD = 0.5
"""With less than this share of the frames heard, calls have failed and not only suffered."""

_STEP = 10
_MOST = 150
_STEP_SECONDS = 10.0

_SUMMARIES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "ticks_n": sum,
    "tick_max_late_with_set_up_ms": max,
    "packet_max_late_ms": max,
}

SERVERS = {OURS: "hullo_server", "aiortc": "aiortc_server"}


@dataclass(frozen=True)
class Size:
    """Seconds that calls settle and then are measured; `thorough`: twice, and then loaded with more until they fail."""

    settle: float
    seconds: float
    thorough: bool


SIZES = {
    Effort.FULL: Size(_SETTLE, seconds=60.0, thorough=True),
    Effort.QUICK: Size(_SETTLE, seconds=12.0, thorough=False),
    Effort.REHEARSAL: Size(6.0, seconds=4.0, thorough=False),
}


@dataclass(frozen=True)
class Bench:
    """The process under test and the one that loads it."""

    server: Child
    load: Child
    core: int | None
    """The one that the process under test is kept on."""

    async def grow(self, calls: int, settle: float = _SETTLE) -> None:
        """Have so many calls, and let them settle."""
        await self.load.ask(calls=calls, timeout=60)
        await asyncio.sleep(settle)

    async def measure(self, calls: int, seconds: float) -> dict[str, float]:
        """The figures of the process under test over so many seconds."""
        before = await self.server.ask()
        busy = _busy_seconds(self.core)
        await self.load.ask(measure="begin")
        await asyncio.sleep(seconds)
        packets = await self.load.ask(measure="end", timeout=60)
        after = await self.server.ask(timeout=60)
        return _figures(calls, before, after, packets, _busy_seconds(self.core) - busy)


async def run(effort: Effort) -> Result:
    """Measure the subjects in turns, in full there and back, so that the machine's moods meet both alike."""
    size = SIZES[effort]
    rounds: dict[str, list[dict[str, float]]] = {subject: [] for subject in SERVERS}
    turns = [*SERVERS, *reversed(SERVERS)] if size.thorough else [*SERVERS]
    for subject in turns:
        rounds[subject].append(await _round(subject, size))
    measured = {subject: _summary(of_subject) for subject, of_subject in rounds.items()}
    if size.thorough:
        for subject in SERVERS:
            measured[subject]["calls_on_one_core"] = await _calls_on_one_core(subject)
    server_core, load_core = _cores()
    ours, aiortc = measured[OURS], measured["aiortc"]
    return Result(
        name="density",
        question=QUESTION,
        measured=measured,
        ratios={
            "ours/aiortc": ours["cpu_s_per_s"] / aiortc["cpu_s_per_s"],
            "ours/aiortc_memory": ours["memory_per_call_kb"] / aiortc["memory_per_call_kb"],
        },
        targets=[Target("ours/aiortc", most=0.5), Target("ours_ticks_on_time_share", least=_ON_TIME)],
        conditions={
            "window": f"{CALLS} calls for {size.seconds:g} s after {size.settle:g} s to settle, in turns: "
            + ", ".join(turns),
            "load": "the same callers for every subject, in a process of their own; they replay packets of speech "
            "(Opus, mono, 32 kbit/s, FEC), report what they miss, and time what comes back by the kernel's clock",
            "core_share_of_others": "what else ran on the core of the process under test",
            "placement": _placement(server_core, load_core),
            "cpu_s_per_s": "user and system time of the whole process under test, for each call, in each second",
        },
    )


async def _round(subject: str, size: Size) -> dict[str, float]:
    async with bench_of(SERVERS[subject]) as bench:
        idle = await bench.server.ask()
        await bench.grow(CALLS, size.settle)
        figures = await bench.measure(CALLS, size.seconds)
        if figures["frames_heard_share"] < _HEARD:
            raise ChildFailed(f"{subject}: {figures['frames_heard_share']:.0%} of the sound was heard; calls failed")
        full = await bench.server.ask()
        return figures | {"memory_per_call_kb": (full["rss_bytes"] - idle["rss_bytes"]) / CALLS / 1024}


def _summary(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure; counts are added, and the worst stays the worst."""
    return {name: _SUMMARIES.get(name, fmean)([figures[name] for figures in rounds]) for name in rounds[0]}


@asynccontextmanager
async def bench_of(server: str, *, first: bool = True) -> AsyncIterator[Bench]:
    """The server `bench.ends.SERVER` and its load, on cores of their own.

    `first` lets the server go before others, if the system permits.
    """
    server_core, load_core = _cores()
    async with child(server, {}, core=server_core, first=first) as under_test:
        url = (await under_test.hear())["url"]
        async with child("load", {"url": url}, core=load_core, first=True) as load:
            await load.hear()
            yield Bench(under_test, load, server_core)


def _cores() -> tuple[int | None, int | None]:
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


def _placement(server_core: int | None, load_core: int | None) -> str:
    if server_core is None:
        return "one core for the process under test, its load, and all else: expect noise"
    return (
        f"the process under test on core {server_core}, its load on core {load_core}, both at the niceness that the "
        "figures tell; the lower it is, the less do others disturb them"
    )


def _busy_seconds(core: int | None) -> float:
    """For how long somebody has used that core since the machine started; all cores together for None."""
    name = "cpu" if core is None else f"cpu{core}"
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    user, nice, system, _idle, _waiting, hard, soft = next(map(int, line[1:8]) for line in lines if line[0] == name)
    return (user + nice + system + hard + soft) / os.sysconf("SC_CLK_TCK")


def _figures(
    calls: int, before: dict[str, Any], after: dict[str, Any], packets: dict[str, Any], busy: float
) -> dict[str, float]:
    elapsed = after["at"] - before["at"]
    ticks, late = after["ticks"] - before["ticks"], after["late"] - before["late"]
    core = (after["cpu_s"] - before["cpu_s"]) / elapsed
    return {
        "cpu_s_per_s": core / calls,
        "niceness": after["nice"],
        "core_share": core,
        "core_share_of_others": max(busy / elapsed - core, 0.0),
        "ticks_on_time_share": 1 - late / ticks,
        "ticks_n": ticks,
        "tick_max_late_with_set_up_ms": after["max_late_ms"],
        "packets_on_time_share": packets["on_time"] / packets["due"],
        "packet_p99_late_ms": packets["p99_late_ms"],
        "packet_max_late_ms": packets["max_late_ms"],
        "frames_heard_share": (after["heard"] - before["heard"]) / (elapsed / 0.02 * calls),
    }


async def _calls_on_one_core(subject: str) -> int:
    """The most calls, in steps of ten, with 99.9 % of their packets on time."""
    holds = 0
    async with bench_of(SERVERS[subject]) as bench:
        for calls in range(_STEP, _MOST + 1, _STEP):
            await bench.grow(calls)
            figures = await bench.measure(calls, _STEP_SECONDS)
            if figures["packets_on_time_share"] < _ON_TIME:
                break
            holds = calls
    return holds
