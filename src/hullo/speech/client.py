"""Clients of Wyoming servers: speech to text and text to speech, over our own host or any other server."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeVoice

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.errors import SpeechError
from hullo.speech.resample import Resampler
from hullo.speech.vad import VAD_RATE
from hullo.speech.wire import Connection

_CHUNK_SAMPLES = VAD_RATE // 10
_LOWEST_RATE, _HIGHEST_RATE = 4_000, 192_000


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """The text found (may be empty), how sure the recogniser is (0 to 1, if it says), and how long it took."""

    text: str
    confidence: float | None
    seconds: float


class Endpoint(Protocol):
    """Where a server is found."""

    async def uri(self) -> str:
        """The URI to connect to, as soon as a server listens there. Raises `SpeechError` when none will."""

    def failed(self) -> None:
        """A request to it has just failed: look whether the server is well before `uri` gives it out again."""


class FixedEndpoint:
    """A server that somebody else looks after."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    async def uri(self) -> str:
        """The URI, at once."""
        return self._uri

    def failed(self) -> None:
        """Nobody to tell."""


@asynccontextmanager
async def _connected(endpoint: Endpoint) -> AsyncIterator[Connection]:
    uri = await endpoint.uri()
    try:
        async with Connection(uri) as connection:
            yield connection
    except SpeechError as error:
        if error.transient:
            endpoint.failed()
        raise


class RecogniserClient:
    """Speech to text by the Wyoming server at `endpoint`, one connection a request.

    `timeout` is the longest silence of the server, seconds; `language` is asked for if given.
    """

    def __init__(self, endpoint: Endpoint, *, timeout: float, language: str | None = None) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._language = language

    async def transcribe(self, samples: Pcm) -> Recognised:
        """The words in `samples` (16 kHz mono). Raises `SpeechError`."""
        asked_at = time.monotonic()
        async with _connected(self._endpoint) as connection:
            await connection.write(
                Transcribe(language=self._language),
                AudioStart(rate=VAD_RATE, width=2, channels=1),
                *(
                    AudioChunk(rate=VAD_RATE, width=2, channels=1, audio=samples[at : at + _CHUNK_SAMPLES].tobytes())
                    for at in range(0, len(samples), _CHUNK_SAMPLES)
                ),
                AudioStop(),
                within=self._timeout,
            )
            while (event := await connection.read(self._timeout)).type != "transcript":
                pass  # partial results and the like, of servers that stream
        text, confidence = event.data.get("text"), event.data.get("confidence")
        if not isinstance(text, str):
            raise connection.garbled("a transcript without text")
        return Recognised(
            text=text.strip(),
            confidence=min(max(float(confidence), 0.0), 1.0) if isinstance(confidence, int | float) else None,
            seconds=time.monotonic() - asked_at,
        )


class VoiceClient:
    """Text to speech by the Wyoming server at `endpoint`, one connection an utterance.

    `timeout` is the longest silence of the server, seconds; `voice` None is the server's own choice.
    """

    def __init__(self, endpoint: Endpoint, *, timeout: float, voice: str | None = None) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._voice = SynthesizeVoice(name=voice) if voice is not None else None

    async def synthesise(self, text: str) -> AsyncGenerator[Pcm, None]:
        """The sound of `text` at 48 kHz, piece by piece as it is made; closing the iterator cancels the rest.

        Raises `SpeechError`. Wrap it in `contextlib.aclosing`.
        """
        async with _connected(self._endpoint) as connection:
            await connection.write(Synthesize(text=text, voice=self._voice), within=self._timeout)
            decoder = _SoundDecoder()
            while (event := await connection.read(self._timeout)).type != "audio-stop":
                if event.type in ("audio-start", "audio-chunk"):
                    try:
                        piece = decoder.feed(event)
                    except ValueError as error:
                        raise connection.garbled(str(error)) from error
                    if len(piece):
                        yield piece
            if len(rest := decoder.finish()):
                yield rest


class _SoundDecoder:
    """Wyoming sound events of one utterance to 48 kHz mono."""

    def __init__(self) -> None:
        self._rate = 0
        self._resampler = Resampler(SAMPLE_RATE, SAMPLE_RATE)

    def feed(self, event: Event) -> Pcm:
        """The sound that `event` completes. Raises `ValueError` for a format that cannot be or that changes."""
        rate, channels = _format(event)
        if rate != self._rate:
            if self._rate:
                raise ValueError(f"sound that changes from {self._rate} to {rate} Hz")
            self._rate, self._resampler = rate, Resampler(rate, SAMPLE_RATE)
        return self._resampler.feed(_mono(event.payload or b"", channels))

    def finish(self) -> Pcm:
        """What the resampler still holds."""
        return self._resampler.finish()


def _format(event: Event) -> tuple[int, int]:
    rate, width, channels = (event.data.get(name) for name in ("rate", "width", "channels"))
    if not isinstance(rate, int) or not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise ValueError(f"a sample rate of {str(rate)[:20]}")
    if width != 2 or channels not in (1, 2):
        raise ValueError(f"{str(channels)[:20]} channels of {str(width)[:20]} bytes, not 16-bit mono or stereo")
    return rate, int(channels)


def _mono(payload: bytes, channels: int) -> Pcm:
    if len(payload) % (2 * channels):
        raise ValueError(f"{len(payload)} bytes of sound, which is not a whole number of samples")
    samples = np.frombuffer(payload, dtype="<i2").astype(np.int16, copy=False)
    if channels == 1:
        return samples
    both: Pcm = samples.reshape(-1, 2).mean(axis=1).astype(np.int16)
    return both


async def whole(pieces: AsyncIterator[Pcm]) -> Pcm:
    """All pieces as one; raises `SpeechError` when there is no sound."""
    collected = [piece async for piece in pieces]
    if not collected:
        raise SpeechError("The voice made no sound of the text")
    return np.concatenate(collected)
