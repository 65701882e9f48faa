"""Real daemons, and the page of each in a Chromium whose microphone plays a sound file."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import wave
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, async_playwright
from playwright.async_api import TimeoutError as NotSeen

from hullo.media.pcm import Pcm
from tests.peers.chromium import FLAGS, HIDE_NO_ADDRESS
from tests.rtc.tones import Tone, describe, purity

DEADLINE_MS = 30_000
LISTEN = """() => {
  const context = new AudioContext({sampleRate: 48000});
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(document.getElementById("far").srcObject).connect(analyser);
  window.heard = () => {
    const data = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(data);
    return Array.from(data);
  };
}"""


class PhonePage:
    """The page of one daemon."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(DEADLINE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._logged)

    async def open(self, address: str) -> None:
        """Load it, and wait until it is connected to its daemon."""
        await self.page.goto(address)
        await self.page.wait_for_selector("#link[data-state=open]")

    async def sees(self, selector: str, text: str = "") -> None:
        """Wait until there is such an element to see, with that text in it."""
        try:
            await self.page.locator(selector).filter(has_text=text).first.wait_for(state="visible")
        except NotSeen:
            shown = (await self.text("body"), self.errors)
            raise AssertionError(f"{selector} with {text!r} is not to be seen, but {shown}") from None

    async def text(self, selector: str) -> str:
        """What an element says."""
        return await self.page.locator(selector).inner_text()

    async def until(self, condition: str) -> None:
        """Wait for an expression to become true; Playwright's own way would need `eval`, which the page forbids."""
        async with asyncio.timeout(DEADLINE_MS / 1000):
            while not await self.page.evaluate(condition):
                await asyncio.sleep(0.05)

    async def hears(self, hertz: float) -> None:
        """Return once that tone is nearly all there is to hear."""
        await self.page.evaluate(LISTEN)
        samples = np.zeros(0, np.int16)
        for _ in range(100):
            heard: list[float] = await self.page.evaluate("heard()")
            samples = (np.array(heard) * 32767).clip(-32768, 32767).astype(np.int16)
            if purity(samples, hertz) >= 0.8:
                return
            await self.page.wait_for_timeout(100)
        raise AssertionError(f"the page does not hear {hertz} Hz; {describe(samples)}")

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@asynccontextmanager
async def chromium(microphone: Path, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browser with `microphone`, a sound file, and whatever Playwright's contexts take."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}", HIDE_NO_ADDRESS]
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=program, args=flags) as browser,
        await browser.new_context(**options) as context,
    ):
        yield context


@asynccontextmanager
async def program(*arguments: str, until: str) -> AsyncIterator[str]:
    """Run a command of hullo until the end of the block; the line of its output that has `until` in it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hullo", *arguments),
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while until not in (line := (await process.stdout.readline()).decode()):
                assert line, f"hullo {arguments[0]} ended before it was ready"
        yield line.strip()
    finally:
        if process.returncode is None:
            await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(30):
            await process.communicate()
    except TimeoutError:
        for child in children:
            child.kill()
        process.kill()
        raise


def tone_file(path: Path, hertz: float) -> Path:
    """A second of a tone, of whole periods, so that it loops without a click."""
    tone = Tone(hertz)
    return _write(path, np.concatenate([tone(0.0) for _ in range(50)]))


def speech_file(path: Path, text: str, pause: float) -> Path:
    """Somebody who says `text` after a second, and again after a pause, seconds."""
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("needs eSpeak NG (apt-get install espeak-ng)")
    raw = path.with_suffix(".raw.wav")
    subprocess.run([program, "-v", "en-us", "-s", "150", "-w", str(raw), text], check=True)
    with wave.open(str(raw), "rb") as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
    times = np.arange(int(len(samples) * 48_000 / rate)) / 48_000
    spoken = np.interp(times, np.arange(len(samples)) / rate, samples).astype(np.int16)
    return _write(path, np.concatenate([_silence(1.0), spoken, _silence(pause)]))


def _silence(seconds: float) -> Pcm:
    return np.zeros(int(48_000 * seconds), np.int16)


def _write(path: Path, samples: Pcm) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", "not compressed"))
        file.writeframes(samples.tobytes())
    return path
