"""When to look what speech seems to say so far, for recognisers that hear only whole pieces of sound. Pure."""

import numpy as np

from hullo.media.pcm import Pcm, level_dbfs
from hullo.speech.listening.vad import VAD_RATE

_FIRST_SECONDS = 0.8
_LEAST_SECONDS = 0.5
_SHARE = 3.0
"""Sound that must have come since the last look, in the seconds which that look took: the engine has others to serve,
and the look at the end of speech, for which somebody waits, must rarely find it busy."""
_BLOCK = VAD_RATE // 5
_PAUSE_DB = 20.0
_INAUDIBLE_DBFS = -60.0


class GrowingWindow:
    """The sound of one stretch of speech so far; each partial result is what the engine finds in the whole of it."""

    def __init__(self) -> None:
        self._pieces: list[Pcm] = []
        self._next = int(_FIRST_SECONDS * VAD_RATE)
        self._loudest = -100.0
        self.samples = 0

    def feed(self, pcm: Pcm) -> None:
        """More sound, 16 kHz mono."""
        self._pieces.append(pcm)
        self.samples += len(pcm)

    def sound(self) -> Pcm:
        """All of it."""
        joined = np.concatenate(self._pieces) if self._pieces else np.zeros(0, dtype=np.int16)
        self._pieces = [joined]
        return joined

    def due(self) -> bool:
        """Whether another look is worth its time. In a pause it is not: the speech is about to be over."""
        if self.samples < self._next:
            return False
        newest = level_dbfs(self.sound()[-_BLOCK:])
        self._loudest = max(self._loudest, newest)
        return newest > max(self._loudest - _PAUSE_DB, _INAUDIBLE_DBFS)

    def looked(self, samples: int, seconds: float) -> None:
        """A look at the first `samples` took the engine `seconds`."""
        self._next = samples + int(max(_LEAST_SECONDS, seconds * _SHARE) * VAD_RATE)
