"""What hearing and speaking need of a recogniser and of a voice, wherever these run."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec
import numpy as np

from hullo.media.pcm import Pcm
from hullo.speech.errors import SpeechError


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """The text found (may be empty), how sure the recogniser is (0 to 1, if it says), and how long it took.

    `seconds` count from the moment that all sound was there; `language` is the one found or used, if it is told.
    """

    text: str
    confidence: float | None
    seconds: float
    language: str | None = None


class WordTiming(msgspec.Struct, frozen=True):
    """`word`, as it stands in the text, begins `start_s` seconds after the first sample."""

    word: str
    start_s: float


OnPartial: TypeAlias = Callable[[str], None]
"""Takes what the speech seems to say so far, the whole of it each time; called in the event loop, returns at once."""

OnWords: TypeAlias = Callable[[Sequence[WordTiming]], None]
"""Takes words whose times have become known, in order and each once, before the sound in which they begin."""


def unheard(_: object) -> None:
    """The `OnPartial` and `OnWords` of whoever needs none."""


class RecognitionSession(Protocol):
    """Speech that is sent to a recogniser as it is heard."""

    async def feed(self, samples: Pcm) -> None:
        """More sound, 16 kHz mono. Waits while the recogniser is slower; raises `SpeechError`."""

    async def finish(self) -> Recognised:
        """That was all: the words in it. Raises `SpeechError`. Nothing may be fed after this."""


class Recogniser(Protocol):
    """Speech to text."""

    def session(self, on_partial: OnPartial = unheard) -> AbstractAsyncContextManager[RecognitionSession]:
        """A stretch of speech to be fed as it is heard; leaving it unfinished gives it up at the recogniser too.

        Entering raises `SpeechError`. Partial results come where the recogniser gives them.
        """

    async def transcribe(self, samples: Pcm) -> Recognised:
        """The words in `samples` (16 kHz mono). Raises `SpeechError`."""


class Voice(Protocol):
    """Text to speech."""

    def synthesise(self, text: str, on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """The sound of `text` at 48 kHz, piece by piece as it is made; closing the iterator cancels the rest.

        `on_words` learns when which word is said where the voice can tell. Raises `SpeechError`. Wrap it in
        `contextlib.aclosing`.
        """

    def stream(self, pieces: AsyncIterator[str], on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """The same for a text that is still being written; a sentence is said as soon as it is complete.

        What `pieces` raises comes out of here.
        """


class Aligner(Protocol):
    """Finds words in the sound of a voice that does not tell when it says them."""

    async def align(self, text: str, sound: Pcm, *, complete: bool) -> Sequence[WordTiming]:
        """When words of `text` begin in its sound (48 kHz), or in the first part of it when that is not `complete`.

        In order; empty when they are not found. Raises `SpeechError`.
        """


async def whole(pieces: AsyncIterator[Pcm]) -> Pcm:
    """All pieces as one; raises `SpeechError` when there is no sound."""
    collected = [piece async for piece in pieces]
    if not collected:
        raise SpeechError("The voice made no sound of the text")
    return np.concatenate(collected)
