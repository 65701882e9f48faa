"""What speech sounds like every 10 ms, whoever speaks: cepstra on the mel scale, and where it is silent. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import Pcm

RATE = 16_000
HOP_SECONDS = 0.01
_HOP = 160
_WINDOW = 400
_FFT = 512
_BANDS = 16
_LOWEST_HZ, _HIGHEST_HZ = 100.0, 6000.0
_CEPSTRA = 10
_EMPHASIS = 0.9
_QUIET_DB = 35.0
"""Below the loud frames: what is quieter counts as silence, and its spectrum for nothing."""
_LOUD_DB = 30.0
_SHORTEST_SILENCE = 10
"""Frames; the closure before a "t" or "k" is shorter."""
_KEPT_SILENCE = 5
_EDGE = 2
_DELTA = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Speech:
    """The speech in a sound: `features`, a row for each frame that is kept, `frames` which of all `length` these are.

    `silences` are the pauses as (first frame, frame after the last). Of a pause little is kept: voices pause where
    they like.
    """

    features: Floats
    frames: NDArray[np.intp]
    silences: list[tuple[int, int]]
    length: int

    def after_silence(self, frame: float) -> float:
        """The frame itself, or when that is in a pause (not the last one), where the pause ends."""
        for first, end in self.silences:
            if first <= frame <= end < self.length:
                return max(end - _EDGE, first)
        return frame


def speech_in(sound: Pcm) -> Speech | None:
    """The speech in 16 kHz sound; None for silence, and for less than 0.1 s."""
    if len(sound) < RATE // 10 or np.abs(sound.astype(np.int32)).max() < 32:
        return None
    powers = _band_powers(sound)
    whole = powers.sum(axis=1)
    loud_level = np.quantile(whole, 0.95)
    quiet_level = loud_level * 10 ** (-_QUIET_DB / 10)
    silences = _silences(whole < quiet_level)
    frames = _kept(len(powers), silences)
    energy = np.log(whole + quiet_level)
    cepstra = np.log(powers + quiet_level / _BANDS) @ _COSINES
    static = np.column_stack([cepstra, energy])
    loud = static[whole > loud_level * 10 ** (-_LOUD_DB / 10)]
    static = (static - loud.mean(axis=0)) / (loud.std(axis=0) + 1e-3) * _WEIGHTS
    static = static[frames]
    padded = np.pad(static, ((_DELTA, _DELTA), (0, 0)), mode="edge")
    return Speech(np.hstack([static, padded[2 * _DELTA :] - padded[: -2 * _DELTA]]), frames, silences, len(powers))


def _band_powers(sound: Pcm) -> Floats:
    samples = sound.astype(np.float64)
    samples[1:] -= _EMPHASIS * samples[:-1]
    padded = np.pad(samples, (_WINDOW // 2, _WINDOW + _HOP))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: len(samples) // _HOP + 1]
    spectra: Floats = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), _FFT)) ** 2
    return spectra @ _MEL_BANDS


def _silences(quiet: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Those between words, which are long, and those around the speech, however short."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    pairs = [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]
    return [(first, end) for first, end in pairs if end - first >= _SHORTEST_SILENCE or first == 0 or end == len(quiet)]


def _kept(length: int, silences: list[tuple[int, int]]) -> NDArray[np.intp]:
    kept = np.ones(length, dtype=np.bool_)
    for first, end in silences:
        if first == 0:
            kept[: max(end - _EDGE, 0)] = False
        elif end == length:
            kept[first + _EDGE :] = False
        else:
            kept[first + _KEPT_SILENCE // 2 : end - (_KEPT_SILENCE + 1) // 2] = False
    return np.flatnonzero(kept)


def _mel_bands() -> Floats:
    lowest, highest = 1127 * np.log1p(np.array([_LOWEST_HZ, _HIGHEST_HZ]) / 700)
    edges = 700 * np.expm1(np.linspace(lowest, highest, _BANDS + 2) / 1127)
    hertz = np.arange(_FFT // 2 + 1)[:, None] * RATE / _FFT
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    bands: Floats = np.maximum(0, np.minimum(rising, falling))
    return bands


_MEL_BANDS = _mel_bands()
_COSINES: Floats = np.cos(np.pi / _BANDS * np.outer(np.arange(_BANDS) + 0.5, np.arange(1, _CEPSTRA + 1)))
_WEIGHTS: Floats = np.append(np.arange(1, _CEPSTRA + 1) ** -0.7, 1.0)
"""The first cepstra tell vowels from one another, the later ones rather voices."""
