"""A Chromium with a tone for a microphone, and a page that calls and answers."""

import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from tests.rtc.tones import Tone, describe, purity

PAGE = Path(__file__).parent / "page.html"
FLAGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
HIDE_NO_ADDRESS = "--disable-features=WebRtcHideLocalIpsWithMdns"
DEADLINE_MS = 30_000


class Browser:
    """One page in one Chromium."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin

    async def call(self, url: str, *, extras: bool = False) -> None:
        """Place a call; with `extras` the page offers a camera and a data channel too."""
        await self.page.evaluate("([url, extras]) => callOut(url, extras)", [url, extras])

    async def answer(self, sdp: str) -> str:
        """Answer a call."""
        answer: str = await self.page.evaluate("sdp => answer(sdp)", sdp)
        return answer

    async def hang_up(self) -> int:
        """DELETE the call; returns the status."""
        status: int = await self.page.evaluate("hangUp()")
        return status

    async def hears(self, hertz: float) -> None:
        """Return once `hertz` is nearly all there is to hear for two thirds of a second."""
        heard = np.zeros(0, np.int16)
        for _ in range(100):
            samples = await self.page.evaluate("heard()")
            heard = (np.array(samples, dtype=np.float64) * 32767).clip(-32768, 32767).astype(np.int16)
            if purity(heard, hertz) >= 0.9:
                return
            await self.page.wait_for_timeout(100)
        raise AssertionError(f"the page does not hear {hertz} Hz; {describe(heard)}")

    async def ended(self) -> None:
        """Return once it knows that the call is over."""
        await self.page.wait_for_function("ended()", timeout=DEADLINE_MS)


@asynccontextmanager
async def browser(directory: Path, hertz: float, *, mdns: bool = False) -> AsyncIterator[Browser]:
    """Run one until the end of the block, with a microphone that hears `hertz`. Skips where Chromium is missing."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    microphone = directory / "microphone.wav"
    _write_tone(microphone, hertz)
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}", *([] if mdns else [HIDE_NO_ADDRESS])]
    async with (
        _page_server() as origin,
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=program, args=flags) as chromium,
    ):
        page = await chromium.new_page()
        await page.goto(origin)
        yield Browser(page, origin)


@asynccontextmanager
async def _page_server() -> AsyncIterator[str]:
    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE)

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _write_tone(path: Path, hertz: float) -> None:
    """One second, of whole periods, so that it loops without a click."""
    tone = Tone(round(hertz))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.concatenate([tone(0.0) for _ in range(50)]).tobytes())
