"""How periodic sound is, which is what makes a vowel: spectra and autocorrelations of 40 ms windows (Boersma 1993)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hullo.speech.listening.products import product

RATE = 16_000
WINDOW = 640
"""Samples; two periods of the lowest voice fit into it."""
SHORTEST, LONGEST = RATE // 400, RATE // 65
"""Periods of the pitches that people have, in samples."""
_FFT = 1024
HERTZ_PER_BIN = RATE / _FFT
HIGHEST_USED = 1_000 * _FFT // RATE
"""The bin up to which `autocorrelations` looks."""

_WAVES = np.cos(2 * np.pi / _FFT * np.arange(HIGHEST_USED)[:, np.newaxis] * np.arange(WINDOW // 2))
"""The inverse of the transform, for the few frequencies and lags that are needed: a tenth of the work of it all."""
_WAVES[0] /= 2  # the constant part is there once, all others for negative frequencies too
_WAVES = _WAVES.astype(np.float32)


def power_spectra(speech: NDArray[np.int16] | NDArray[np.float32], step: int, rate: int = RATE) -> NDArray[np.float32]:
    """A row of powers, one for each 15.6 Hz, for each whole window of mono `speech`, one window each `step` samples."""
    # In double precision: numpy transforms single precision more slowly.
    size = WINDOW * rate // RATE
    windows = np.lib.stride_tricks.sliding_window_view(speech, size)[::step].astype(np.float64)
    windows -= windows.mean(axis=1, keepdims=True)
    windows *= _hann(size)
    spectra = np.fft.rfft(windows, _FFT * rate // RATE)
    powers = np.square(spectra.real)
    powers += np.square(spectra.imag)
    return powers.astype(np.float32)


@cache
def _hann(size: int) -> NDArray[np.float64]:
    return np.hanning(size)


def autocorrelations(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of spectra below 1 kHz, for lags of 0 to 319 samples; corrected for the window, and 1 at lag 0."""
    found = _raw(powers)
    found /= np.maximum(found[:, :1], 1e-6)
    found /= _OF_WINDOW
    return found


def _raw(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    return product(powers[:, :HIGHEST_USED], _WAVES)


_OF_WINDOW = _raw(np.square(np.abs(np.fft.rfft(_hann(WINDOW), _FFT)))[np.newaxis, :].astype(np.float32))[0]
_OF_WINDOW /= _OF_WINDOW[0]
