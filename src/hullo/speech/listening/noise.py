"""How loud the background of a stream is, and how much surer the voice activity must be near it."""

from collections import deque

from hullo.speech.listening.vad import CHUNK_SECONDS

_WINDOW_SECONDS = 2.0
_BLOCKS = 8
_QUIET_START_DBFS = -70.0
_MARGIN_DB = 8.0
_STEADY_DB = 3.0
_MOST_LIFT = 0.7


class NoiseFloor:
    """The lowest and highest level of the last 2 s (minimum statistics, after Martin 2001).

    Speech rises and falls by more than 10 dB several times a second, so the lowest level of 2 s is that of the
    background even while somebody speaks without a pause. Until 2 s are known a quiet background is assumed.
    """

    def __init__(self) -> None:
        self._block_chunks = round(_WINDOW_SECONDS / CHUNK_SECONDS / _BLOCKS)
        self._lows: deque[float] = deque([_QUIET_START_DBFS] * _BLOCKS, maxlen=_BLOCKS)
        self._highs: deque[float] = deque([0.0] * _BLOCKS, maxlen=_BLOCKS)
        self._low, self._high, self._count = 0.0, -200.0, 0

    @property
    def dbfs(self) -> float:
        """Level of the background."""
        return min(*self._lows, self._low)

    def raised(self, bar: float, level: float) -> float:
        """Take the next chunk's `level` in dBFS; the probability it must reach to count as speech.

        Well above the background it is `bar`; nearer it rises; and when the last 2 s were all as loud as each
        other, which speech never is, it is more than 1.
        """
        self._take(level)
        return self.bar(bar, level)

    def bar(self, bar: float, level: float) -> float:
        """The same for a `level` that was taken already."""
        low = self.dbfs
        if max(*self._highs, self._high) - low < _STEADY_DB:
            return 2.0
        nearness = min(max(1.0 - (level - low) / _MARGIN_DB, 0.0), 1.0)
        return bar + (1.0 - bar) * _MOST_LIFT * nearness

    def _take(self, level: float) -> None:
        self._low, self._high = min(self._low, level), max(self._high, level)
        self._count += 1
        if self._count == self._block_chunks:
            self._lows.append(self._low)
            self._highs.append(self._high)
            self._low, self._high, self._count = 0.0, -200.0, 0
