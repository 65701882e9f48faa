"""A parrot: it hears how long somebody spoke, and says each word as a whistle."""

from collections.abc import Callable

import numpy as np

from hullo.engines import Emit, EngineInfo, Pcm, Recognition, RecognitionRequest, WordTiming

INFO = EngineInfo("parrot", "An example", "https://example.org", "1.0", "grey", ["en"])


class Ear:
    """The keyword arguments are the settings that it takes; all others are refused."""

    info = INFO

    def __init__(self, *, model: str = "polly") -> None:
        self.model = model

    def transcribe(self, samples: Pcm, request: RecognitionRequest, wanted: Callable[[], bool]) -> Recognition | None:
        return Recognition(f"{self.model} heard {len(samples) / 16_000:.0f} seconds", confidence=1.0)


class Beak:
    info, rate = INFO, 16_000

    def synthesise(self, text: str, voice: str | None, speaker: str | None, emit: Emit) -> None:
        whistle = np.sin(np.arange(4_000) * (0.3 + 0.1 * np.sin(np.arange(4_000) / 300))) * 8_000
        for number, word in enumerate(text.split()):
            if not emit(whistle.astype(np.int16).tobytes(), [WordTiming(word, number * 0.25)]):
                return
