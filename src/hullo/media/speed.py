"""Speech said faster at the same pitch.

Pieces of the sound are joined by waveform-similarity overlap-add (Verhelst and Roelands, 1993): each begins near where
the speed puts it, at the place that goes on most like the piece before it would have.
"""

from typing import Final

import numpy as np

from hullo.media.pcm import Pcm
from hullo.media.timestretch import OVERLAP, most_alike

_PIECE: Final = 1200
"""Samples, 25 ms: longer than two periods of a low voice, shorter than most sounds of speech."""

_REACH: Final = 480
"""How far from its due place a piece may begin: both ways together more than a period."""

_RISE: Final = (0.5 - 0.5 * np.cos(np.pi * (np.arange(OVERLAP) + 0.5) / OVERLAP)).astype(np.float32)


class SpeedChanger:
    """One stream of 48 kHz mono sound, `speed` times as fast; what comes out is 60 ms behind what goes in."""

    def __init__(self, speed: float) -> None:
        """Raises `ValueError` for a speed outside 0.5 to 4."""
        if not 0.5 <= speed <= 4.0:
            raise ValueError(f"a speed of {speed:g}: 0.5 to 4 are possible")
        self._speed = speed
        self._waiting: Pcm = np.zeros(0, np.int16)
        self._begin = 0
        """Where `_waiting` begins in what was fed."""
        self._expected: Pcm | None = None
        """What would come next if nothing were left out."""
        self._pieces = 0

    def feed(self, pcm: Pcm) -> Pcm:
        """The sound that `pcm` completes."""
        if self._speed == 1.0:
            return pcm
        self._waiting = np.concatenate([self._waiting, pcm])
        made = []
        while (piece := self._next()) is not None:
            made.append(piece)
        return np.concatenate(made) if made else pcm[:0]

    def finish(self) -> Pcm:
        """The rest, so that all that came out is as long as what was fed divided by the speed."""
        fed = self._begin + len(self._waiting)
        missing = round(fed / self._speed) - self._pieces * _PIECE
        if self._speed == 1.0 or missing <= 0:
            return self._waiting[:0]
        tail = self.feed(np.zeros(round(missing * self._speed) + 2 * (_PIECE + OVERLAP + _REACH), np.int16))
        return tail[:missing]

    def _next(self) -> Pcm | None:
        due = round(self._pieces * _PIECE * self._speed)
        first = max(due - _REACH, 0) - self._begin
        needed = max(_REACH + _PIECE + OVERLAP, round(_PIECE * self._speed))
        if due - self._begin + needed > len(self._waiting):
            return None
        place = due - self._begin
        if self._expected is not None:
            field = self._waiting[first : place + _REACH + OVERLAP].astype(np.float32)
            expected = self._expected.astype(np.float32)
            place = first + most_alike(expected, field)[1]
        piece = self._waiting[place : place + _PIECE].copy()
        if self._expected is not None:
            faded = self._expected + (piece[:OVERLAP].astype(np.float32) - self._expected) * _RISE
            piece[:OVERLAP] = np.rint(faded)
        self._expected = self._waiting[place + _PIECE : place + _PIECE + OVERLAP]
        self._pieces += 1
        self._drop(round(self._pieces * _PIECE * self._speed) - _REACH)
        return piece

    def _drop(self, until: int) -> None:
        done = min(max(until - self._begin, 0), len(self._waiting))
        self._waiting = self._waiting[done:]
        self._begin += done
