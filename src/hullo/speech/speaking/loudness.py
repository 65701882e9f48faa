"""How loud we speak: at the voice's own level, or lower while somebody else seems to begin. Pure."""

import numpy as np

from hullo.media.pcm import FRAME_SECONDS, Pcm

LOWER_DB = -15.0
_CHANGE_SECONDS = 0.04


class Loudness:
    """A gain that changes without a click, within 40 ms."""

    _STEP = (1 - 10 ** (LOWER_DB / 20)) * FRAME_SECONDS / _CHANGE_SECONDS

    def __init__(self) -> None:
        self._gain = self._wanted = 1.0

    def lower(self) -> None:
        """From now on speak 15 dB lower."""
        self._wanted = 10 ** (LOWER_DB / 20)

    def normal(self) -> None:
        """From now on speak as the voice does."""
        self._wanted = 1.0

    def applied(self, frame: Pcm) -> Pcm:
        """The next frame at its level."""
        before, self._gain = self._gain, self._next()
        if before == self._gain == 1.0:
            return frame
        changed: Pcm = np.rint(frame * np.linspace(before, self._gain, len(frame))).astype(np.int16)
        return changed

    def _next(self) -> float:
        difference = self._wanted - self._gain
        return self._wanted if abs(difference) <= self._STEP else self._gain + np.sign(difference) * self._STEP
