"""The server side of Wyoming for a recogniser."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from typing_extensions import override
from wyoming.asr import Transcribe, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Info

from hullo.media.pcm import Pcm
from hullo.speech.engines.engine import RecogniserEngine, Recognition, RecognitionRequest
from hullo.speech.errors import SpeechError
from hullo.speech.hosting.handlers import EngineHandler, artifact
from hullo.speech.hosting.worker import Worker
from hullo.speech.listening.partials import GrowingWindow
from hullo.speech.listening.resample import Resampler
from hullo.speech.listening.vad import VAD_RATE

_MAX_SOUND_SECONDS = 60
_LIVE_SECONDS = 0.05


class RecogniserHandler(EngineHandler):
    """transcribe, audio-start, audio-chunk ..., audio-stop -> transcript (with `confidence` beside the text).

    Meanwhile, partial results: each transcript-start begins the text anew, each transcript-chunk extends it.
    """

    def __init__(
        self, engine: RecogniserEngine, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(worker, reader, writer)
        self._engine = engine
        self._asked = RecognitionRequest()
        self._take = _Take(VAD_RATE)

    @override
    def describe(self) -> Info:
        """The recogniser and its one model."""
        info = self._engine.info
        model = AsrModel(**artifact(info, info.model), languages=info.languages)
        program = AsrProgram(**artifact(info, info.name), models=[model], supports_transcript_streaming=True)
        return Info(asr=[program])

    @override
    async def on_request(self, event: Event) -> None:
        """Collect the sound of a request; `audio-stop` has it recognised."""
        if Transcribe.is_type(event.type):
            self._asked = self._understood(Transcribe.from_event(event))
        elif AudioStart.is_type(event.type):
            self._take = _Take(_rate(AudioStart.from_event(event).rate))
        elif AudioChunk.is_type(event.type):
            self._collect(AudioChunk.from_event(event))
            if self._take.window.due() and self.at_leisure:
                await self.start(self._look(self._take))
        elif AudioStop.is_type(event.type):
            take, self._take = self._take, _Take(VAD_RATE)
            take.ended.set()
            await self.start(self._finish(take))

    def _understood(self, asked: Transcribe) -> RecognitionRequest:
        info = self._engine.info
        if asked.name is not None and asked.name != info.model:
            raise SpeechError(f"{info.name} has the model {info.model} loaded, not '{asked.name}'")
        language = asked.language.lower().replace("_", "-") if asked.language is not None else None
        if language is not None and info.languages and language not in info.languages:
            raise SpeechError(f"{info.name} knows {' and '.join(info.languages)}, not '{language}'")
        words = (*(asked.transcript_names or ()), *(asked.transcript_terms or ()))
        return RecognitionRequest(language=language, hot_words=words)

    def _collect(self, chunk: AudioChunk) -> None:
        if chunk.width != 2 or chunk.channels != 1 or len(chunk.audio) % 2:
            raise SpeechError("sound to recognise is 16-bit mono at 4000 to 192000 Hz")
        if chunk.rate != self._take.rate:
            if self._take.window.samples:
                raise SpeechError(f"the sound changed from {self._take.rate} to {chunk.rate} Hz")
            self._take = _Take(_rate(chunk.rate))
        samples = np.frombuffer(chunk.audio, dtype="<i2").astype(np.int16, copy=False)
        if self._take.window.samples + len(samples) * VAD_RATE // chunk.rate > _MAX_SOUND_SECONDS * VAD_RATE:
            raise SpeechError(f"sound to recognise is at most {_MAX_SOUND_SECONDS} s long: send shorter segments")
        self._take.window.feed(self._take.resampler.feed(samples))

    async def _look(self, take: "_Take") -> None:
        """A partial result, unless the speech is over before it is there.

        A recording, unlike live speech, is over at once, and whoever sent it wants nothing but its words.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_LIVE_SECONDS):
                await take.ended.wait()
                return
        samples, asked_at = take.window.sound(), time.monotonic()
        found = await self._transcribe(samples, lambda: not take.ended.is_set())
        take.window.looked(len(samples), time.monotonic() - asked_at)
        if found is not None and found.text and not take.ended.is_set():
            for message in take.news(found.text):
                await self.write_event(message.event())

    async def _finish(self, take: "_Take") -> None:
        take.window.feed(take.resampler.finish())
        found = await self._transcribe(take.window.sound(), lambda: True)
        if found is None:
            return
        data = {"text": found.text, "confidence": found.confidence, "language": found.language}
        await self.write_event(Event("transcript", data))
        if take.told is not None:
            await self.write_event(TranscriptStop().event())

    async def _transcribe(self, samples: Pcm, still: Callable[[], bool]) -> Recognition | None:
        request = self._asked
        return await self.work(lambda: self._engine.transcribe(samples, request, lambda: self.wanted() and still()))


class _Take:
    """One stretch of speech, from audio-start to audio-stop."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.resampler = Resampler(rate, VAD_RATE)
        self.window = GrowingWindow()
        self.told: str | None = None
        self.ended = asyncio.Event()

    def news(self, text: str) -> list[TranscriptStart | TranscriptChunk]:
        """What tells a client that the speech seems to say `text`."""
        told, self.told = self.told, text
        if told is None or not text.startswith(told):
            return [TranscriptStart(), TranscriptChunk(text=text)]
        return [TranscriptChunk(text=text[len(told) :])] if text != told else []


def _rate(rate: int) -> int:
    if not 4_000 <= rate <= 192_000:
        raise SpeechError("sound to recognise is 16-bit mono at 4000 to 192000 Hz")
    return rate
