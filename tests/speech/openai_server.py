"""A small server with OpenAI's two interfaces for speech, and with every way to go wrong."""

import asyncio
import io
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from aiohttp import BodyPartReader, web

from tests.speech.support import tone

KEY = "sk-only-for-tests"


class OpenAiHost:
    """Says how long the sound was that it got; speaks a quarter of a second of tone for each word.

    `trouble` is what goes wrong, `after` how many requests are served well before.
    """

    def __init__(self, *, trouble: str = "", after: int = 0, rate: int = 24_000) -> None:
        self.base = ""
        self.asked: list[dict[str, object]] = []
        self.trouble = trouble
        self.after = after
        self._rate = rate

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The base URL while it serves."""
        application = web.Application()
        application.router.add_post("/v1/audio/transcriptions", self._transcriptions)
        application.router.add_post("/v1/audio/speech", self._speech)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
            yield self.base
        finally:
            await runner.cleanup()

    async def _transcriptions(self, request: web.Request) -> web.StreamResponse:
        fields: dict[str, object] = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            fields[str(part.name)] = bytes(await part.read()) if part.name == "file" else await part.text()
        trouble = await self._trouble(request, fields)
        if trouble is not None:
            return trouble
        file = fields["file"]
        assert isinstance(file, bytes)
        with wave.open(io.BytesIO(file)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
            seconds = sound.getnframes() / 16_000
        if self.trouble == "garbage":
            return web.Response(text="<html>It works!</html>")
        if self.trouble == "too deep":
            return web.Response(text="[" * 200_000, content_type="application/json")
        return web.json_response({"text": f" That was {seconds:.0f} seconds. ", "language": "english"})

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        fields: dict[str, object] = await request.json()
        trouble = await self._trouble(request, fields)
        if trouble is not None:
            return trouble
        sound = tone(len(str(fields["input"]).split()) * 0.25, rate=self._rate).tobytes()
        response = web.StreamResponse(headers={"Content-Type": "audio/wav"})
        await response.prepare(request)
        if self.trouble == "garbage":
            sound, header = b"", b"<html>It works!</html>"
        else:
            header = wav_header(self._rate)
        half = len(sound) // 4 * 2
        await response.write(header[:30])
        await response.write(header[30:] + sound[:half])
        if self.trouble == "break off" and len(self.asked) > self.after:
            assert request.transport is not None
            request.transport.abort()
        await response.write(sound[half:])
        return response

    async def _trouble(self, request: web.Request, fields: dict[str, object]) -> web.Response | None:
        self.asked.append(fields)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"error": {"message": "no such key"}}, status=401)
        if len(self.asked) <= self.after:
            return None
        if self.trouble == "hang":
            await asyncio.sleep(60)
        if self.trouble.isdigit():
            return web.json_response({"error": {"message": "too many of you"}}, status=int(self.trouble))
        if self.trouble == "elsewhere":
            return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"})
        return None


def wav_header(rate: int, channels: int = 1) -> bytes:
    """The header of a WAV file whose length nobody knows yet, with a chunk that means nothing to us."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    remark = struct.pack("<4sI", b"LIST", 4) + b"hmm."
    return b"RIFF\xff\xff\xff\xffWAVE" + form + remark + struct.pack("<4sI", b"data", 0xFFFFFFFF)


def wav_file(samples: np.ndarray[tuple[int], np.dtype[np.int16]], rate: int) -> bytes:
    """A whole WAV file."""
    return wav_header(rate) + samples.tobytes()
