"""The Wyoming servers that Home Assistant uses, as processes with tiny models."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from wyoming.client import AsyncClient
from wyoming.info import Describe

_START_SECONDS = 60.0


@asynccontextmanager
async def wyoming_faster_whisper(directory: Path, model: Path, uri: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """wyoming-faster-whisper with the model in a directory."""
    arguments = ["--model", str(model), "--stt-library", "faster-whisper", "--local-files-only", "--language", "en"]
    async with _server("wyoming_faster_whisper", directory, uri, arguments) as process:
        yield process


@asynccontextmanager
async def wyoming_piper(
    directory: Path, voice: Path, uri: str, *more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """wyoming-piper with the voice in a file."""
    arguments = ["--voice", voice.stem, "--data-dir", str(voice.parent), *more]
    async with _server("wyoming_piper", directory, uri, arguments) as process:
        yield process


@asynccontextmanager
async def _server(
    module: str, directory: Path, uri: str, arguments: list[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", module, "--uri", uri, "--data-dir", str(directory), *arguments]
    log = directory / f"{module}.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(*command, stdout=errors, stderr=errors)
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await _answers(uri):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.1)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(uri: str) -> bool:
    try:
        async with AsyncClient.from_uri(uri, connect_timeout=30, read_timeout=30) as client:
            await client.write_event(Describe().event())
            return await client.read_event() is not None
    except OSError:
        return False
