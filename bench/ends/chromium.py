"""A call between two peer connections of Chromium, with WebAudio as mouth and ear."""

import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Browser, async_playwright

from bench.chirps import LONGEST_DELAY, ChirpTrack, find_chirps
from bench.tape import Delay
from hullo.media.pcm import SAMPLE_RATE

_PAGE = Path(__file__).with_name("chromium.html")
_ORIGIN = "https://bench.invalid"
"""Answered from the file above: a page needs a secure origin to have an AudioWorklet."""

_QUANTUM = 128
"""Samples that WebAudio hands over at once."""

_FLAGS = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class ChromiumMissing(RuntimeError):
    """There is no Chromium on this machine."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser of the machine, without a window. Raises `ChromiumMissing`."""
    path = shutil.which("chromium")
    if path is None:
        raise ChromiumMissing("chromium is not installed; on Debian: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


async def call(browser: Browser, tracks: tuple[ChirpTrack, ChirpTrack], seconds: float) -> list[list[Delay]]:
    """The delays of both directions; times count from when the two began to speak."""
    page = await browser.new_page()
    try:
        await page.route(f"{_ORIGIN}/**", lambda route: route.fulfill(path=_PAGE, content_type="text/html"))
        await page.goto(f"{_ORIGIN}/")
        said = [base64.b64encode(track.pcm.tobytes()).decode() for track in tracks]
        heard = await page.evaluate("([a, b, seconds]) => call(a, b, seconds)", [*said, seconds])
    finally:
        await page.close()
    return [_delays(tracks[0], heard["b"], heard["began"]), _delays(tracks[1], heard["a"], heard["began"])]


def _delays(track: ChirpTrack, heard: dict[str, Any], began: int) -> list[Delay]:
    if not heard["gapless"]:
        raise RuntimeError("Chromium's recorder missed blocks")
    pcm = np.frombuffer(base64.b64decode(heard["pcm"]), dtype=np.int16)
    found = []
    for chirp in find_chirps(pcm):
        handed_over = (heard["first"] + chirp.middle) // _QUANTUM * _QUANTUM - began
        lags = [
            (int(middle), (handed_over - int(middle)) / SAMPLE_RATE)
            for index, middle in enumerate(track.middles)
            if index % 4 == chirp.kind
        ]
        near = [Delay(middle / SAMPLE_RATE, lag) for middle, lag in lags if 0 < lag < LONGEST_DELAY]
        found += near[-1:]
    return found
