"""RTCP of one call: when to report, what to say, and what the peer's reports tell (RFC 3550 6)."""

import random
from dataclasses import dataclass
from typing import Final

from hullo.media.pcm import SAMPLE_RATE
from hullo.media.receiver import Receiver
from hullo.media.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpError,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    build_compound,
    parse_compound,
)
from hullo.media.sender import Sender

_NTP_EPOCH: Final = 2_208_988_800
"""Seconds from 1900 to 1970."""

_SHORTEST_INTERVAL: Final = 1.0
_LONGEST_INTERVAL: Final = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReport:
    """What the peer last said of our stream."""

    at: float
    """When its report came."""
    fraction_lost: float
    """Share of packets lost between its last two reports, 0 to 1."""
    packets_lost: int
    highest_sequence: int
    """The last sequence number that it has received, with the cycles in the upper 16 bits."""
    jitter: float
    """Interarrival jitter at the peer, in seconds."""
    round_trip: float | None
    """Seconds there and back, without the time the peer kept it; None until it has seen a sender report of ours."""


class Reporter:
    """Writes and reads the RTCP of one `Sender` and one `Receiver`. Times are in seconds, on the receiver's clock.

    Garbage is counted in `malformed` and never raised. The encoder is told what loss the peer reports.
    """

    def __init__(
        self, sender: Sender, receiver: Receiver, *, cname: str, wall_offset: float, rng: random.Random | None = None
    ) -> None:
        """`cname` names us in source descriptions; `wall_offset` is Unix time less the clock used here.

        `rng` spreads the reports in time, so that those of many calls do not fall together.
        """
        self.remote: RemoteReport | None = None
        """The peer's last report on us; None before the first."""
        self.bye_at: float | None = None
        """When a goodbye of the peer came. Sound may follow it: muting apps send one."""
        self.malformed = 0
        self._sender = sender
        self._receiver = receiver
        self._cname = cname
        self._wall_offset = wall_offset
        self._rng = rng or random.Random()
        self._due: float | None = None
        self._heard = False
        self._packets_reported = 0
        self._last_sr: tuple[int, int, float] | None = None  # SSRC, middle of its NTP time, arrival

    def poll(self, now: float) -> bytes | None:
        """The compound packet to send now, if one is due.

        The first leaves as soon as a packet of the peer has come (it is the peer's proof of being heard), the others
        1 to 2.5 s after the one before. Nothing is due before anything was sent or received.
        """
        if not self._is_due(now):
            return None
        self._due = now + self._rng.uniform(_SHORTEST_INTERVAL, _LONGEST_INTERVAL)
        return build_compound(self._report(now))

    def greeting(self, now: float) -> bytes:
        """A compound packet before anything is due, so that the peer hears of us at once."""
        return build_compound(self._report(now))

    def bye(self, now: float) -> bytes:
        """The last compound packet: what there is to report, and that we leave."""
        return build_compound([*self._report(now), Goodbye(sources=(self._sender.ssrc,))])

    def feed(self, data: bytes, now: float) -> None:
        """Take one compound packet, decrypted, that arrived now."""
        try:
            packets = parse_compound(data)
        except RtcpError:
            self.malformed += 1
            return
        for packet in packets:
            self._take(packet, now)

    def _is_due(self, now: float) -> bool:
        if not self._heard and self._receiver.ssrc is not None:
            self._heard = True
            return True
        if self._due is None:
            if self._sender.stats().packets:
                self._due = now + _SHORTEST_INTERVAL
            return False
        return now >= self._due

    def _report(self, now: float) -> list[RtcpPacket]:
        block = self._receiver.report_block(*self._echo(now))
        reports = () if block is None else (block,)
        stats, ssrc = self._sender.stats(), self._sender.ssrc
        sending, self._packets_reported = stats.packets > self._packets_reported, stats.packets
        names = SourceDescription(cnames=((ssrc, self._cname),))
        if not sending:
            return [ReceiverReport(ssrc=ssrc, reports=reports), names]
        report = SenderReport(
            ssrc=ssrc,
            ntp_time=self._ntp_time(now),
            rtp_timestamp=self._sender.timestamp_at(now),
            packet_count=stats.packets & 0xFFFFFFFF,
            octet_count=stats.octets & 0xFFFFFFFF,
            reports=reports,
        )
        return [report, names]

    def _echo(self, now: float) -> tuple[int, int]:
        """The last sender report of the source that is heard, and how long ago it came in 1/65536 s."""
        if self._last_sr is None or self._last_sr[0] != self._receiver.ssrc:
            return 0, 0
        # It may have come a moment after the `now` of this report: what is read in a tick is newer than the tick.
        return self._last_sr[1], min(max(round((now - self._last_sr[2]) * 65536), 0), 0xFFFFFFFF)

    def _take(self, packet: RtcpPacket, now: float) -> None:
        match packet:
            case SenderReport():
                self._last_sr = packet.ssrc, packet.ntp_time >> 16 & 0xFFFFFFFF, now
                self._take_blocks(packet.reports, now)
            case ReceiverReport():
                self._take_blocks(packet.reports, now)
            case Goodbye():
                self.bye_at = now
            case SourceDescription():
                pass

    def _take_blocks(self, blocks: tuple[ReportBlock, ...], now: float) -> None:
        for block in blocks:
            if block.ssrc == self._sender.ssrc:
                self.remote = self._remote(block, now)
                self._sender.adapt(self.remote.fraction_lost, self.remote.round_trip, now)

    def _remote(self, block: ReportBlock, now: float) -> RemoteReport:
        round_trip = self.remote.round_trip if self.remote else None
        if block.last_sr:
            elapsed = (self._ntp_time(now) >> 16) - block.last_sr - block.delay_since_last_sr & 0xFFFFFFFF
            # A peer that rounds its delay up makes less than nothing of a very short way: that is zero.
            round_trip = elapsed / 65536 if elapsed < 0x80000000 else 0.0
        return RemoteReport(
            at=now,
            fraction_lost=block.fraction_lost / 256,
            packets_lost=block.packets_lost,
            highest_sequence=block.highest_sequence,
            jitter=block.jitter / SAMPLE_RATE,
            round_trip=round_trip,
        )

    def _ntp_time(self, now: float) -> int:
        return round((now + self._wall_offset + _NTP_EPOCH) * 2**32) & (2**64 - 1)
