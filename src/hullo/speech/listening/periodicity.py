"""How periodic sound is, which is what makes a vowel: spectra and autocorrelations of 40 ms windows (Boersma 1993)."""

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import Pcm

RATE = 16_000
WINDOW = 640
"""Samples; two periods of the lowest voice fit into it."""
SHORTEST, LONGEST = RATE // 400, RATE // 65
"""Periods of the pitches that people have, in samples."""
_FFT = 1024
HERTZ_PER_BIN = RATE / _FFT
_HIGHEST_USED = 1_000 * _FFT // RATE

_HANN = np.hanning(WINDOW)
_WAVES = np.cos(2 * np.pi / _FFT * np.arange(_HIGHEST_USED)[:, np.newaxis] * np.arange(WINDOW // 2))
"""The inverse of the transform, for the few frequencies and lags that are needed: a tenth of the work of it all."""
_WAVES[0] /= 2  # the constant part is there once, all others for negative frequencies too


def power_spectra(speech: Pcm, step: int = WINDOW) -> NDArray[np.float64]:
    """A row of 513 powers for each whole window of `speech` (16 kHz mono), one window each `step` samples."""
    # In double precision: numpy transforms single precision more slowly.
    windows = np.lib.stride_tricks.sliding_window_view(speech, WINDOW)[::step].astype(np.float64)
    windows = (windows - windows.mean(axis=1, keepdims=True)) * _HANN
    powers: NDArray[np.float64] = np.square(np.abs(np.fft.rfft(windows, _FFT)))
    return powers


def autocorrelations(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of spectra below 1 kHz, for lags of 0 to 319 samples; corrected for the window, and 1 at lag 0."""
    raw = _raw(powers)
    found: NDArray[np.float64] = raw / np.maximum(raw[:, :1], 1e-6) / _OF_WINDOW
    return found


def _raw(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = powers[:, :_HIGHEST_USED] @ _WAVES
    return found


_OF_WINDOW = _raw(np.square(np.abs(np.fft.rfft(_HANN, _FFT)))[np.newaxis, :])[0]
_OF_WINDOW /= _OF_WINDOW[0]
