"""How fast to play: the pulls' own timeline, and the samples to take out or to say twice at each of them."""

from collections import deque
from typing import Final

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE
from hullo.media.timestretch import SHORTEST_PERIOD

_PULLS: Final = 5
_LEAST_RATE: Final = 0.08
_FASTEST: Final = 0.8
_SLOWEST: Final = 0.35
_FAST_WITHIN: Final = 0.3
_SLOW_WITHIN: Final = 0.4
"""Seconds: the rate is the samples to gain or lose over this time."""

_ALIKE: Final = 0.75
_YIELD: Final = 0.05
_REST: Final = 4
_HURRY: Final = 0.2
"""Seconds of delay too much (or too little) at which similarity no longer counts."""

_HYSTERESIS: Final = 0.0015
_LEAST: Final = 24
_MOST: Final = FRAME_SAMPLES * 5 // 4
_WORTH_TRYING: Final = 2 * SHORTEST_PERIOD


class PullLine:
    """When pulls are due: one each 20 ms, on a line through the earliest of the last few, as late ones only scatter."""

    def __init__(self) -> None:
        self._starts: deque[float] = deque(maxlen=_PULLS)
        self._count = 0

    def pulled(self, now: float) -> float:
        """Take note of a pull and give the time it was due."""
        self._count += 1
        elapsed = self._count * FRAME_SECONDS
        self._starts.append(now - elapsed)
        return min(self._starts) + elapsed


def samples_to_lose(slack: float, target: float, unaligned: int, grid: int) -> int:
    """Samples by which the delay can fall (negative: must rise) for the slack to reach its target.

    `slack` is how long before its pull the last packet needed must be there. It moves in steps of `grid` samples,
    as packets and pulls both come in frames: the `unaligned` samples left over from decoded packets buy no slack, so
    they can always go, and less than a step of it is not worth having.
    """
    spare = (slack - target) * SAMPLE_RATE
    if spare < 0:
        return min(unaligned + grid * int(spare // grid), -SHORTEST_PERIOD)
    hysteresis = max(_HYSTERESIS, target / 4) * SAMPLE_RATE
    return unaligned + grid * max(0, int((spare - hysteresis) // grid))


class Pace:
    """Turns what is to be lost or gained into a few samples at each pull, the faster the more there is."""

    def __init__(self) -> None:
        self._credit = 0.0
        self._refusals = 0
        self._rest = 0

    def due(self, samples: int) -> int:
        """How many samples to lose (negative: to gain) in this pull, of `samples` in all; 0 for none."""
        if abs(samples) < _LEAST:
            self._credit = 0.0
            return 0
        seconds = samples / SAMPLE_RATE
        if seconds > 0:
            rate = min(max(seconds / _FAST_WITHIN, _LEAST_RATE), _FASTEST)
        else:
            rate = max(min(seconds / _SLOW_WITHIN, -_LEAST_RATE), -_SLOWEST)
        if rate * self._credit < 0:
            self._credit = 0.0
        self._credit = min(max(self._credit + rate * FRAME_SAMPLES, -_MOST), _MOST)
        self._rest -= 1
        if self._rest > 0 and abs(seconds) < _HURRY / 2:
            return 0
        amount = int(min(abs(self._credit), abs(samples)))
        if amount < min(_WORTH_TRYING, abs(samples)):
            return 0
        return amount if samples > 0 else -amount

    def similarity(self, samples: int) -> float:
        """How alike sounds must be to meet at a seam: the less, the more there is to do and the longer it was not."""
        return _ALIKE * (1 - abs(samples) / SAMPLE_RATE / _HURRY) - _YIELD * self._refusals

    def refused(self) -> None:
        """Nothing was alike enough: rest a little, as the search is dear, and ask for less the next time."""
        self._refusals += 1
        self._rest = _REST

    def done(self, samples: int) -> None:
        """So many samples were lost (negative: gained)."""
        self._credit -= samples
        self._refusals = 0
