"""What a host process needs of an engine."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from hullo.media.pcm import Pcm


class EngineInfo(msgspec.Struct, frozen=True):
    """How an engine presents itself in Wyoming's `info`."""

    name: str
    description: str
    url: str
    version: str
    model: str
    languages: list[str]


class Recognition(msgspec.Struct, frozen=True):
    """The words found (may be empty) and how sure the engine is, 0 to 1, None when it cannot say."""

    text: str
    confidence: float | None


class RecogniserEngine(Protocol):
    """Speech to text. One call at a time, from one thread."""

    @property
    def info(self) -> EngineInfo:
        """Its name, version and languages."""

    def transcribe(self, samples: Pcm, wanted: Callable[[], bool]) -> Recognition | None:
        """The words in `samples` (16 kHz mono); None as soon as `wanted` says that nobody waits any more."""


class VoiceEngine(Protocol):
    """Text to speech. One call at a time, from one thread."""

    @property
    def info(self) -> EngineInfo:
        """Its name, version and languages."""

    @property
    def rate(self) -> int:
        """Sample rate of what it says, Hz."""

    def synthesise(self, text: str, voice: str | None, emit: Callable[[bytes], bool]) -> None:
        """Say `text`: 16-bit mono sound goes to `emit` as it is made; false from `emit` stops it.

        `voice` None is the voice it was made with. Raises `SpeechError` when it cannot say that.
        """
