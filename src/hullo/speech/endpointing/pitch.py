"""What the melody of the voice says about the end of a turn.

Speakers of English and many other languages let the pitch fall to the bottom of their range when they have finished,
and keep it level when they have not (Gravano and Hirschberg 2011, Turn-taking cues in task-oriented dialogue).
"""

import numpy as np
import numpy.ma  # np.median would import it at its first use: 17 ms of a media tick
from numpy.typing import NDArray

from hullo.media.pcm import Pcm
from hullo.speech.listening.decimator import Decimation
from hullo.speech.listening.periodicity import (
    HIGHEST_USED,
    LONGEST,
    RATE,
    SHORTEST,
    WINDOW,
    autocorrelations,
    power_spectra,
)

_QUARTER = Decimation(4, cutoff=2_000 / RATE, taps=33)
"""A voice is periodic below 1 kHz: for that 4 kHz are enough, and a fifth of the work."""
_STEP = 80
_VOICED = 0.6
"""Normalised autocorrelation of a vowel."""
_NEARLY = 0.85
_END_WINDOWS = 4
_FEWEST_WINDOWS = 10
_LAGS = np.arange(WINDOW // 2)


def pitch(speech: Pcm) -> NDArray[np.float64]:
    """The pitch of the vowels in `speech` (16 kHz mono), Hz, one for each 20 ms that is one; about 0.6 ms for 2 s."""
    if len(speech) < WINDOW:
        return np.zeros(0)
    powers = power_spectra(_quartered(speech), _STEP, RATE // 4)
    correlation = autocorrelations(powers)
    loudness = powers[:, :HIGHEST_USED].sum(axis=1)
    peaks = correlation[:, SHORTEST:LONGEST].max(axis=1)
    voiced = (peaks > _VOICED) & (loudness > 0.02 * np.median(loudness))
    return RATE / _periods(correlation[voiced], peaks[voiced])


def _quartered(speech: Pcm) -> NDArray[np.float32]:
    around = _QUARTER.kept // 2
    whole = -len(speech) % _QUARTER.block
    padded = np.concatenate([np.zeros(around, np.float32), speech, np.zeros(around + whole, np.float32)])
    return _QUARTER.of(padded)[: len(speech) // 4]


def _periods(correlation: NDArray[np.float32], peaks: NDArray[np.float32]) -> NDArray[np.int64]:
    """The first lag that is nearly as good as the best one, for multiples of a period fit as well."""
    first = SHORTEST + np.argmax(correlation[:, SHORTEST:LONGEST] >= _NEARLY * peaks[:, np.newaxis], axis=1)
    near = (first[:, np.newaxis] <= _LAGS) & ((first + first // 4 + 2)[:, np.newaxis] > _LAGS)
    periods: NDArray[np.int64] = np.argmax(np.where(near, correlation, -np.inf), axis=1)
    return periods


def final_fall(speech: Pcm) -> float | None:
    """How far the pitch at the end lies below the lowest tenth before it, semitones; None with too few vowels.

    More than 0 is lower than anything before: the voice of somebody who has finished.
    """
    found = pitch(speech)
    if len(found) < _FEWEST_WINDOWS:
        return None
    end, before = np.median(found[-_END_WINDOWS:]), np.quantile(found, 0.1)
    return float(12 * np.log2(before / end))
