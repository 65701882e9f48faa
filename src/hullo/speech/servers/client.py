"""Clients of Wyoming servers: speech to text and text to speech, over our own host or any other server."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol

import numpy as np
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Describe
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.errors import SpeechError
from hullo.speech.listening.vad import VAD_RATE
from hullo.speech.ports import OnPartial, OnWords, Recognised, WordTiming, unheard, whole
from hullo.speech.servers.capabilities import Capabilities, recogniser_capabilities, voice_capabilities
from hullo.speech.servers.sound_decoder import SoundDecoder, words_of
from hullo.speech.servers.wire import Connection
from hullo.speech.speaking.sentences import SentenceCutter

__all__ = ["Endpoint", "FixedEndpoint", "Recognised", "RecogniserClient", "VoiceClient", "WyomingSession", "whole"]

_CHUNK_SAMPLES = VAD_RATE
"""An event costs more than its sound: ten seconds in pieces of 100 ms kept the media waiting for 3 to 5 ms."""
_NOTHING: Pcm = np.zeros(0, dtype=np.int16)


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
async def connected(endpoint: Endpoint) -> AsyncIterator[Connection]:
    """A connection to the server there, which is told to be looked after when it fails. Raises `SpeechError`."""
    uri = await endpoint.uri()
    try:
        async with Connection(uri) as connection:
            yield connection
    except SpeechError as error:
        if error.transient:
            endpoint.failed()
        raise


async def describe(endpoint: Endpoint, read: Callable[[Event], Capabilities], timeout: float) -> Capabilities:
    """What the server says of itself, `read` from its `info`. Raises `SpeechError`."""
    async with connected(endpoint) as connection:
        await connection.write(Describe(), within=timeout)
        try:
            while (event := await connection.read(timeout)).type != "info":
                pass
            return read(event)
        except ValueError as error:
            raise connection.garbled(str(error)) from error


async def ended(task: "asyncio.Task[Any]") -> None:
    """Cancel `task` and wait until it has ended, however it does."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # seen, or asyncio would complain that nobody did


class RecogniserClient:
    """A `Recogniser`: the Wyoming server at `endpoint`, one connection a session.

    `timeout` is the longest silence of the server, seconds; `model`, `language` and `hot_words` (words to expect,
    `transcript_names` of the protocol) are asked for if given.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout: float,
        language: str | None = None,
        model: str | None = None,
        hot_words: Sequence[str] = (),
    ) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._request = Transcribe(name=model, language=language, transcript_names=list(hot_words) or None)

    async def capabilities(self) -> Capabilities:
        """What the server says that it can do. Raises `SpeechError`."""
        return await describe(self._endpoint, recogniser_capabilities, self._timeout)

    @asynccontextmanager
    async def session(self, on_partial: OnPartial = unheard) -> AsyncIterator["WyomingSession"]:
        """See `Recogniser.session`."""
        async with connected(self._endpoint) as connection:
            start = AudioStart(rate=VAD_RATE, width=2, channels=1)
            await connection.write(self._request, start, within=self._timeout)
            session = WyomingSession(connection, on_partial, self._timeout)
            try:
                yield session
            finally:
                await session.close()

    async def transcribe(self, samples: Pcm) -> Recognised:
        """See `Recogniser.transcribe`."""
        asked_at = time.monotonic()
        async with self.session() as session:
            await session.feed(samples)
            result = await session.finish()
        return Recognised(
            text=result.text,
            confidence=result.confidence,
            seconds=time.monotonic() - asked_at,
            language=result.language,
        )


class WyomingSession:
    """One stretch of speech on one connection. Made by `RecogniserClient.session`."""

    def __init__(self, connection: Connection, on_partial: OnPartial, timeout: float) -> None:
        self._connection = connection
        self._on_partial = on_partial
        self._timeout = timeout
        self._partial = ""
        # A server may send partial results, or an error, at any time.
        self._answer = asyncio.create_task(self._read_answer())

    async def feed(self, samples: Pcm) -> None:
        """See `RecognitionSession.feed`."""
        if self._answer.done():
            self._answer.result()  # an error; or the server has heard enough
            return
        for at in range(0, len(samples), _CHUNK_SAMPLES):
            sound = samples[at : at + _CHUNK_SAMPLES].tobytes()
            await self._write(AudioChunk(rate=VAD_RATE, width=2, channels=1, audio=sound))

    async def finish(self) -> Recognised:
        """See `RecognitionSession.finish`."""
        asked_at = time.monotonic()
        if not self._answer.done():
            await self._write(AudioStop())
        done, _ = await asyncio.wait([self._answer], timeout=self._timeout)
        if not done:
            raise self._connection.slow(self._timeout)
        event = self._answer.result()
        text, confidence, language = (event.data.get(name) for name in ("text", "confidence", "language"))
        if not isinstance(text, str):
            raise self._connection.garbled("a transcript without text")
        return Recognised(
            text=text.strip(),
            confidence=min(max(float(confidence), 0.0), 1.0) if isinstance(confidence, int | float) else None,
            seconds=time.monotonic() - asked_at,
            language=language if isinstance(language, str) else None,
        )

    async def close(self) -> None:
        """Stop listening to the server; closing the connection then cancels what it does."""
        await ended(self._answer)

    async def _write(self, message: AudioChunk | AudioStop) -> None:
        try:
            await self._connection.write(message, within=self._timeout)
        except SpeechError:
            # Whoever closes while we send has said why, if anything did.
            await asyncio.wait([self._answer], timeout=self._timeout)
            if self._answer.done():
                self._answer.result()
                return
            raise

    async def _read_answer(self) -> Event:
        while (event := await self._connection.read(None)).type != "transcript":
            match event.type:
                case "transcript-start":
                    self._partial = ""
                case "transcript-chunk":
                    self._extend(event.data.get("text"))
                case "transcript-stop":
                    return Event("transcript", {"text": self._partial})
        return event

    def _extend(self, text: object) -> None:
        if not isinstance(text, str):
            raise self._connection.garbled("a transcript-chunk without text")
        self._partial += text
        if self._partial.strip():
            self._on_partial(self._partial.strip())


class VoiceClient:
    """A `Voice`: the Wyoming server at `endpoint`, one connection an utterance.

    `timeout` is the longest silence of the server, seconds; `voice` None is the server's own choice, and so is
    `speaker`, for voices with several. Whether a text may be sent while it is written is asked of the server once.
    """

    def __init__(
        self, endpoint: Endpoint, *, timeout: float, voice: str | None = None, speaker: str | None = None
    ) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._voice = SynthesizeVoice(name=voice, speaker=speaker) if voice is not None else None
        self._streams: bool | None = None

    async def capabilities(self) -> Capabilities:
        """What the server says that it can do. Raises `SpeechError`."""
        return await describe(self._endpoint, voice_capabilities, self._timeout)

    async def synthesise(self, text: str, on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """See `Voice.synthesise`."""
        async with connected(self._endpoint) as connection:
            await connection.write(Synthesize(text=text, voice=self._voice), within=self._timeout)
            utterance = _Utterance(connection, on_words)
            while (event := await connection.read(self._timeout)).type != "audio-stop":
                if len(piece := utterance.feed(event)):
                    yield piece
            if len(rest := utterance.finish()):
                yield rest

    async def stream(self, pieces: AsyncIterator[str], on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """See `Voice.stream`; to a server that takes only whole texts each sentence is one."""
        if self._streams is None:
            self._streams = (await self.capabilities()).streams
        sound = self._as_written(pieces, on_words) if self._streams else self._by_sentence(pieces, on_words)
        async with aclosing(sound):
            async for piece in sound:
                yield piece

    async def _by_sentence(self, pieces: AsyncIterator[str], on_words: OnWords) -> AsyncGenerator[Pcm, None]:
        said = 0
        async for sentence in SentenceCutter.cut(pieces):
            async with aclosing(self.synthesise(sentence, _later(on_words, said / SAMPLE_RATE))) as sound:
                async for piece in sound:
                    said += len(piece)
                    yield piece

    async def _as_written(self, pieces: AsyncIterator[str], on_words: OnWords) -> AsyncGenerator[Pcm, None]:
        async with connected(self._endpoint) as connection:
            writing = asyncio.create_task(self._write(connection, pieces))
            try:
                utterance = _Utterance(connection, on_words)
                while (event := await self._read(connection, writing)).type != "synthesize-stopped":
                    if len(piece := utterance.feed(event)):
                        yield piece
                if len(rest := utterance.finish()):
                    yield rest
            finally:
                await ended(writing)

    async def _write(self, connection: Connection, pieces: AsyncIterator[str]) -> None:
        await connection.write(SynthesizeStart(voice=self._voice), within=self._timeout)
        text = ""
        async for piece in pieces:
            text += piece
            await connection.write(SynthesizeChunk(text=piece), within=self._timeout)
        # The whole text once more is for servers that do not stream; the protocol wants it, those that do skip it.
        await connection.write(Synthesize(text=text, voice=self._voice), SynthesizeStop(), within=self._timeout)

    async def _read(self, connection: Connection, writing: "asyncio.Task[None]") -> Event:
        """The next event. The server may be silent as long as there is text to come, and `timeout` after that."""
        reading = asyncio.create_task(connection.read(None))
        try:
            await asyncio.wait([reading, writing], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                writing.result()
                await asyncio.wait([reading], timeout=self._timeout)
            if not reading.done():
                raise connection.slow(self._timeout)
            return reading.result()
        finally:
            await ended(reading)


class _Utterance:
    """The sound and the words of one connection."""

    def __init__(self, connection: Connection, on_words: OnWords) -> None:
        self._connection = connection
        self._on_words = on_words
        self._decoder = SoundDecoder()

    def feed(self, event: Event) -> Pcm:
        """The sound that `event` completes, after its words were told."""
        if event.type not in ("audio-start", "audio-chunk"):
            return _NOTHING
        try:
            if words := words_of(event):
                self._on_words(words)
            return self._decoder.feed(event)
        except ValueError as error:
            raise self._connection.garbled(str(error)) from error

    def finish(self) -> Pcm:
        """The last of the sound."""
        return self._decoder.finish()


def _later(on_words: OnWords, seconds: float) -> OnWords:
    return lambda words: on_words([WordTiming(one.word, one.start_s + seconds) for one in words])
