"""How fast a message may go beside the sound of a call. Pure: the time is passed in.

Sound has precedence. A token bucket spreads the pieces, and its rate follows the delay of the path, as in LEDBAT (RFC
6817): as soon as packets wait somewhere on the way, ours are fewer, until they wait no more.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

TARGET: Final = 0.05
"""Seconds that packets may wait on the way because of us. Ends read their sockets every 20 ms, which is no waiting."""
SLOWER: Final = 0.5
"""What the rate is multiplied by when packets wait."""
FASTER: Final = 0.5
"""The share of itself by which the rate grows in a second, far from where packets waited the last time."""
CAREFUL: Final = 0.1
"""The same from half of that on: what is too much shows only a round trip later, and until then the sound waits."""
BASE_WINDOW: Final = 30.0
"""Seconds for which the shortest round trip counts, up to twice; then the path may have become another one."""

LOOK_AGAIN: Final = 0.02
"""Seconds after which to see whether something was acknowledged."""
FIRST_ROUND_TRIP: Final = 0.1
"""Seconds, as long as none was measured."""

_RECENT: Final = 0.25
_RECENT_AT_LEAST: Final = 3
"""Seconds, and round trips, of which the shortest says what the path is like now; the others had waited for a tick."""


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """Bytes a second: at the beginning, at least and at most; and bytes at once."""

    first: float = 4096.0
    least: float = 256.0
    most: float = 65_536.0
    burst: float = 2048.0


class _Shortest:
    """The shortest round trip of the last one or two windows."""

    def __init__(self) -> None:
        self._until = -math.inf
        self._last = self._before = math.inf

    def take(self, seconds: float, now: float) -> float:
        if now >= self._until:
            self._before, self._last, self._until = self._last, math.inf, now + BASE_WINDOW
        self._last = min(self._last, seconds)
        return min(self._before, self._last)


class Pace:
    """Says when the next piece may go. One for all that goes over a path."""

    def __init__(self, limits: PaceLimits = PaceLimits()) -> None:
        self.rate = limits.first
        """Bytes a second, now."""
        self._limits = limits
        self._level = limits.burst
        self._filled = -math.inf
        self._shortest = _Shortest()
        self._recent: deque[tuple[float, float]] = deque()
        self._base = FIRST_ROUND_TRIP
        self._heard = self._slowed = -math.inf
        self._full = math.inf
        self._grows = True

    def pause(self, now: float, size: int, unacknowledged: int) -> float:
        """Seconds to wait before asking again; 0 if that many bytes may go now, which counts them as gone.

        `unacknowledged` bytes are on their way already: what takes longer than it should is not added to.
        """
        self._level = min(self._level + (now - self._filled) * self.rate, self._limits.burst)
        self._filled = now
        if unacknowledged > 0 and unacknowledged + size > self.rate * (self._base + 2 * TARGET):
            return LOOK_AGAIN
        if self._level < size:
            return max((size - self._level) / self.rate, 0.001)
        self._level -= size
        return 0.0

    def heard(self, round_trip: float, now: float) -> None:
        """A packet was acknowledged after so many seconds; none at all is a clock that was set."""
        if round_trip <= 0:
            return
        self._base = self._shortest.take(round_trip, now)
        since, self._heard = now - self._heard, now
        if self._shortest_lately(round_trip, now) - self._base <= TARGET:
            faster = CAREFUL if self.rate > self._full / 2 else FASTER
            self.rate = min(self.rate * (1 + faster * min(since, 0.2)), self._limits.most)
            self._grows = True
        elif now - self._slowed >= max(round_trip, 2 * TARGET):  # what was done before shows only now
            if self._grows:  # or it is only that the first cut was too little
                self._full, self._grows = self.rate, False
            self.rate = max(self.rate * SLOWER, self._limits.least)
            self._slowed = now

    def _shortest_lately(self, round_trip: float, now: float) -> float:
        self._recent.append((now, round_trip))
        while len(self._recent) > _RECENT_AT_LEAST and now - self._recent[0][0] > _RECENT:
            self._recent.popleft()
        return min(seconds for _, seconds in self._recent)
