"""The picture of a voice message: 100 levels of 5 bits, as Telegram and Matrix (MSC3245) show them."""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from hullo.media.pcm import Pcm

LEVELS: Final = 100
HIGHEST: Final = 31

_BUCKETS: Final = 1024
_FINEST: Final = 480
"""Samples in 10 ms: a message of a second has a level of its own for each of them."""

_LOUD: Final = 1.8
"""How far above the average peak the top of the picture is: one loud knock does not flatten the speech."""

_SOFTEST_TOP: Final = 2500
"""The top of the picture is never below this peak, so that a silent message looks silent."""


def pack(levels: Sequence[int]) -> bytes:
    """Levels of 0 to 31 as 5 bits each, the first in the lowest bits; 100 of them are 63 bytes."""
    bits = sum(level << 5 * place for place, level in enumerate(levels))
    return bits.to_bytes((5 * len(levels) + 7) // 8, "little")


def unpack(packed: bytes) -> list[int]:
    """The levels again, as many as there are 5 bits."""
    bits = int.from_bytes(packed, "little")
    return [bits >> 5 * place & HIGHEST for place in range(len(packed) * 8 // 5)]


class WaveformMeter:
    """Takes the sound as it comes, however long it gets, and keeps at most 1024 peaks of it."""

    def __init__(self) -> None:
        self._peaks: list[int] = []
        self._width = _FINEST
        self._peak = 0
        self._filled = 0

    def feed(self, pcm: Pcm) -> None:
        """The next samples, any number."""
        loudness = np.abs(pcm.astype(np.int32))
        while len(loudness):
            taken, loudness = np.split(loudness, [self._width - self._filled])
            self._peak = max(self._peak, int(taken.max()))
            self._filled += len(taken)
            if self._filled == self._width:
                self._close_bucket()

    def _close_bucket(self) -> None:
        self._peaks.append(self._peak)
        self._peak = self._filled = 0
        if len(self._peaks) == _BUCKETS:
            self._peaks = [max(pair) for pair in zip(self._peaks[::2], self._peaks[1::2], strict=True)]
            self._width *= 2

    def levels(self, samples: int | None = None) -> list[int]:
        """The picture of the first `samples`, or of all: 100 levels of 0 to 31."""
        peaks = [*self._peaks, self._peak] if self._filled else self._peaks
        end = len(self._peaks) + self._filled / self._width
        if samples is not None:
            end = min(end, samples / self._width)
        if end == 0:
            return [0] * LEVELS
        edges = [place * end / LEVELS for place in range(LEVELS + 1)]
        shown = [max(peaks[int(a) : max(int(np.ceil(b)), int(a) + 1)]) for a, b in itertools.pairwise(edges)]
        top = max(int(_LOUD * sum(shown) / LEVELS), _SOFTEST_TOP)
        return [min(peak, top) * HIGHEST // top for peak in shown]
