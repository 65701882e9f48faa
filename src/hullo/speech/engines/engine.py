"""What a host process needs of an engine."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from hullo.media.pcm import Pcm
from hullo.speech.ports import WordTiming


class EngineInfo(msgspec.Struct, frozen=True):
    """How an engine presents itself in Wyoming's `info`. Without `languages` it takes any."""

    name: str
    description: str
    url: str
    version: str
    model: str
    languages: list[str]
    speakers: list[str] = []


class RecognitionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller asks for beside the words: a language (None: found out, or the only one), words to expect."""

    language: str | None = None
    hot_words: tuple[str, ...] = ()


class Recognition(msgspec.Struct, frozen=True):
    """The words found (may be empty), how sure the engine is, 0 to 1, None when it cannot say, and the language."""

    text: str
    confidence: float | None
    language: str | None = None


class RecogniserEngine(Protocol):
    """Speech to text. One call at a time, from one thread."""

    @property
    def info(self) -> EngineInfo:
        """Its name, version and languages."""

    def transcribe(self, samples: Pcm, request: RecognitionRequest, wanted: Callable[[], bool]) -> Recognition | None:
        """The words in `samples` (16 kHz mono); None as soon as `wanted` says that nobody waits any more.

        Partial results are what it says of the sound so far. Raises `SpeechError` when it cannot do that.
        """


class Emit(Protocol):
    """Takes the sound of a voice as it is made."""

    def __call__(self, sound: bytes, words: Sequence[WordTiming] = (), /) -> bool:
        """16-bit mono sound, and the words known to begin in it or later; false when nobody listens any more."""


class VoiceEngine(Protocol):
    """Text to speech. One call at a time, from one thread."""

    @property
    def info(self) -> EngineInfo:
        """Its name, version and languages."""

    @property
    def rate(self) -> int:
        """Sample rate of what it says, Hz."""

    def synthesise(self, text: str, voice: str | None, speaker: str | None, emit: Emit) -> None:
        """Say `text` to `emit`, piece by piece, until that is false.

        `voice` None is the voice it was made with, `speaker` None that voice's first. Times of words count from the
        first sample of `text`. Raises `SpeechError` when it cannot say that.
        """
