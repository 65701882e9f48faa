"""Whether a sound that has just begun is a voice: told from its first 60 ms, sooner than the voice activity is sure.

Most speech begins with a vowel or another periodic sound, or with a hiss ("stop", "should"). A cough is a burst of
breath, a knock rings and fades: neither periodic, nor a hiss, nor steady. Pure, but for the network that is passed in.
"""

from dataclasses import dataclass

import numpy as np

from hullo.media.pcm import Pcm
from hullo.speech.listening.decimator import Decimator
from hullo.speech.listening.periodicity import (
    HERTZ_PER_BIN,
    LONGEST,
    SHORTEST,
    WINDOW,
    autocorrelations,
    power_spectra,
)
from hullo.speech.listening.vad import CHUNK_SAMPLES, SileroModel, VoiceActivity

# Found on 23 voices, and tried on 8 others that said other sentences: scripts in docs/measured.md name the figures.
_PERIODIC = 0.7
"""Normalised autocorrelation, twice in a row."""
_VERY_PERIODIC = 0.75
_HISS_DB = 6.0
"""Above 3.3 kHz over below 1.7 kHz: "s" and "sh"; a cough has less than 0."""
_STEADY_DB = -3.0
"""From one 20 ms to the next; a burst falls faster."""


def _bins(lowest: float, highest: float) -> slice:
    return slice(round(lowest / HERTZ_PER_BIN), round(highest / HERTZ_PER_BIN))


_LOW, _HIGH = _bins(156, 1700), _bins(3300, 7000)


@dataclass(frozen=True, slots=True)
class _Look:
    """The newest 40 ms."""

    periodicity: float
    brightness_db: float
    level_db: float


_NOTHING = _Look(0.0, 0.0, -200.0)


class VoiceWatch:
    """Follows the peer over one stretch of our speech; about 0.1 ms for each frame."""

    def __init__(self, model: SileroModel) -> None:
        self._decimator = Decimator()
        self._activity = VoiceActivity(model)
        self._unread = np.zeros(0, dtype=np.int16)
        self._newest = np.zeros(WINDOW, dtype=np.int16)
        self._last = self._look = _NOTHING
        self.probability = 0.0
        """How likely the newest sound is a voice, by the voice activity alone."""

    def hear(self, pcm: Pcm) -> None:
        """The next 20 ms at 48 kHz."""
        samples = self._decimator.feed(pcm)
        self._unread = np.concatenate([self._unread, samples])
        while len(self._unread) >= CHUNK_SAMPLES:
            self.probability = self._activity.probability(self._unread[:CHUNK_SAMPLES])
            self._unread = self._unread[CHUNK_SAMPLES:]
        self._newest = np.concatenate([self._newest, samples])[-WINDOW:]
        self._last, self._look = self._look, _look(self._newest)

    def begins_like_a_voice(self) -> bool:
        """Whether the newest 60 ms, if they stand out of the background, sound like the beginning of speech."""
        last, look = self._last, self._look
        change = look.level_db - last.level_db
        if min(look.periodicity, last.periodicity) >= _PERIODIC:
            return True
        if look.periodicity >= _VERY_PERIODIC and change >= _STEADY_DB / 3:
            return True
        return min(look.brightness_db, last.brightness_db) >= _HISS_DB and change >= _STEADY_DB


def _look(newest: Pcm) -> _Look:
    powers = power_spectra(newest, WINDOW)
    low, high = (float(powers[0, bins].sum()) + 1e-3 for bins in (_LOW, _HIGH))
    return _Look(
        periodicity=float(autocorrelations(powers)[0, SHORTEST:LONGEST].max()),
        brightness_db=float(10 * np.log10(high / low)),
        level_db=float(10 * np.log10(powers.sum() + 1.0)),
    )
