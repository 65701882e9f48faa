"""From bytes off the network to Opus packets in one timeline, with everything counted that is something else."""

from typing import Final

from hullo.media.jitter import ArrivalDelays
from hullo.media.opus import OpusError, packet_samples
from hullo.media.packetbuffer import MediaPacket
from hullo.media.pcm import SAMPLE_RATE
from hullo.media.reception import Order, Reception
from hullo.media.rtp import RtpError, RtpPacket, Unwrapper

_WILD_STEP: Final = 2.0
"""Seconds by which timestamps may outrun the clock before they are taken for a new timeline."""

_FORMER_SOURCE: Final = 1.0
"""Seconds of quiet after which any other source is followed at once.

Until then a new one has to send two packets in sequence (RFC 3550 A.1) with none of the old one between them, and
the one it replaced is heard no more.
"""


class Intake:
    """Follows one peer's stream through changes of SSRC, of sequence numbers and of timestamps."""

    def __init__(self, payload_type: int) -> None:
        """`payload_type` is that of Opus."""
        self.delays: Final = ArrivalDelays()
        self.reception: Reception | None = None
        self.malformed = 0
        self.ignored = 0
        self.timelines = 0
        self.payload_type = payload_type
        self._former_ssrc: int | None = None
        self._candidate: tuple[int, int] | None = None  # another SSRC and the sequence number that would prove it
        self._last_arrival = 0.0
        self._timestamps = Unwrapper(32)
        self._newest: MediaPacket | None = None
        self._newest_arrival = 0.0

    def take(self, data: bytes, now: float) -> MediaPacket | None:
        """The Opus packet in an RTP packet that arrived now; None for duplicates and what does not belong here."""
        try:
            rtp = RtpPacket.parse(data)
        except RtpError:
            self.malformed += 1
            return None
        reception = self._source(rtp.ssrc, rtp.sequence_number, now)
        if reception is None:
            self.ignored += 1
            return None
        self._last_arrival = now
        place = reception.take(rtp.sequence_number)
        if place.order in (Order.DUPLICATE, Order.IMPLAUSIBLE):
            return None
        if place.order is Order.RESTARTED:
            self._begin_timeline()
        if rtp.payload_type != self.payload_type or not rtp.payload:
            # Its timestamp is not looked at: probes repeat an old one, other payload types may have another clock.
            self.ignored += 1
            return MediaPacket(self.timelines, place.sequence, 0, 0, b"")
        timestamp = self._timestamps.unwrap(rtp.timestamp)
        reception.measure_jitter(now - timestamp / SAMPLE_RATE)
        return self._media(rtp.payload, place.sequence, timestamp, now)

    def _source(self, ssrc: int, sequence_number: int, now: float) -> Reception | None:
        """The counts of the source that is followed; None for a packet of another one."""
        current = self.reception
        if current is not None and ssrc == current.ssrc:
            self._candidate = None
            return current
        if current is not None and now - self._last_arrival < _FORMER_SOURCE:
            awaited, self._candidate = self._candidate, (ssrc, sequence_number + 1 & 0xFFFF)
            if ssrc == self._former_ssrc or (ssrc, sequence_number) != awaited:
                return None
        self._former_ssrc = None if current is None else current.ssrc
        self.reception = Reception(ssrc)
        self._begin_timeline()
        return self.reception

    def _begin_timeline(self) -> None:
        self.timelines += 1
        self.delays.restart()
        self._newest = None

    def _media(self, payload: bytes, sequence: int, timestamp: int, now: float) -> MediaPacket | None:
        try:
            samples = packet_samples(payload)
        except OpusError:
            self.malformed += 1
            return None
        self._watch_timeline(sequence, timestamp, now)
        packet = MediaPacket(self.timelines, sequence, timestamp, samples, payload)
        if self._newest is None or sequence > self._newest.sequence:
            self._newest, self._newest_arrival = packet, now
        self.delays.add(now, now - timestamp / SAMPLE_RATE, samples / SAMPLE_RATE)
        return packet

    def _watch_timeline(self, sequence: int, timestamp: int, now: float) -> None:
        """Begin a new timeline when a packet that is later in the sequence is earlier, or much too late, in time."""
        newest = self._newest
        if newest is None or sequence <= newest.sequence:
            return
        step = (timestamp - newest.timestamp) / SAMPLE_RATE
        if step < 0 or step > now - self._newest_arrival + _WILD_STEP:
            self._begin_timeline()
