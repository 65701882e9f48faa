"""From Opus packets to sound that never stops: each sample at its time, as close to the target delay as can be."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hullo.media.concealment import ConcealingDecoder
from hullo.media.jitter import ArrivalDelays, LossHistory
from hullo.media.opus import SHORTEST_FRAME, OpusError, packet_has_fec
from hullo.media.pace import Pace, PullLine, samples_to_lose
from hullo.media.packetbuffer import MediaPacket, PacketBuffer
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, SILENCE, Pcm
from hullo.media.timestretch import OVERLAP, SHORTEST_PERIOD, lengthen, shorten

MAX_EXCESS: Final = 1.1
"""Seconds of sound held beyond the target delay; what is older is discarded."""

_LONGEST_HOLE: Final = SAMPLE_RATE // 5
"""Samples: a longer gap is a pause, after which the sound starts anew at its target delay."""

_QUIET: Final = 100.0
"""Root mean square below which sound is so soft (-50 dB) that any cut in it goes unheard."""

_REDUNDANT: Final = 4
"""Losses in a row without redundancy after which it is no longer waited for."""

_SOUNDLESS_KEPT: Final = 256
"""More than come in the longest hole that is covered; a peer may send nothing else for hours."""


@dataclass(slots=True)
class PlayoutCounts:
    """What was played and how, in samples, except for packets."""

    late_packets: int = 0
    discarded_packets: int = 0
    recovered_packets: int = 0
    corrupt_packets: int = 0
    played: int = 0
    recovered: int = 0
    concealed: int = 0
    silence: int = 0
    discarded: int = 0
    accelerated: int = 0
    stretched: int = 0


@dataclass(slots=True)
class _Timeline:
    """Where decoding stands in the peer's timeline."""

    number: int = 0
    edge: int | None = None
    """The timestamp just after the last sample decoded; None before the first."""
    decoded: MediaPacket | None = None
    soundless: deque[int] = field(default_factory=lambda: deque(maxlen=_SOUNDLESS_KEPT))
    """Sequence numbers of the last packets that hold no sound, and so leave no hole."""
    held: int = 0
    """Samples concealed while time stood still, because it was not known if packets were late or lost."""
    seam: bool = False
    """Whether the next packet does not follow the last one."""


class Playout:
    """Decodes packets when their time has come, covers what is missing, and plays faster or slower to meet the target.

    The delay of a sample is counted from when the fastest packet lately would have brought it.
    """

    def __init__(self, delays: ArrivalDelays) -> None:
        """`delays` is kept up to date by whoever inserts packets. Raises `OpusUnavailable` without libopus."""
        self.counts: Final = PlayoutCounts()
        self.delay = 0.0
        self.target = 0.0
        self._delays = delays
        self._losses = LossHistory()
        self._redundancy = 0
        self._buffer = PacketBuffer()
        self._decoder = ConcealingDecoder()
        self._pulls = PullLine()
        self._pace = Pace()
        self._line = _Timeline()
        self._ready: Pcm = SILENCE[:0]
        self._history: Pcm = SILENCE

    def insert(self, packet: MediaPacket) -> None:
        """Put a packet where it belongs, if its time is not over."""
        if packet.timeline != self._line.number:
            self._buffer.clear()
            self._line = _Timeline(packet.timeline, seam=True)
        line = self._line
        if line.decoded is not None and packet.sequence <= line.decoded.sequence:
            self.counts.late_packets += bool(packet.payload)
        elif not packet.payload:
            line.soundless.append(packet.sequence)
        else:
            self._buffer.insert(packet)
            self._discard_excess()

    def pull(self, now: float) -> Pcm:
        """The next 960 samples."""
        due = self._pulls.pulled(now)
        self._losses.update(now)
        self.target = self._target()
        total = self._samples_to_lose(due)
        amount = self._pace.due(total)
        while len(self._ready) < FRAME_SAMPLES and self._advance(due):
            pass
        if amount > 0:
            self._prefetch(FRAME_SAMPLES + amount)
        if amount:
            self._scale(amount, total)
        if len(self._ready) < FRAME_SAMPLES:
            self._conceal(FRAME_SAMPLES - len(self._ready))
        self._history, self._ready = self._ready[:FRAME_SAMPLES], self._ready[FRAME_SAMPLES:]
        return self._history

    # When to play

    def _target(self) -> float:
        target = self._delays.most
        if self._losses.repairing and self._redundancy and self._line.decoded is not None:
            target = max(target, self._line.decoded.samples / SAMPLE_RATE + self._delays.usual)
        return target

    def _samples_to_lose(self, due: float) -> int:
        """How much the delay at this pull is above (or below, negative) its target; no more than there is to lose."""
        line = self._line
        if line.edge is None or line.decoded is None or line.held > 0:
            return 0
        cursor = line.edge - len(self._ready)
        self.delay = due - cursor / SAMPLE_RATE - self._delays.base
        samples = line.decoded.samples
        grid = min(samples, FRAME_SAMPLES)
        unaligned = len(self._ready) % grid
        slack = self.delay - (unaligned + FRAME_SAMPLES - grid) / SAMPLE_RATE
        amount = samples_to_lose(slack, self.target, unaligned, grid)
        last = self._buffer.last
        available = (line.edge if last is None else last.end) - cursor - FRAME_SAMPLES
        return min(amount, max(available, 0))

    def _discard_excess(self) -> None:
        """Bound the buffer in time: the oldest packets go, and the sound goes on at the first that is left."""
        trimmed = self._buffer.trim(round((self.target + MAX_EXCESS) * SAMPLE_RATE))
        first = self._buffer.first
        if not trimmed or first is None:
            return
        self.counts.discarded_packets += len(trimmed)
        self.counts.discarded += sum(packet.samples for packet in trimmed)
        line = self._line
        line.seam = True
        line.decoded = trimmed[-1]
        if line.edge is not None:
            line.edge = first.timestamp

    # What to play

    def _advance(self, due: float) -> bool:
        """Decode or repair the next piece; False when there is nothing whose time has come."""
        packet, line = self._buffer.first, self._line
        if packet is None:
            return False
        if line.edge is None:
            return self._resume(packet, due)
        gap = packet.timestamp - line.edge
        if gap <= 0:
            self._decode()
            return True
        lost = self._lost_before(packet)
        hole = lost * max(packet.samples, line.decoded.samples if line.decoded else 0) + SHORTEST_FRAME
        if gap > min(hole, _LONGEST_HOLE):
            return self._resume(packet, due)
        self._cover(packet, gap, lost, due)
        return True

    def _lost_before(self, packet: MediaPacket) -> int:
        """Packets with sound missing between the last one decoded and this one."""
        line = self._line
        if line.decoded is None:
            return 0
        before = line.decoded.sequence
        return packet.sequence - before - 1 - sum(before < sequence < packet.sequence for sequence in line.soundless)

    def _resume(self, packet: MediaPacket, due: float) -> bool:
        """After a pause, or at the beginning: jump to the packet once its delay has reached the target."""
        if due - packet.timestamp / SAMPLE_RATE - self._delays.base < self.target:
            return False
        line = self._line
        line.edge = packet.timestamp
        line.seam = True
        line.held = 0
        return True

    def _decode(self) -> None:
        """Decode the first packet, or what of it has not been covered yet."""
        packet, line = self._buffer.pop(), self._line
        assert line.edge is not None
        shared = line.decoded is not None and packet.timestamp == line.decoded.timestamp
        skip = 0 if shared else line.edge - packet.timestamp
        line.decoded = packet
        if skip >= packet.samples:
            self.counts.late_packets += 1
            return
        try:
            pcm = self._decoder.decode(packet.payload, skip=skip, seam=line.seam)
            self.counts.played += len(pcm)
        except OpusError:
            self.counts.corrupt_packets += 1
            pcm = self._decoder.conceal(packet.samples - skip)
            self.counts.concealed += len(pcm)
        line.seam = False
        line.held = 0
        line.edge += packet.samples - skip
        self._append(pcm)

    def _cover(self, packet: MediaPacket, gap: int, lost: int, due: float) -> None:
        """Cover the next piece of a hole: from what was concealed already, from redundancy, or by concealment."""
        line = self._line
        assert line.edge is not None
        fec = _has_fec(packet)
        self._redundancy = min(self._redundancy + 1, _REDUNDANT) if fec else max(self._redundancy - 1, 0)
        if line.held > 0:
            covered = min(gap, line.held)
            line.held = 0
        elif gap < SHORTEST_FRAME:
            covered, line.seam = gap, True
        elif fec and gap == packet.samples:
            covered = self._recover(packet)
        else:
            most = gap - packet.samples if fec and gap > packet.samples else gap
            covered = min(most - most % SHORTEST_FRAME or SHORTEST_FRAME, FRAME_SAMPLES)
            self.counts.concealed += covered
            self._append(self._decoder.conceal(covered))
        line.edge += covered
        self._losses.add(due, covered / SAMPLE_RATE)

    def _recover(self, next_packet: MediaPacket) -> int:
        """Repair the packet before this one from the copy in it; the samples that this gave."""
        try:
            pcm = self._decoder.recover(next_packet.payload, next_packet.samples)
        except OpusError:
            pcm = self._decoder.conceal(next_packet.samples)
            self.counts.concealed += len(pcm)
        else:
            self.counts.recovered += len(pcm)
            self.counts.recovered_packets += 1
        self._append(pcm)
        return len(pcm)

    def _conceal(self, missing: int) -> None:
        """Nothing is there: time stands still under a sound like the last one, which fades."""
        silent = self._decoder.silent
        pcm = self._decoder.conceal(missing)
        self._line.held += len(pcm)
        if silent:
            self.counts.silence += len(pcm)
        else:
            self.counts.concealed += len(pcm)
        self._append(pcm)

    def _prefetch(self, samples: int) -> None:
        """Decode ahead, as far as packets follow each other, for acceleration to have something to work on."""
        line = self._line
        while len(self._ready) < samples:
            packet = self._buffer.first
            if packet is None or line.edge is None or packet.timestamp > line.edge:
                return
            self._decode()

    def _append(self, pcm: Pcm) -> None:
        self._ready = np.concatenate([self._ready, pcm]) if len(self._ready) else pcm

    # How fast to play

    def _scale(self, amount: int, total: int) -> None:
        """Take `amount` samples out (negative: put in) where the sound allows it; `total` says how urgent it is."""
        ready = self._ready
        longest = min(amount, len(ready) - FRAME_SAMPLES) if amount > 0 else min(-amount, FRAME_SAMPLES)
        if longest <= 0 or len(ready) < OVERLAP:
            return
        shortest, similarity = max(longest // 2, SHORTEST_PERIOD), self._pace.similarity(total)
        if _loudness(ready[:OVERLAP]) < _QUIET:
            shortest, similarity = longest, -1.0
        if shortest > longest:
            self._pace.refused()
            return
        if amount > 0:
            scaled = shorten(ready, shortest, longest, similarity)
        else:
            scaled = lengthen(self._history, ready, shortest, longest, similarity)
        if scaled is None:
            self._pace.refused()
            return
        lost = len(ready) - len(scaled)
        self.counts.accelerated += max(lost, 0)
        self.counts.stretched += max(-lost, 0)
        self._pace.done(lost)
        self._ready = scaled


def _has_fec(packet: MediaPacket) -> bool:
    try:
        return packet_has_fec(packet.payload)
    except OpusError:  # it is found out, and counted, when it is decoded
        return False


def _loudness(pcm: Pcm) -> float:
    samples = pcm.astype(np.float32)
    return float(np.sqrt(samples @ samples / len(samples)))
