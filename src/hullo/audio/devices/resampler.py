"""A resampler whose ratio changes from frame to frame: for two clocks that are nearly the same."""

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import Pcm

_TAPS = 24
_PHASES = 1024
_CUTOFF = 0.92
"""Of half the sample rate: 22 kHz at 48 kHz."""


def _filters() -> NDArray[np.float32]:
    """A windowed sinc for each fraction of a sample; row p gives the sound at p / `_PHASES` after the middle tap."""
    fraction = np.arange(_PHASES)[:, None] / _PHASES
    at = np.arange(_TAPS)[None, :] - (_TAPS // 2 - 1) - fraction
    inside = np.clip(1 - (at / (_TAPS // 2)) ** 2, 0.0, None)
    taps = np.sinc(at * _CUTOFF) * np.i0(6.0 * np.sqrt(inside))
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), dtype=np.float32)


_FILTERS = _filters()


class Resampler:
    """Reads a stream at a speed near 1: 1.0003 takes 300 ppm more samples than it gives. Delays by 0.25 ms."""

    def __init__(self) -> None:
        self._held: NDArray[np.float32] = np.zeros(_TAPS, dtype=np.float32)
        self._position = 0.0
        """Of the next sample to give, among those held: its first tap and the fraction after its middle."""

    def needed(self, count: int, speed: float) -> int:
        """How many samples must be fed to give `count` at this speed."""
        return max(0, int(self._position + (count - 1) * speed) + _TAPS - len(self._held))

    def feed(self, samples: Pcm) -> None:
        """Add samples."""
        self._held = np.concatenate([self._held, samples.astype(np.float32)])

    def give(self, count: int, speed: float) -> Pcm:
        """The next `count` samples, for which enough were fed."""
        positions = self._position + np.arange(count) * speed
        first = positions.astype(np.intp)
        phases = ((positions - first) * _PHASES).astype(np.intp)
        windows = np.lib.stride_tricks.sliding_window_view(self._held, _TAPS)[first]
        given = np.einsum("ij,ij->i", windows, _FILTERS[phases])
        self._move(self._position + count * speed)
        return np.asarray(np.clip(np.rint(given), -32768, 32767), dtype=np.int16)

    def convert(self, samples: Pcm, speed: float) -> Pcm:
        """Feed these samples and give all that can be given."""
        self.feed(samples)
        last = len(self._held) - _TAPS - self._position
        return self.give(int(last / speed) + 1 if last >= 0 else 0, speed)

    def _move(self, position: float) -> None:
        whole = min(int(position), len(self._held))
        self._held = self._held[whole:]
        self._position = position - whole
