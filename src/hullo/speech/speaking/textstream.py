"""A text to speak that may still be coming: pieces in, sentences out."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from enum import StrEnum

from hullo.speech.errors import SpeechError
from hullo.speech.speaking.sentences import SentenceCutter

SETTLE_SECONDS = 0.06
"""Nothing comes behind a mark for so long: the sentence is taken to be complete."""
IDLE_SECONDS = 30.0
"""Longest wait for more of a stream that nobody has ended."""
MOST_LETTERS = 100_000


class StreamState(StrEnum):
    """Whether a stream takes more text, and why not."""

    OPEN = "open"
    ENDED = "ended"
    """Its end was told."""
    INTERRUPTED = "interrupted"
    TIMED_OUT = "timed-out"
    """Nobody ended it within the deadline."""
    FAILED = "failed"
    """The voice could not say it."""


class TextStream:
    """The text of one utterance. One task reads its sentences; everybody else writes."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self.state = StreamState.OPEN
        self.text = ""
        self.first_sentence_at: float | None = None
        self._clock = clock
        self._cutter = SentenceCutter()
        self._ready: deque[str] = deque()
        self._changed = asyncio.Event()

    def append(self, text: str) -> None:
        """More text. Raises `SpeechError` when it would be longer than a stream may be."""
        if len(self.text) + len(text) > MOST_LETTERS:
            raise SpeechError(f"a stream has at most {MOST_LETTERS} letters: end it and begin another")
        self.text += text
        self._complete(self._cutter.feed(text))
        self._changed.set()

    def end(self) -> None:
        """That was all."""
        self.close(StreamState.ENDED)
        self._complete(self._cutter.finish())

    def close(self, state: StreamState) -> None:
        """No more text is taken. The first state stays."""
        if self.state is StreamState.OPEN:
            self.state = state
        self._changed.set()

    async def sentences(self) -> AsyncIterator[str]:
        """The sentences as they are complete. Raises `SpeechError` when no more text came for 30 s."""
        while True:
            while self._ready:
                yield self._ready.popleft()
            if self.state is not StreamState.OPEN:
                return
            await self._more()

    async def _more(self) -> None:
        self._changed.clear()
        settles = self._cutter.settles
        try:
            async with asyncio.timeout(SETTLE_SECONDS if settles else IDLE_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            if settles:
                self._complete(self._cutter.settle())
                return
            self._complete(self._cutter.finish())
            self.close(StreamState.TIMED_OUT)

    def _complete(self, sentences: list[str]) -> None:
        if sentences and self.first_sentence_at is None:
            self.first_sentence_at = self._clock()
        self._ready.extend(sentences)
