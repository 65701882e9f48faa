"""What the melody of the voice says about the end of a turn.

Speakers of English and many other languages let the pitch fall to the bottom of their range when they have finished,
and keep it level when they have not (Gravano and Hirschberg 2011, Turn-taking cues in task-oriented dialogue).
"""

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import Pcm

_RATE = 16_000
_WINDOW = 640
_STEP = 320
_FFT = 1024
_SHORTEST, _LONGEST = _RATE // 400, _RATE // 65
"""Periods of the pitches that people have, in samples."""
_HIGHEST_USED = 1_000 * _FFT // _RATE
_VOICED = 0.6
"""Normalised autocorrelation of a vowel."""
_NEARLY = 0.85
_END_WINDOWS = 4
_FEWEST_WINDOWS = 10

_HANN = np.hanning(_WINDOW).astype(np.float32)


def _autocorrelation(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(windows, _FFT)
    spectrum[:, _HIGHEST_USED:] = 0
    found: NDArray[np.float32] = np.fft.irfft(np.abs(spectrum) ** 2)[:, : _WINDOW // 2].astype(np.float32)
    return found


_OF_WINDOW = _autocorrelation(_HANN[np.newaxis, :])[0]


def pitch(speech: Pcm) -> NDArray[np.float32]:
    """The pitch of the vowels in `speech` (16 kHz mono), Hz, one for each 20 ms that is one; about 1 ms for 2 s.

    By the maximum of the autocorrelation, corrected for the window (Boersma 1993).
    """
    count = (len(speech) - _WINDOW) // _STEP + 1
    if count < 1:
        return np.zeros(0, dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(speech, _WINDOW)[::_STEP].astype(np.float32)
    windows = (windows - windows.mean(axis=1, keepdims=True)) * _HANN
    correlation = _autocorrelation(windows)
    power = correlation[:, :1]
    correlation = correlation / np.maximum(power, 1e-6) / (_OF_WINDOW / _OF_WINDOW[0])
    peaks = correlation[:, _SHORTEST:_LONGEST].max(axis=1)
    voiced = (peaks > _VOICED) & (power[:, 0] > 0.02 * np.median(power))
    periods = [_period(correlation[at], float(peaks[at])) for at in np.flatnonzero(voiced)]
    return np.array([_RATE / period for period in periods], dtype=np.float32)


def _period(correlation: NDArray[np.float32], peak: float) -> int:
    """The first lag that is nearly as good as the best one, for multiples of a period fit as well."""
    first = _SHORTEST + int(np.argmax(correlation[_SHORTEST:_LONGEST] >= _NEARLY * peak))
    return first + int(np.argmax(correlation[first : first + first // 4 + 2]))


def final_fall(speech: Pcm) -> float | None:
    """How far the pitch at the end lies below the lowest tenth before it, semitones; None with too few vowels.

    More than 0 is lower than anything before: the voice of somebody who has finished.
    """
    found = pitch(speech)
    if len(found) < _FEWEST_WINDOWS:
        return None
    end, before = np.median(found[-_END_WINDOWS:]), np.quantile(found, 0.1)
    return float(12 * np.log2(before / end))
