"""Two rendezvous nodes over one Redis, of which one is killed while people call each other."""

import asyncio
import itertools
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from yarl import URL

from bench.child import ChildFailed
from bench.direct import SetUp, call
from bench.effort import Effort
from bench.rendezvous import AT_ONCE, Pair, connected, pair_of, server
from bench.result import OURS, Result, median, quantile
from hullo.lines.direct.private.identity import Identity
from hullo.lines.line import CallFailed
from hullo.rtc.clock import MediaClock

QUESTION = "Two rendezvous nodes, one killed: when its devices are at the other, and what becomes of calls"

PAIRS = 8
CALLS_A_MINUTE = 200
DEADLINE = 180.0
RETRY = 0.2
"""Seconds, spread by half, before a device goes to the next node, as `RendezvousClient` does."""


class RedisMissing(RuntimeError):
    """There is no redis-server here."""


async def run(effort: Effort) -> Result:
    """Connect the devices to both nodes in turns, set up calls at the rate, and kill one node in the middle."""
    idle, seconds = (5000, 40.0) if effort.is_full else (500, 10.0)
    with tempfile.TemporaryDirectory() as folder:
        async with _redis(Path(folder)) as redis, server("--redis", redis) as one, server("--redis", redis) as other:
            urls = [one[1], other[1]]
            async with _devices(urls, idle) as devices:
                calls = asyncio.create_task(_calls(Path(folder), urls, seconds))
                await asyncio.sleep(PAIRS / 2 + seconds / 2)  # the first calls come before
                one[0].kill()
                killed = time.monotonic()
                async with asyncio.timeout(DEADLINE):
                    while not all(device.at == 1 for device in devices):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                returned = [device.since - killed for device in devices if device.since > killed]
                made = await calls
    when = {"before": [each for each in made if each.began < killed - 1]}
    when["after"] = [each for each in made if each.began >= killed - 1]
    figures: dict[str, float] = {
        "idle_devices": idle,
        "devices_of_the_killed_node": len(returned),
        "back_ms": 1000 * median(returned),
        "all_back_ms": 1000 * max(returned),
    }
    for name, calls_then in when.items():
        media = [1000 * each.set_up.media for each in calls_then if each.set_up is not None]
        figures |= {
            f"calls_{name}": len(calls_then),
            f"calls_failed_{name}": len(calls_then) - len(media),
            f"ring_to_media_{name}_ms": median(media),
            f"ring_to_media_p99_{name}_ms": quantile(media, 0.99),
        }
    return Result(
        name="nodes",
        question=QUESTION,
        measured={OURS: figures},
        ratios={},
        conditions={
            "calls": f"{CALLS_A_MINUTE} a minute between {PAIRS} pairs, answered at once, on loopback",
            "ends": "each node is a process of its own, so is Redis; all devices and calls are in another one",
            "failed": "a call that was being set up over the killed node; its caller is told to call again",
        },
    )


@asynccontextmanager
async def _redis(folder: Path) -> AsyncIterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        raise RedisMissing("needs redis-server: scripts/bootstrap redis")
    socket = folder / "redis.sock"
    process = await asyncio.create_subprocess_exec(
        program, "--port", "0", "--unixsocket", str(socket), "--save", "", stdout=asyncio.subprocess.DEVNULL, cwd=folder
    )
    try:
        async with asyncio.timeout(DEADLINE):
            while not socket.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield f"unix://{socket}"
    finally:
        process.terminate()
        await process.wait()


class _IdleDevice:
    """Is connected to the node at index `at` of the addresses, since `since`; None while to none."""

    def __init__(self, number: int, urls: Sequence[URL], session: aiohttp.ClientSession) -> None:
        self.at: int | None = None
        self.since = 0.0
        self._number = number
        self._urls = urls
        self._session = session
        self._identity = Identity.new()

    async def run(self, places: asyncio.Semaphore) -> None:
        """Stay connected until cancelled."""
        turns = itertools.cycle(range(len(self._urls)))
        for at in itertools.islice(turns, self._number % len(self._urls), None):
            try:
                async with places:
                    socket = await connected(self._session, self._urls[at], self._number, self._identity)
                self.at, self.since = at, time.monotonic()
                async for _ in socket:
                    pass
            except (aiohttp.ClientError, OSError, TypeError, ChildFailed):
                pass  # TypeError: a frame that says that it is closed; ChildFailed: refused, as while all come at once
            self.at = None
            await asyncio.sleep(RETRY * random.uniform(0.5, 1.5))


@asynccontextmanager
async def _devices(urls: Sequence[URL], count: int) -> AsyncIterator[list[_IdleDevice]]:
    places = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        devices = [_IdleDevice(number, urls, session) for number in range(count)]
        running = [asyncio.create_task(device.run(places)) for device in devices]
        try:
            async with asyncio.timeout(DEADLINE):
                while any(device.at is None for device in devices):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            yield devices
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


@dataclass(frozen=True)
class _Call:
    """When it began, and how long it took; None if it came to nothing."""

    began: float
    set_up: SetUp | None


async def _calls(folder: Path, urls: Sequence[URL], seconds: float) -> list[_Call]:
    """Calls at the rate. Those that find all pairs busy with calls which fail wait for them."""
    async with MediaClock() as clock, AsyncExitStack() as stack:
        pairs: asyncio.Queue[Pair] = asyncio.Queue()
        for number in range(PAIRS):
            pairs.put_nowait(await stack.enter_async_context(pair_of(folder, list(map(str, urls)), number, clock)))

        async def one() -> _Call:
            pair = await pairs.get()
            began = time.monotonic()
            try:
                return _Call(began, await call(pair.lines[0], pair.offers, pair.names[1]))
            except (CallFailed, TimeoutError):
                return _Call(began, None)
            finally:
                pairs.put_nowait(Pair(pair.lines[::-1], pair.names[::-1], pair.offers))

        for _ in range(PAIRS):  # sessions begin
            await one()
        calls = []
        for _ in range(int(seconds * CALLS_A_MINUTE / 60)):
            calls.append(asyncio.create_task(one()))
            await asyncio.sleep(60 / CALLS_A_MINUTE)
        return list(await asyncio.gather(*calls))
