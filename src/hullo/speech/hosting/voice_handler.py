"""The server side of Wyoming for a voice."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing

from typing_extensions import override
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Info, TtsProgram, TtsVoice, TtsVoiceSpeaker
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

from hullo.speech.engines.engine import VoiceEngine
from hullo.speech.errors import SpeechError
from hullo.speech.hosting.handlers import EngineHandler, artifact
from hullo.speech.hosting.worker import Worker
from hullo.speech.ports import WordTiming
from hullo.speech.speaking.sentences import SentenceCutter, sentences

_MAX_TEXT = 20_000


class VoiceHandler(EngineHandler):
    """synthesize -> audio-start, audio-chunk ..., audio-stop, each chunk sent as it is made.

    The same for synthesize-start, synthesize-chunk ..., synthesize-stop, with synthesize-stopped at the end.
    """

    def __init__(
        self, engine: VoiceEngine, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(worker, reader, writer)
        self._engine = engine
        self._text: _WrittenText | None = None

    @override
    def describe(self) -> Info:
        """The engine and the voice it speaks with unless asked for another."""
        info = self._engine.info
        speakers = [TtsVoiceSpeaker(name=name) for name in info.speakers] or None
        voice = TtsVoice(**artifact(info, info.model), languages=info.languages, speakers=speakers)
        program = TtsProgram(**artifact(info, info.name), voices=[voice], supports_synthesize_streaming=True)
        return Info(tts=[program])

    @override
    async def on_request(self, event: Event) -> None:
        """Say the text of a `synthesize`, or one that comes in pieces."""
        if SynthesizeStart.is_type(event.type):
            self._text = _WrittenText()
            await self.start(self._speak_stream(self._text.sentences(), SynthesizeStart.from_event(event).voice))
        elif self._text is None:
            if Synthesize.is_type(event.type):
                request = Synthesize.from_event(event)
                if len(request.text) > _MAX_TEXT:
                    raise SpeechError(f"a text to say has at most {_MAX_TEXT} characters: send it in parts")
                await self.start(self._speak(_each(sentences(request.text)), request.voice))
        elif SynthesizeChunk.is_type(event.type):
            self._text.add(SynthesizeChunk.from_event(event).text)
        elif SynthesizeStop.is_type(event.type):
            self._text.end()
            self._text = None

    async def _speak_stream(self, texts: AsyncIterator[str], voice: SynthesizeVoice | None) -> None:
        await self._speak(texts, voice)
        await self.write_event(SynthesizeStopped().event())

    async def _speak(self, texts: AsyncIterator[str], voice: SynthesizeVoice | None) -> None:
        rate, sent = self._engine.rate, 0
        await self.write_event(AudioStart(rate=rate, width=2, channels=1).event())
        # Sentence by sentence: a client that reads slowly then holds up neither the memory nor the engine.
        async for sentence in texts:
            before = sent / 2 / rate
            async with aclosing(self._sound(sentence, voice)) as blocks:
                async for block, words in blocks:
                    sent += len(block)
                    chunk = AudioChunk(rate=rate, width=2, channels=1, audio=block).event()
                    if words:
                        chunk.data["words"] = [[one.word, round(before + one.start_s, 3)] for one in words]
                    await self.write_event(chunk)
        await self.write_event(AudioStop().event())

    async def _sound(
        self, sentence: str, voice: SynthesizeVoice | None
    ) -> AsyncGenerator[tuple[bytes, Sequence[WordTiming]], None]:
        loop = asyncio.get_running_loop()
        sound: asyncio.Queue[tuple[bytes, Sequence[WordTiming]] | None] = asyncio.Queue()

        def emit(block: bytes, words: Sequence[WordTiming] = ()) -> bool:
            loop.call_soon_threadsafe(sound.put_nowait, (block, words))
            return self.wanted()

        name, speaker = (voice.name, voice.speaker) if voice is not None else (None, None)
        job = loop.create_task(self.work(lambda: self._engine.synthesise(sentence, name, speaker, emit)))
        job.add_done_callback(lambda _: sound.put_nowait(None))
        try:
            while (piece := await sound.get()) is not None:
                yield piece
            await job
        finally:
            job.cancel()


class _WrittenText:
    """A text on its way in, between the connection and the request that says it."""

    def __init__(self) -> None:
        self._cutter = SentenceCutter()
        self._ready: asyncio.Queue[str | None] = asyncio.Queue()
        self._length = 0

    def add(self, text: str) -> None:
        """More of it. Raises `SpeechError` when it becomes too long."""
        self._length += len(text)
        if self._length > _MAX_TEXT:
            raise SpeechError(f"a text to say has at most {_MAX_TEXT} characters: send it in parts")
        for sentence in self._cutter.feed(text):
            self._ready.put_nowait(sentence)

    def end(self) -> None:
        """No more of it comes."""
        for sentence in self._cutter.finish():
            self._ready.put_nowait(sentence)
        self._ready.put_nowait(None)

    async def sentences(self) -> AsyncIterator[str]:
        """Each sentence as soon as it is complete."""
        while (sentence := await self._ready.get()) is not None:
            yield sentence


async def _each(texts: Iterable[str]) -> AsyncIterator[str]:
    for text in texts:
        yield text
