"""The server side of finding words in sound: an addition to the Wyoming protocol, for our own use."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from typing_extensions import override
from wyoming.event import Event
from wyoming.info import Info

from hullo.media.pcm import Pcm
from hullo.speech.aligning.spectrum import RATE
from hullo.speech.errors import SpeechError
from hullo.speech.hosting.handlers import EngineHandler
from hullo.speech.hosting.worker import Worker
from hullo.speech.listening.resample import resample
from hullo.speech.ports import WordTiming


class AlignerEngine(Protocol):
    """Finds words in sound. One call at a time, from one thread."""

    def align(self, text: str, language: str, sound: Pcm, *, complete: bool) -> Sequence[WordTiming]:
        """When each word of `text` begins in `sound` (16 kHz), empty when that can't be told. Raises `SpeechError`."""


class AlignerHandler(EngineHandler):
    """align (`text`, `language`, `complete`, `rate`, and 16-bit mono sound as payload) -> aligned (`words`)."""

    def __init__(
        self, engine: AlignerEngine, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(worker, reader, writer)
        self._engine = engine

    @override
    def describe(self) -> Info:
        """Nothing that another program could ask for."""
        return Info()

    @override
    async def on_request(self, event: Event) -> None:
        """Find the words of an `align`."""
        if event.type == "align":
            await self.start(self._align(event))

    async def _align(self, event: Event) -> None:
        text, language, complete, rate = (event.data[name] for name in ("text", "language", "complete", "rate"))
        if not isinstance(text, str) or not isinstance(language, str) or not isinstance(rate, int):
            raise SpeechError("align takes a text, a language and a rate")
        sound = np.frombuffer(event.payload or b"", dtype="<i2").astype(np.int16, copy=False)

        def job() -> Sequence[WordTiming]:
            return self._engine.align(text, language, resample(sound, rate, RATE), complete=bool(complete))

        words = await self.work(job) if self.wanted() else ()
        await self.write_event(Event("aligned", {"words": [[one.word, round(one.start_s, 3)] for one in words]}))
