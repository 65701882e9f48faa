"""A call between two peer connections of Chromium that has a microphone and a speaker of the sound server."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from bench.ends.chromium import ChromiumMissing

_PAGE = Path(__file__).with_name("chromium_devices.html")
_ORIGIN = "https://bench.invalid"
_FLAGS = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns,AudioServiceSandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@asynccontextmanager
async def chromium_with_sound(server: str) -> AsyncIterator[Browser]:
    """The browser of the machine at a PulseAudio server. Raises `ChromiumMissing`."""
    path = shutil.which("chromium")
    if path is None:
        raise ChromiumMissing("chromium is not installed; on Debian: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path,
            args=list(_FLAGS),
            ignore_default_args=["--mute-audio"],
            env={"PULSE_SERVER": server, "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def calling(browser: Browser, seconds: float) -> AsyncIterator[None]:
    """A call that is connected; at the end of the block it is waited for. Raises `RuntimeError` for a false device."""
    page: Page = await browser.new_page()
    try:
        await page.route(f"{_ORIGIN}/**", lambda route: route.fulfill(path=_PAGE, content_type="text/html"))
        await page.goto(f"{_ORIGIN}/")
        await page.evaluate("seconds => { window.over = call(seconds); }", seconds)
        await page.wait_for_function("window.connected")
        yield
        label = await page.evaluate("window.over")
        if "fake" in label.lower():
            raise RuntimeError(f"Chromium took {label!r} for its microphone")
    finally:
        await page.close()
