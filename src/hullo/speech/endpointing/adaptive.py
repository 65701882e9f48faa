"""The turn is over after a pause that is long for this person, and sooner when the voice sounds as if it were."""

import math
from collections import deque
from dataclasses import dataclass

from hullo.speech.endpointing.pitch import final_fall
from hullo.speech.endpointing.strategy import Pause

_REMEMBERED = 12
_PER_SEMITONE, _PER_TIMES_E, _AT_A_SECOND = 0.95, 1.3, 0.86
"""A logistic model of 116 pauses in the training half of the scripted turns (docs/measured.md): what a semitone of fall
adds, what 2.7 times as much speech does, and what remains at a fall of 0 after a second."""
_LEAST_FALL, _MOST_FALL = -3.0, 1.5
_UNKNOWN_FALL = -0.5
_LEAST_SPOKEN = 0.2


@dataclass(frozen=True, kw_only=True)
class AdaptiveSettings:
    """Seconds, and likelihoods that a turn is over; tuned on half of the conversations, tried on the other half."""

    shortest: float = 0.3
    longest: float = 1.2
    assumed: tuple[float, ...] = (0.35, 0.4, 0.45, 0.5, 0.5)
    """Pauses that everybody is taken to have made before the call."""
    share: float = 0.85
    """The pause that ends a turn is longer than this share of those within turns."""
    margin: float = 0.03
    likely: float = 0.85
    """By the sound of it the turn is over so likely: the shortest pause ends it."""
    unlikely: float = 0.7
    """So likely or less: the usual pause does; in between, one in between."""


class AdaptivePause:
    """Learns how long this person pauses within a turn, and listens whether the voice has come to an end."""

    def __init__(self, settings: AdaptiveSettings | None = None) -> None:
        self._settings = settings or AdaptiveSettings()
        self._pauses: deque[float] = deque(self._settings.assumed, maxlen=_REMEMBERED)
        self._pause = self._settings.shortest

    @property
    def usual(self) -> float:
        """Seconds of the pause that ends a turn when the voice gives no hint."""
        settings = self._settings
        ordered = sorted(self._pauses)
        typical = ordered[min(int(settings.share * len(ordered)), len(ordered) - 1)]
        return min(max(typical + settings.margin, settings.shortest), settings.longest)

    def paused(self, pause: Pause) -> float:
        """The usual pause; the shortest when the pitch has fallen to its bottom after more than a word or two."""
        settings = self._settings
        finished = likely_finished(final_fall(pause.speech), pause.spoken)
        doubt = (settings.likely - finished) / (settings.likely - settings.unlikely)
        self._pause = settings.shortest + min(max(doubt, 0.0), 1.0) * (self.usual - settings.shortest)
        return self._pause

    def understood(self, text: str) -> float:
        """Words change nothing here."""
        return self._pause

    def resumed(self, seconds: float) -> None:
        """One more pause that did not end a turn."""
        self._pauses.append(seconds)

    def ended(self) -> None:
        """Nothing to learn: only the next words tell whether it really was the end."""


def likely_finished(fall: float | None, spoken: float) -> float:
    """How likely a turn is over that lasted `spoken` seconds and ended with such a `final_fall`, 0 to 1.

    Short beginnings ("No," "Well,") are followed by more than long ones are.
    """
    semitones = _UNKNOWN_FALL if fall is None else min(max(fall, _LEAST_FALL), _MOST_FALL)
    sum_ = _PER_SEMITONE * semitones + _PER_TIMES_E * math.log(max(spoken, _LEAST_SPOKEN)) + _AT_A_SECOND
    return 1 / (1 + math.exp(-sum_))
