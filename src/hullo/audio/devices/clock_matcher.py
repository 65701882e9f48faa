"""How fast to take sound from one clock so that it lasts by another: pure control, no sound in here."""

from collections import deque

WINDOW_SECONDS = 0.5
"""Measurements are the worst of so long."""

MAX_TRIM = 0.005
"""The most that sound is sped up or slowed down: a twelfth of a semitone, which nobody hears."""

_MAX_DRIFT = 0.001
"""Sound cards are within 300 ppm of each other; what asks for more is no drift."""

_GAIN = 0.1
"""Of the error in seconds, per second: an error is gone in some 10 s."""

_INTEGRAL_GAIN = _GAIN**2 / 4
"""Critically damped."""

_MARGIN = 0.003
"""Seconds of sound beyond the longest usual gap between two writes."""

_UNKNOWN = 0.005

_REMEMBERED = 20
"""Windows for which a gap is remembered: 10 s."""

_LEAST_TARGET, _MOST_TARGET = 0.005, 0.12


class ClockMatcher:
    """Decides the speed at which a ring is emptied (or filled) so that its slack stays where it should be.

    The slack should be just more than the longest gap between two writes; a gap that came only once in the last 10 s
    is an accident and costs everybody no delay. A proportional-integral controller; the integral is the drift.
    """

    def __init__(self, usual_gap: float) -> None:
        """`usual_gap` in seconds is believed for the first 10 s, and a little more, because nothing is known yet."""
        self._gaps: deque[float] = deque([usual_gap + _UNKNOWN] * 2, _REMEMBERED)
        self._drift = 0.0
        self.speed = 1.0
        """Samples in for each sample out."""

    @property
    def target(self) -> float:
        """The slack there should be, in seconds."""
        usual_longest = sorted(self._gaps)[-2]
        return min(max(usual_longest + _MARGIN, _LEAST_TARGET), _MOST_TARGET)

    @property
    def drift_ppm(self) -> float:
        """How much faster the writer's clock runs than the reader's, in millionths."""
        return self._drift * 1e6

    def update(self, slack: float, gap: float) -> None:
        """Go on by one window, in which these were the least slack and the longest gap, in seconds."""
        self._gaps.append(gap)
        error = slack - self.target
        drift = self._drift + _INTEGRAL_GAIN * error * WINDOW_SECONDS
        trim = _clamped(_GAIN * error, MAX_TRIM)
        if abs(_GAIN * error) < MAX_TRIM:  # else the controller can do no more, and would only wind itself up
            self._drift = _clamped(drift, _MAX_DRIFT)
        self.speed = 1.0 + self._drift + trim


def _clamped(value: float, most: float) -> float:
    return min(max(value, -most), most)
