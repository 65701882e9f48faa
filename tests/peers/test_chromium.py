"""Calls with Chromium, a tone measured at both ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hullo.lines.browser.line import BrowserLine
from hullo.lines.leg import RtcLeg
from hullo.lines.line import EndReason
from hullo.rtc.clock import MediaClock
from hullo.rtc.connection import RtcConnection
from tests.lines.calls import BYE, Listening, listening
from tests.peers import whip
from tests.peers.chromium import Browser, browser
from tests.rtc.networks import with_an_address
from tests.rtc.tones import Listener, Tone

pytestmark = pytest.mark.peer

DEADLINE = 30.0


@asynccontextmanager
async def line_for(origin: str) -> AsyncIterator[Listening]:
    async with (
        MediaClock(freeze_gc=False) as clock,
        listening(BrowserLine("127.0.0.1", 0, clock=clock, origins=[origin])) as line,
    ):
        yield line


async def prove(leg: RtcLeg, page: Browser, page_hertz: float) -> None:
    listener = Listener()
    leg.open(listener, Tone(1000))
    async with asyncio.timeout(DEADLINE):
        await leg.connected()
    await asyncio.gather(listener.hears(page_hertz), page.hears(1000))


@pytest.mark.parametrize("extras", [False, True], ids=["audio", "audio-video-data"])
def test_chromium_calls_us_and_hangs_up(extras: bool, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with browser(tmp_path, 440) as page, line_for(page.origin) as line:
            calling = asyncio.create_task(page.call(line.url, extras=extras))
            leg = await (await line.offer()).accept()
            assert isinstance(leg, RtcLeg)
            await calling
            await prove(leg, page, 440)
            assert leg.stats().packets_received > 20
            assert await page.hang_up() == 200
            async with asyncio.timeout(DEADLINE):
                assert (await leg.ended()).reason is EndReason.HANGUP_USER
            await leg.close(BYE)
            await page.ended()

    with_an_address(scenario)


def shut(connection: RtcConnection) -> None:
    """Nothing leaves by the sockets of a connection any more, and nothing is heard there."""
    for socket in connection._agent._protocols:
        socket.transport.sendto = lambda data, addr=None: None  # type: ignore[method-assign]
        socket.datagram_arrived = lambda data, addr, arrival: None  # type: ignore[attr-defined]


def test_chromium_restarts_ice_when_the_path_is_lost(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with browser(tmp_path, 440) as page, line_for(page.origin) as line:
            calling = asyncio.create_task(page.call(line.url, extras=True))
            leg = await (await line.offer()).accept()
            assert isinstance(leg, RtcLeg)
            await calling
            listener = Listener()
            leg.open(listener, Tone(1000))
            async with asyncio.timeout(DEADLINE):
                await leg.connected()
                shut(leg._connection)
                while leg.reconnecting or "moved" not in leg.report().stages:
                    await asyncio.sleep(0.05)
            listener.forget()
            await asyncio.gather(listener.hears(440), page.hears(1000))
            await leg.close(BYE)
            await page.ended()

    with_an_address(scenario)


def test_we_call_chromium_and_hang_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            browser(tmp_path, 600) as page,
            line_for(page.origin) as line,
            whip.endpoint(page.answer) as (url, deleted),
        ):
            leg = await line.line.dial(url, lambda: None)
            await prove(leg, page, 600)
            await leg.close(BYE)
            assert deleted == ["/call/the-one"]
            await page.ended()

    with_an_address(scenario)


def test_a_chromium_that_hides_its_address_connects_all_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with browser(tmp_path, 440, mdns=True) as page, line_for(page.origin) as line:
            calling = asyncio.create_task(page.call(line.url))
            leg = await (await line.offer()).accept()
            assert isinstance(leg, RtcLeg)
            await calling
            await prove(leg, page, 440)
            await leg.close(BYE)

    with_an_address(scenario)
