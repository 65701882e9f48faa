"""What one rendezvous process carries: idle devices, and calls that are set up meanwhile."""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from yarl import URL

from bench.child import ChildFailed
from bench.direct import SetUp, call, line_of
from bench.effort import Effort
from bench.result import OURS, Result, median, quantile
from hullo.lines.direct.line import DirectLine
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.vault import Vault
from hullo.lines.line import Offer
from hullo.rendezvous.wire import Challenge, Hello, Welcome, encode, parse_server, signed_by_hello
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import IceOptions

QUESTION = "One rendezvous process: memory of an idle device, and set-up of calls while thousands are connected"

PAIRS = 8
CALLS_A_MINUTE = 200
AT_ONCE = 100
"""Connections that are being made at the same time."""
DEADLINE = 30.0


async def run(effort: Effort) -> Result:
    """Connect the devices, then set up calls at the rate."""
    idle, seconds = (5000, 60.0) if effort.is_full else (500, 15.0)
    with tempfile.TemporaryDirectory() as folder:
        async with server("--data", str(Path(folder) / "rendezvous.db")) as (process, url), AsyncExitStack() as stack:
            empty = process.memory_info().rss
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
            began = time.monotonic()
            sockets = await _connect_all(session, url, idle)
            connecting = time.monotonic() - began
            full = process.memory_info().rss
            cpu = process.cpu_percent()
            await asyncio.sleep(5)
            cpu = process.cpu_percent()
            idling = [asyncio.create_task(_idle(socket)) for socket in sockets]
            set_ups = await _calls(Path(folder), url, seconds)
            lost = sum(task.done() for task in idling)
            for task in idling:
                task.cancel()
            await asyncio.gather(*idling, return_exceptions=True)
    media, confirmed = [1000 * each.media for each in set_ups], [1000 * each.confirmed for each in set_ups]
    return Result(
        name="rendezvous",
        question=QUESTION,
        measured={
            OURS: {
                "idle_devices": idle,
                "memory_per_device_kib": (full - empty) / idle / 1024,
                "connected_per_s": idle / connecting,
                "idle_cpu_percent": cpu,
                "devices_lost": lost,
                "calls": len(set_ups),
                "ring_to_media_ms": median(media),
                "ring_to_media_p99_ms": quantile(media, 0.99),
                "ring_to_confirmed_ms": median(confirmed),
                "ring_to_confirmed_p99_ms": quantile(confirmed, 0.99),
            }
        },
        ratios={},
        conditions={
            "calls": f"{CALLS_A_MINUTE} a minute between {PAIRS} pairs, answered at once, on loopback",
            "ends": "the rendezvous is a process of its own; all devices and calls are in another one",
        },
    )


@asynccontextmanager
async def server(*options: str) -> AsyncIterator[tuple[psutil.Process, URL]]:
    """`hullo rendezvous` until the end of the block, and its address. Raises `ChildFailed`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hullo", "rendezvous", "--port", "0", "--behind-proxy", *options,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            line = (await process.stdout.readline()).decode()
        if re.match(r"ws://", line) is None:
            raise ChildFailed("hullo rendezvous did not start")
        yield psutil.Process(process.pid), URL(line.strip())
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _connect_all(session: aiohttp.ClientSession, url: URL, count: int) -> list[aiohttp.ClientWebSocketResponse]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> aiohttp.ClientWebSocketResponse:
        async with places:
            return await connected(session, url, number, Identity.new())

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def connected(
    session: aiohttp.ClientSession, url: URL, number: int, identity: Identity
) -> aiohttp.ClientWebSocketResponse:
    """A device of a person of its own, from an address of its own."""
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    socket = await session.ws_connect(url, headers={"X-Forwarded-For": address})
    challenge = parse_server(await socket.receive_bytes())
    assert isinstance(challenge, Challenge)
    person = f"idle{number}"
    signed = signed_by_hello(challenge.nonce, url.host_port_subcomponent or "", person, "phone")
    await socket.send_bytes(encode(Hello(person, "phone", identity.public, identity.sign(signed))))
    if not isinstance(parse_server(await socket.receive_bytes()), Welcome):
        raise ChildFailed("the rendezvous did not let a device in")
    return socket


async def _idle(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Answer pings until the connection ends."""
    async for _ in socket:
        pass


async def _calls(folder: Path, url: URL, seconds: float) -> list[SetUp]:
    """Calls at the rate, each pair one at a time, and each person every other one: more would count as a flood."""
    async with MediaClock() as clock, AsyncExitStack() as stack:
        pairs: asyncio.Queue[Pair] = asyncio.Queue()
        for number in range(PAIRS):
            pairs.put_nowait(await stack.enter_async_context(pair_of(folder, [str(url)], number, clock)))

        async def one() -> SetUp:
            pair = await pairs.get()
            try:
                return await call(pair.lines[0], pair.offers, pair.names[1])
            finally:
                pairs.put_nowait(Pair(pair.lines[::-1], pair.names[::-1], pair.offers))

        for _ in range(PAIRS):  # sessions begin
            await one()
        calls = []
        for _ in range(int(seconds * CALLS_A_MINUTE / 60)):
            calls.append(asyncio.create_task(one()))
            await asyncio.sleep(60 / CALLS_A_MINUTE)
        return list(await asyncio.gather(*calls))


@dataclass(frozen=True)
class Pair:
    """Two people who call each other in turns."""

    lines: Sequence[DirectLine]
    names: Sequence[str]
    offers: "asyncio.Queue[Offer]"


@asynccontextmanager
async def pair_of(folder: Path, urls: Sequence[str], number: int, clock: MediaClock) -> AsyncIterator[Pair]:
    """Two new people who know each other."""
    names = f"alice{number}", f"bob{number}"
    offers: asyncio.Queue[Offer] = asyncio.Queue()
    with Vault(folder / names[0]) as hers, Vault(folder / names[1]) as his:
        lines = [
            line_of(hers, names[0], names[1], urls, IceOptions(), clock),
            line_of(his, names[1], names[0], urls, IceOptions(), clock),
        ]
        running = [asyncio.create_task(line.run(offers.put_nowait)) for line in lines]
        try:
            async with asyncio.timeout(DEADLINE):
                while not all(line.status().ready for line in lines):  # noqa: ASYNC110  # nothing tells
                    await asyncio.sleep(0.01)
            yield Pair(lines, names, offers)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
