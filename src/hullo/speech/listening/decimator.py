"""Lower sample rates, made in the media tick: a linear-phase low-pass, of which only the wanted samples are made."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import FRAME_SAMPLES, Pcm
from hullo.speech.listening.products import product

_BETA: Final = 8.0
"""Of the Kaiser window: 80 dB down beyond the transition."""
_BLOCK: Final = 32
"""Samples of the output that one row of the product gives: few rows, and a matrix that stays in the cache."""


class Decimation:
    """Every `step`th sample of what is below `cutoff` of the rate, by `taps` (odd) samples around it."""

    def __init__(self, step: int, *, cutoff: float, taps: int) -> None:
        self.kept: Final = taps - 1
        """How many samples before a block belong to it as well."""
        self.block: Final = _BLOCK * step
        """What is decimated comes in so many samples, or a multiple of it."""
        at = np.arange(taps) - self.kept / 2
        low_pass = np.sinc(2 * cutoff * at) * np.kaiser(taps, _BETA)
        self._columns = np.zeros((self.kept + self.block, _BLOCK), dtype=np.float32)
        for column in range(_BLOCK):
            self._columns[column * step : column * step + taps, column] = low_pass / low_pass.sum()

    def of(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """The samples for the blocks of `sound` after its first `kept` samples; half of `kept` later than those."""
        rows = (len(sound) - self.kept) // self.block
        blocks = np.lib.stride_tricks.as_strided(
            sound, (rows, self.kept + self.block), (sound.itemsize * self.block, sound.itemsize), writeable=False
        )
        return product(blocks, self._columns).reshape(-1)


_TO_16_KHZ: Final = Decimation(3, cutoff=7_600 / 48_000, taps=97)
_HELD_BACK: Final = _TO_16_KHZ.kept // 2 // 3


class Decimator:
    """One stream from 48 to 16 kHz, a quarter of the work of a resampler for any rates.

    Each frame of 20 ms gives 20 ms, except that the first gives 1 ms less: what comes out is where it was in time.
    Nothing above 9 kHz folds back.
    """

    def __init__(self) -> None:
        self._unread: Pcm = np.zeros(0, dtype=np.int16)
        self._recent = np.zeros(_TO_16_KHZ.kept + FRAME_SAMPLES, dtype=np.float32)
        self._begun = False

    def feed(self, sound: Pcm) -> Pcm:
        """The output of the frames that `sound`, of any length, completes."""
        if len(self._unread) or len(sound) % FRAME_SAMPLES:
            sound = np.concatenate([self._unread, sound])
            whole = len(sound) // FRAME_SAMPLES * FRAME_SAMPLES
            sound, self._unread = sound[:whole], sound[whole:]
        if len(sound) == FRAME_SAMPLES:
            return self._of_frame(sound)
        frames = [self._of_frame(frame) for frame in sound.reshape(-1, FRAME_SAMPLES)]
        return np.concatenate([self._unread[:0], *frames])

    def _of_frame(self, frame: Pcm) -> Pcm:
        kept = _TO_16_KHZ.kept
        self._recent[:kept] = self._recent[-kept:]
        self._recent[kept:] = frame
        samples: Pcm = np.clip(np.rint(_TO_16_KHZ.of(self._recent)), -32768, 32767).astype(np.int16)
        if self._begun:
            return samples
        self._begun = True
        return samples[_HELD_BACK:]
