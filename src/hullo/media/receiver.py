"""What arrives: packets of one peer, at whatever times, become sound every 20 ms."""

from dataclasses import dataclass

from hullo.media.intake import Intake
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.media.playout import Playout
from hullo.media.rtcp import ReportBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverStats:
    """What a `Receiver` has received and played so far; durations in milliseconds of sound."""

    packets_received: int
    packets_lost: int
    """Never came, by the sequence numbers."""
    packets_late: int
    """Came when their time was over, and were not played."""
    packets_duplicate: int
    packets_discarded: int
    """Thrown away because the buffer was full."""
    packets_recovered: int
    """Missing, and repaired from the redundancy in the next one."""
    packets_ignored: int
    """Without sound for us: probes, padding, other payload types, stragglers of a former SSRC."""
    packets_malformed: int
    """Not RTP, or not Opus."""
    restarts: int
    """Times that the peer began a new timeline: SSRC, sequence numbers or timestamps jumped."""
    played_ms: float
    """Decoded from packets."""
    recovered_ms: float
    concealed_ms: float
    silence_ms: float
    """Comfort noise and silence: the peer said nothing, or was not heard for so long that concealment has faded."""
    discarded_ms: float
    accelerated_ms: float
    """Taken out to lower the delay."""
    stretched_ms: float
    """Put in to raise the delay."""
    buffer_ms: float
    """Delay of the sound behind the arrival of the fastest packet."""
    target_ms: float
    jitter_ms: float
    """Interarrival jitter (RFC 3550 6.4.1)."""


class Receiver:
    """An adaptive jitter buffer with its decoder, for one peer. Not for use by two threads at once.

    `feed` takes packets when they come, `pull` gives 20 ms of sound when they are due; times are in seconds, on any
    clock that does not jump. Garbage is counted and never raised: it is the network's fault and not the caller's.
    At most 1.1 s more than the target delay is held; when there is more, the oldest packets are discarded.
    """

    def __init__(self, *, payload_type: int = 111) -> None:
        """`payload_type` is that of Opus; others are ignored. Raises `OpusUnavailable` without libopus."""
        self._intake = Intake(payload_type)
        self._playout = Playout(self._intake.delays)

    def set_payload_type(self, payload_type: int) -> None:
        """Opus comes under another number than was said at first."""
        self._intake.payload_type = payload_type

    def feed(self, packet: bytes, now: float) -> None:
        """Take one RTP packet, decrypted, that arrived now."""
        media = self._intake.take(packet, now)
        if media is not None:
            self._playout.insert(media)

    def pull(self, now: float) -> Pcm:
        """The next 960 samples, always; to be called every 20 ms. Whoever gets them does not write to them."""
        return self._playout.pull(now)

    @property
    def ssrc(self) -> int | None:
        """The source that is heard; None before its first packet."""
        return self._intake.reception.ssrc if self._intake.reception else None

    def report_block(self, last_sr: int = 0, delay_since_last_sr: int = 0) -> ReportBlock | None:
        """What a report says of the source now (RFC 3550 6.4.1), None before its first packet.

        The fraction lost is counted since the last call, so one reporter calls it.
        """
        reception = self._intake.reception
        return None if reception is None else reception.report_block(last_sr, delay_since_last_sr)

    def stats(self) -> ReceiverStats:
        """The counters so far."""
        intake, counts = self._intake, self._playout.counts
        reception = intake.reception
        return ReceiverStats(
            packets_received=reception.received if reception else 0,
            packets_lost=reception.lost if reception else 0,
            packets_late=counts.late_packets,
            packets_duplicate=reception.duplicates if reception else 0,
            packets_discarded=counts.discarded_packets,
            packets_recovered=counts.recovered_packets,
            packets_ignored=intake.ignored,
            packets_malformed=intake.malformed + counts.corrupt_packets,
            restarts=max(intake.timelines - 1, 0),
            played_ms=_ms(counts.played),
            recovered_ms=_ms(counts.recovered),
            concealed_ms=_ms(counts.concealed),
            silence_ms=_ms(counts.silence),
            discarded_ms=_ms(counts.discarded),
            accelerated_ms=_ms(counts.accelerated),
            stretched_ms=_ms(counts.stretched),
            buffer_ms=1000 * self._playout.delay,
            target_ms=1000 * self._playout.target,
            jitter_ms=1000 * reception.jitter if reception else 0.0,
        )


def _ms(samples: int) -> float:
    return 1000 * samples / SAMPLE_RATE
