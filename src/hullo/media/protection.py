"""How a stream is coded, from what the peer reports: guarded against loss, or plain where nothing is lost."""

from dataclasses import dataclass
from typing import Final

LEAST_EXPECTED_LOSS: Final = 10
"""Percent: below it libopus puts no redundancy into packets of 20 to 32 kbit/s."""

_MOST_EXPECTED_LOSS: Final = 30

_CLEAR_AFTER: Final = 10.0
"""Seconds of reports without loss until a way counts as clear; one that loses a packet in a hundred never does."""

_LONGEST_CLEAR_AFTER: Final = 320.0
_CLEAR_WAS_RIGHT: Final = 60.0
"""A way that stayed clear for so many seconds did not suffer from how it was used."""

_QUEUED: Final = 0.15
"""Seconds of round trip over the shortest one that mean: a queue is growing somewhere, and we may be who fills it."""


@dataclass(frozen=True, slots=True)
class Coding:
    """What the encoder is to do."""

    expected_loss: int
    """Percent of packets that it protects against losing; 0 when `clear`."""
    clear: bool
    """Nothing is lost: the waveform may be coded, which is cheap and brittle, with more bits and no redundancy."""


class LossProtection:
    """Decides the `Coding` of one stream from the peer's reports. Pure: times are passed in, in seconds.

    A stream begins guarded. Loss raises the guard at once and lowers it slowly. After ten lossless seconds the way is
    clear; the first loss or a growing queue ends that, and if it came soon, the next attempt waits twice as long,
    because the bits of the clear coding may have been the cause.
    """

    def __init__(self) -> None:
        self.coding = Coding(LEAST_EXPECTED_LOSS, clear=False)
        self._lossless_since: float | None = None
        self._clear_since: float | None = None
        self._clear_after = _CLEAR_AFTER
        self._shortest_trip: float | None = None

    def report(self, fraction_lost: float, round_trip: float | None, now: float) -> Coding:
        """Take the share of packets lost, 0 to 1, and the round trip in seconds, if known; the coding from now on."""
        least = max(self.coding.expected_loss - 1, LEAST_EXPECTED_LOSS)
        percent = min(max(round(100 * fraction_lost), least), _MOST_EXPECTED_LOSS)
        if fraction_lost > 0 or percent > LEAST_EXPECTED_LOSS or self._is_queued(round_trip):
            self._trouble(now)
        elif self._lossless_since is None:
            self._lossless_since = now
        clear = self._lossless_since is not None and now - self._lossless_since >= self._clear_after
        if clear and self._clear_since is None:
            self._clear_since = now
        self.coding = Coding(0 if clear else percent, clear)
        return self.coding

    def _trouble(self, now: float) -> None:
        self._lossless_since = None
        if self._clear_since is None:
            return
        soon = now - self._clear_since < _CLEAR_WAS_RIGHT
        self._clear_after = min(2 * self._clear_after, _LONGEST_CLEAR_AFTER) if soon else _CLEAR_AFTER
        self._clear_since = None

    def _is_queued(self, round_trip: float | None) -> bool:
        if round_trip is None:
            return False
        if self._shortest_trip is None or round_trip < self._shortest_trip:
            self._shortest_trip = round_trip
        return round_trip > self._shortest_trip + _QUEUED
