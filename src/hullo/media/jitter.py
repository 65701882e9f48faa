"""How long to hold sound back: from when packets arrive, and how often they do not, to the target delay."""

from collections import deque
from typing import Final

import numpy as np

BASE_WINDOW: Final = 2.0
"""Seconds in which the fastest packet sets the line that all delays are counted from."""

MAX_TARGET: Final = 0.5

_INITIAL_TARGET: Final = 0.02
_WARMING_UP: Final = 25
"""Packets over which the initial target gives way to evidence."""

_MARGIN: Final = 0.001
_QUANTILE: Final = 0.99
_USUAL: Final = 0.9
"""The share of packets that is good enough for those that only repair others."""

_REMEMBERED: Final = 256
"""Packets whose delay is remembered: 5 s of 20 ms packets."""

_MEASURE_EVERY: Final = 16
"""Packets between two looks at all that are remembered; a packet that is slower than most is looked at at once."""

_FASTER: Final = 0.008
"""A packet faster than all others by more seconds than this: the path has changed, or a queue in it has drained."""

_SLOWER: Final = 0.2
_SLOWER_RUN: Final = 5
"""So many packets in a row, not in a burst and all so many seconds late: the path or the sender's clock has changed."""

_LOSS_WINDOW: Final = 8.0
_LOSS_SEEN: Final = 0.01
_LOSS_OVER: Final = 0.004


class ArrivalDelays:
    """The delays of packets behind the fastest one, and the delay that most of them stay below.

    Times are in seconds. A packet's transit is its arrival less its timestamp; `base` is the transit of the
    fastest packet lately. Each packet weighs as much as the time since the one before it, at most its own
    duration: those that arrive together after a stall are one observation and not fifty.
    """

    def __init__(self) -> None:
        self.base = 0.0
        self._fastest: deque[tuple[float, float]] = deque()
        self._latest: deque[tuple[float, float]] = deque(maxlen=_SLOWER_RUN)
        self._transits = np.zeros(_REMEMBERED)
        self._weights = np.zeros(_REMEMBERED)
        self._count = 0
        self._line_start = 0
        self._most = 0.0
        self._usual = 0.0
        self._arrival: float | None = None

    def restart(self) -> None:
        """The next packet begins a new timeline: the line moves to it, what is known of delays stays."""
        self._fastest.clear()
        self._latest.clear()

    def add(self, arrival: float, transit: float, duration: float) -> None:
        """Take note of a packet that lasts for `duration`."""
        self._move_base(arrival, transit, duration)
        elapsed = duration if self._arrival is None else arrival - self._arrival
        self._arrival = arrival
        slot = self._count % _REMEMBERED
        self._transits[slot] = transit
        self._weights[slot] = min(max(elapsed / duration, 0.0), 1.0)
        self._count += 1
        if self._count % _MEASURE_EVERY == 0 or transit - self.base > self._most:
            self._measure()

    @property
    def most(self) -> float:
        """The delay that all but one packet in a hundred stay below, with a margin."""
        prior = _INITIAL_TARGET * max(0.0, 1 - self._count / _WARMING_UP)
        return max(self._most + _MARGIN, prior)

    @property
    def usual(self) -> float:
        """The delay that nine packets in ten stay below, with a margin."""
        return self._usual + _MARGIN

    def _move_base(self, arrival: float, transit: float, duration: float) -> None:
        fastest, before = self._fastest, self.base
        while fastest and fastest[0][0] < arrival - BASE_WINDOW:
            fastest.popleft()
        self._latest.append((arrival, transit))
        if not fastest or fastest[0][1] - transit > _FASTER:
            self._line_start = self._count
        elif transit - fastest[0][1] > _SLOWER and self._is_slower(arrival, duration):
            self._line_start = self._count - len(self._latest) + 1
            transit = min(transit for _, transit in self._latest)
            fastest.clear()
        while fastest and fastest[-1][1] >= transit:
            fastest.pop()
        fastest.append((arrival, transit))
        self.base = fastest[0][1]
        if self.base != before:
            self._move_old_line(self.base - before)

    def _move_old_line(self, seconds: float) -> None:
        """Delays from before the line was where it is say how packets scatter, and nothing of where it lies."""
        old = np.arange(max(self._count - _REMEMBERED, 0), self._line_start) % _REMEMBERED
        self._transits[old] += seconds

    def _is_slower(self, arrival: float, duration: float) -> bool:
        latest = self._latest
        paced = len(latest) == _SLOWER_RUN and arrival - latest[0][0] > 0.75 * duration * (_SLOWER_RUN - 1)
        return paced and all(transit - self.base > _SLOWER for _, transit in latest)

    def _measure(self) -> None:
        count = min(self._count, _REMEMBERED)
        order = self._transits[:count].argsort()
        shares = self._weights[order].cumsum()
        places = shares.searchsorted((_QUANTILE * shares[-1], _USUAL * shares[-1]))
        most, usual = (self._transits[order[places]] - self.base).tolist()
        self._most = min(max(most, 0.0), MAX_TARGET)
        self._usual = min(max(usual, 0.0), MAX_TARGET)


class LossHistory:
    """Whether packets are lost so often that it pays to wait for the redundancy in those that follow."""

    def __init__(self) -> None:
        self.repairing = False
        self._events: deque[tuple[float, float]] = deque()
        self._lost = 0.0

    def add(self, now: float, seconds: float) -> None:
        """Take note of a hole."""
        self._events.append((now, seconds))
        self._lost += seconds

    def update(self, now: float) -> None:
        """Forget what is long ago; `repairing` is up to date then."""
        if not self._events:
            return
        while self._events and self._events[0][0] < now - _LOSS_WINDOW:
            self._lost -= self._events.popleft()[1]
        share = self._lost / _LOSS_WINDOW
        if self.repairing:
            self.repairing = share >= _LOSS_OVER
        else:
            self.repairing = share >= _LOSS_SEEN and len(self._events) >= 2
