"""The server side of Wyoming: one handler a connection, for a recogniser or for a voice."""

import asyncio
import logging
import threading
from abc import abstractmethod
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, suppress
from typing import Any

import numpy as np
from typing_extensions import override
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler
from wyoming.tts import Synthesize

from hullo.media.pcm import Pcm
from hullo.speech.engines.engine import EngineInfo, RecogniserEngine, VoiceEngine
from hullo.speech.errors import SpeechError
from hullo.speech.resample import resample
from hullo.speech.sentences import sentences
from hullo.speech.vad import VAD_RATE
from hullo.speech.worker import Worker

log = logging.getLogger(__name__)

_MAX_SOUND_SECONDS = 60
_MAX_TEXT = 20_000
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""What the wyoming package raises for an event that is not as it should be."""


class EngineHandler(AsyncEventHandler):
    """One connection to an engine: at most one request at a time, which ends with the connection."""

    def __init__(self, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._worker = worker
        self._request: asyncio.Task[None] | None = None
        self._left = threading.Event()

    @override
    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        with suppress(OSError, asyncio.IncompleteReadError, *_MALFORMED):
            await super().run()

    @override
    async def handle_event(self, event: Event) -> bool:
        """Answer `describe` and `ping`; hand everything else to the engine's side."""
        if event.type == "describe":
            await self.write_event(self.describe().event())
        elif Ping.is_type(event.type):
            await self.write_event(Pong(text=Ping.from_event(event).text).event())
        else:
            try:
                await self.on_request(event)
            except (SpeechError, *_MALFORMED) as error:
                # The connection stays: closed while the client still sends, it could not read why.
                await self.write_event(Error(text=f"{event.type}: {error}").event())
        return True

    @override
    async def disconnect(self) -> None:
        """The client has gone: stop what was being done for it."""
        self._left.set()
        if self._request is not None:
            self._request.cancel()
            await asyncio.wait([self._request])

    async def start(self, request: Coroutine[Any, Any, None]) -> None:
        """Do `request` while the connection is watched for its end; waits for the one before."""
        if self._request is not None:
            await asyncio.wait([self._request])
        self._request = asyncio.get_running_loop().create_task(self._answered(request))

    async def _answered(self, request: Coroutine[Any, Any, None]) -> None:
        with suppress(OSError):  # the client has gone
            try:
                await request
            except SpeechError as error:
                await self.write_event(Error(text=str(error)).event())
            except Exception as error:  # the edge to foreign code: whoever waits must be told, and the host goes on
                log.exception("The engine failed")
                await self.write_event(Error(text=f"the engine failed: {error!r}").event())

    @abstractmethod
    def describe(self) -> Info:
        """What this server can do."""

    @abstractmethod
    async def on_request(self, event: Event) -> None:
        """Take an event of a request. Raises `SpeechError` to refuse it."""


class RecogniserHandler(EngineHandler):
    """transcribe, audio-start, audio-chunk ..., audio-stop -> transcript (with `confidence` beside the text)."""

    def __init__(
        self, engine: RecogniserEngine, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(worker, reader, writer)
        self._engine = engine
        self._sound = bytearray()
        self._rate = VAD_RATE

    @override
    def describe(self) -> Info:
        """The recogniser and its one model."""
        info = self._engine.info
        model = AsrModel(**_artifact(info, info.model), languages=info.languages)
        return Info(asr=[AsrProgram(**_artifact(info, info.name), models=[model])])

    @override
    async def on_request(self, event: Event) -> None:
        """Collect the sound of a request; `audio-stop` has it recognised."""
        if Transcribe.is_type(event.type):
            self._check_language(Transcribe.from_event(event).language)
        elif AudioStart.is_type(event.type):
            self._sound.clear()
        elif AudioChunk.is_type(event.type):
            self._collect(AudioChunk.from_event(event))
        elif AudioStop.is_type(event.type):
            samples = np.frombuffer(bytes(self._sound), dtype="<i2").astype(np.int16, copy=False)
            self._sound.clear()
            await self.start(self._transcribe(samples, self._rate))

    def _check_language(self, language: str | None) -> None:
        known = self._engine.info.languages
        if language is not None and language.lower().replace("_", "-") not in known:
            raise SpeechError(f"{self._engine.info.name} knows {' and '.join(known)}, not '{language}'")

    def _collect(self, chunk: AudioChunk) -> None:
        if chunk.width != 2 or chunk.channels != 1 or not 4_000 <= chunk.rate <= 192_000 or len(chunk.audio) % 2:
            raise SpeechError("sound to recognise is 16-bit mono at 4000 to 192000 Hz")
        if len(self._sound) + len(chunk.audio) > _MAX_SOUND_SECONDS * 2 * chunk.rate:
            raise SpeechError(f"sound to recognise is at most {_MAX_SOUND_SECONDS} s long: send shorter segments")
        self._rate = chunk.rate
        self._sound += chunk.audio

    async def _transcribe(self, samples: Pcm, rate: int) -> None:
        if rate != VAD_RATE:
            samples = resample(samples, rate, VAD_RATE)
        result = await self._worker.run(lambda: self._engine.transcribe(samples, lambda: not self._left.is_set()))
        if result is not None:
            await self.write_event(Event("transcript", {"text": result.text, "confidence": result.confidence}))


class VoiceHandler(EngineHandler):
    """synthesize -> audio-start, audio-chunk ..., audio-stop, each chunk sent as it is made."""

    def __init__(
        self, engine: VoiceEngine, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(worker, reader, writer)
        self._engine = engine

    @override
    def describe(self) -> Info:
        """The engine and the voice it speaks with unless asked for another."""
        info = self._engine.info
        voice = TtsVoice(**_artifact(info, info.model), languages=info.languages)
        return Info(tts=[TtsProgram(**_artifact(info, info.name), voices=[voice])])

    @override
    async def on_request(self, event: Event) -> None:
        """Say the text of a `synthesize`."""
        if Synthesize.is_type(event.type):
            request = Synthesize.from_event(event)
            if len(request.text) > _MAX_TEXT:
                raise SpeechError(f"a text to say has at most {_MAX_TEXT} characters: send it in parts")
            await self.start(self._speak(request.text, request.voice.name if request.voice else None))

    async def _speak(self, text: str, voice: str | None) -> None:
        rate = self._engine.rate
        await self.write_event(AudioStart(rate=rate, width=2, channels=1).event())
        # Sentence by sentence: a client that reads slowly then holds up neither the memory nor the engine.
        for sentence in sentences(text):
            async with aclosing(self._sound(sentence, voice)) as blocks:
                async for block in blocks:
                    await self.write_event(AudioChunk(rate=rate, width=2, channels=1, audio=block).event())
        await self.write_event(AudioStop().event())

    async def _sound(self, sentence: str, voice: str | None) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        sound: asyncio.Queue[bytes | None] = asyncio.Queue()

        def emit(block: bytes) -> bool:
            loop.call_soon_threadsafe(sound.put_nowait, block)
            return not self._left.is_set()

        job = loop.create_task(self._worker.run(lambda: self._engine.synthesise(sentence, voice, emit)))
        job.add_done_callback(lambda _: sound.put_nowait(None))
        try:
            while (block := await sound.get()) is not None:
                yield block
            await job
        finally:
            job.cancel()


def _artifact(info: EngineInfo, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "attribution": Attribution(name=info.description, url=info.url),
        "installed": True,
        "description": info.description,
        "version": info.version,
    }
