"""What a receiver counts of one source: order, loss and jitter (RFC 3550 A.1, A.3, A.8)."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from hullo.media.pcm import SAMPLE_RATE
from hullo.media.rtcp import ReportBlock
from hullo.media.rtp import Unwrapper

_MAX_DROPOUT: Final = 3000
_MAX_MISORDER: Final = 100
_REMEMBERED: Final = 1024
"""Sequence numbers back from the highest for which duplicates are known."""

_WILD_JITTER: Final = 5.0
"""Seconds: a larger step is a pause or a new clock, and no jitter."""


class Order(Enum):
    """What a sequence number says of its packet."""

    NEW = auto()
    DUPLICATE = auto()
    IMPLAUSIBLE = auto()
    """Far from the others; believed when the next one follows it."""
    RESTARTED = auto()
    """The second of two that follow each other, far from the others: the source began anew."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a packet stands in the sequence, without wrap-around."""

    order: Order
    sequence: int


class Reception:
    """Counts the packets of one source."""

    def __init__(self, ssrc: int) -> None:
        """Begins with the first packet that is taken."""
        self.ssrc: Final = ssrc
        self.received = 0
        self.duplicates = 0
        self._awaited: int | None = None
        self._jitter = 0.0
        self._transit: float | None = None
        self._reported = (0, 0)
        self._lost_before = 0
        self._begun = False

    def _begin(self, sequence_number: int) -> None:
        self._unwrapper = Unwrapper(16)
        self._first = self._highest = self._unwrapper.unwrap(sequence_number)
        self._seen = 0
        self._unique = 0
        self._begun = True

    def take(self, sequence_number: int) -> Place:
        """Count a packet that arrived."""
        order = self._order(sequence_number)
        self.received += 1
        if order is Order.IMPLAUSIBLE:
            return Place(order, sequence_number)
        sequence = self._unwrapper.unwrap(sequence_number)
        if self._is_duplicate(sequence):
            self.duplicates += 1
            return Place(Order.DUPLICATE, sequence)
        self._unique += 1
        return Place(order, sequence)

    def _order(self, sequence_number: int) -> Order:
        if not self._begun:
            self._begin(sequence_number)
            return Order.NEW
        ahead = sequence_number - self._highest & 0xFFFF
        if ahead < _MAX_DROPOUT or ahead > 0x10000 - _MAX_MISORDER:
            self._awaited = None
            return Order.NEW
        if sequence_number != self._awaited:
            self._awaited = sequence_number + 1 & 0xFFFF
            return Order.IMPLAUSIBLE
        self._awaited = None
        self._lost_before = self.lost
        self._begin(sequence_number)
        self._transit = None
        return Order.RESTARTED

    def _is_duplicate(self, sequence: int) -> bool:
        """Whether the packet was here before; bit n of `_seen` stands for the one n before the highest."""
        if sequence > self._highest:
            shift = min(sequence - self._highest, _REMEMBERED)
            self._seen = (self._seen << shift) & ((1 << _REMEMBERED) - 1)
            self._highest = sequence
        bit = 1 << (self._highest - sequence)
        if self._seen & bit:
            return True
        self._seen |= bit
        self._first = min(self._first, sequence)
        return False

    def measure_jitter(self, transit: float) -> None:
        """Take note of a packet's arrival less its timestamp, in seconds (RFC 3550 A.8)."""
        if self._transit is not None and abs(transit - self._transit) < _WILD_JITTER:
            self._jitter += (abs(transit - self._transit) - self._jitter) / 16
        self._transit = transit

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds (RFC 3550 6.4.1)."""
        return self._jitter

    @property
    def expected(self) -> int:
        """Packets that the sequence numbers speak of, since the source began or began anew."""
        return self._highest - self._first + 1 if self._begun else 0

    @property
    def lost(self) -> int:
        """Packets expected that never came."""
        return self._lost_before + (self.expected - self._unique if self._begun else 0)

    def report_block(self, last_sr: int = 0, delay_since_last_sr: int = 0) -> ReportBlock:
        """What a report says now. The fraction lost is that since the last call."""
        expected, lost = self.expected, self.lost
        expected_before, lost_before = self._reported
        self._reported = expected, lost
        interval = expected - expected_before
        fraction = max(0, lost - lost_before) * 256 // interval if interval > 0 else 0
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(fraction, 255),
            packets_lost=min(lost, 0x7FFFFF),
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=round(self._jitter * SAMPLE_RATE) & 0xFFFFFFFF,
            last_sr=last_sr,
            delay_since_last_sr=delay_since_last_sr,
        )
