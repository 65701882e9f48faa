"""What several tests of this room need: sounds, waiting for a condition, a server that misbehaves."""

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from wyoming.server import AsyncUnixServer, HandlerFactory

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, Pcm
from hullo.speech.engines.espeak import EspeakVoice
from hullo.speech.listening.listener import Listener
from hullo.speech.servers.client import FixedEndpoint, VoiceClient, whole

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@functools.cache
def espeak_in_process() -> EspeakVoice:
    """At most one may be made in a process."""
    return EspeakVoice()


def word_errors(said: str, heard: str) -> int:
    """Words to insert, delete or replace to make `heard` what was `said`, whatever the case and the marks."""
    wanted, got = (re.sub(r"[^\w' ]", "", text).lower().split() for text in (said, heard))
    costs = list(range(len(got) + 1))
    for row, word in enumerate(wanted, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(got, 1):
            cost = min(costs[column] + 1, costs[column - 1] + 1, diagonal + (word != other))
            diagonal, costs[column] = costs[column], cost
    return costs[-1]


def silence(seconds: float, rate: int = 48_000) -> Pcm:
    return np.zeros(int(seconds * rate), dtype=np.int16)


def tone(seconds: float, hertz: float = 440.0, dbfs: float = -20.0, rate: int = 48_000) -> Pcm:
    wave = np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    return _int16(wave * np.sqrt(2) * 32767 * 10 ** (dbfs / 20))


def white_noise(seconds: float, dbfs: float, rate: int = 48_000, seed: int = 1) -> Pcm:
    noise = np.random.default_rng(seed).normal(0.0, 32768 * 10 ** (dbfs / 20), int(seconds * rate))
    return _int16(noise)


def mixed(one: Pcm, other: Pcm) -> Pcm:
    return _int16(one.astype(np.float64) + other[: len(one)])


def _int16(samples: NDArray[np.float64]) -> Pcm:
    return np.clip(samples, -32768, 32767).astype(np.int16)


async def spoken(voice: VoiceClient, text: str) -> Pcm:
    return await whole(voice.synthesise(text))


def frames(pcm: Pcm) -> list[Pcm]:
    return [pcm[start : start + FRAME_SAMPLES] for start in range(0, len(pcm) - FRAME_SAMPLES + 1, FRAME_SAMPLES)]


def hear_all(listener: Listener, pcm: Pcm, now: float = 1000.0) -> float:
    """Let the listener hear `pcm` in virtual time from `now`; the time after it."""
    for frame in frames(pcm):
        now += FRAME_SECONDS
        listener.hear(frame, now)
    return now


async def eventually(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return as soon as `condition` holds; `TimeoutError` after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def server(directory: Path, script: Script) -> AsyncIterator[str]:
    """A server on a Unix socket that plays `script` to each connection; its URI."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    path = directory / "fake"
    running = await asyncio.start_unix_server(connected, path)
    try:
        yield f"unix://{path}"
    finally:
        running.close()
        await running.wait_closed()


@asynccontextmanager
async def serving(directory: Path, factory: HandlerFactory) -> AsyncIterator[FixedEndpoint]:
    """A host of one engine, without a process of its own."""
    server = AsyncUnixServer(directory / "socket")
    await server.start(factory)
    try:
        yield FixedEndpoint(f"unix://{directory}/socket")
    finally:
        await server.stop()
