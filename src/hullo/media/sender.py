"""What leaves: sound becomes Opus packets with their sequence numbers and timestamps."""

import secrets
from dataclasses import dataclass
from typing import Final

import numpy as np

from hullo.media.opus import DTX_BYTES, FrameMs, OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, SILENCE, Pcm
from hullo.media.protection import LossProtection
from hullo.media.rtp import plain_packet


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderStats:
    """What a `Sender` has sent so far; `octets` are those of payloads, as in a sender report."""

    packets: int
    octets: int
    expected_loss: int
    """Percent of packets that the encoder protects against losing; 0 while the way is clear."""


class Sender:
    """Makes the packets of one stream out of frames of 20 ms. Not for use by two threads at once."""

    def __init__(
        self,
        *,
        ssrc: int | None = None,
        payload_type: int = 111,
        first_sequence: int | None = None,
        first_timestamp: int | None = None,
        frame_ms: FrameMs = 20,
        bitrate: int = 32_000,
        clear_bitrate: int = 64_000,
        complexity: int = 5,
        fec: bool = True,
        dtx: bool = False,
        vbr: bool = True,
    ) -> None:
        """The SSRC and the first numbers are random unless given (RFC 3550 5.1), the rest is as for `OpusEncoder`.

        `bitrate` is that of packets guarded against loss, `clear_bitrate` that of plain ones, on a way that loses
        nothing: their coder needs twice the bits for the same quality, and 40 % of the processor's time.

        Raises `OpusError` for a setting out of range and `OpusUnavailable` without libopus.
        """
        self.ssrc: Final = secrets.randbits(32) if ssrc is None else ssrc
        self.payload_type = payload_type
        # The first sequence number is from the lower half, so that SRTP's roll-over counter is never guessed wrong.
        self._sequence = secrets.randbits(15) if first_sequence is None else first_sequence
        self._timestamp = secrets.randbits(32) if first_timestamp is None else first_timestamp
        self._protection = LossProtection()
        self._bitrate, self._clear_bitrate = bitrate, clear_bitrate
        self._encoder = OpusEncoder(
            frame_ms=frame_ms,
            bitrate=bitrate,
            complexity=complexity,
            fec=fec,
            expected_loss=self._protection.coding.expected_loss,
            dtx=dtx,
            vbr=vbr,
        )
        self._dtx = dtx
        self._frame: Pcm = np.zeros(self._encoder.frame_samples, dtype=np.int16)
        self._filled = 0
        self._silent = True
        self._pushed_at: float | None = None
        self._packets = 0
        self._octets = 0

    def push(self, pcm: Pcm | None, now: float) -> bytes | None:
        """Take the sound of the last 20 ms and give the packet to send, if there is one.

        `pcm` is one frame, or None while there is nothing to say: then nothing is sent and the time goes on.
        There is no packet either while a longer one fills up, or when DTX leaves it out. Raises `ValueError`
        for a frame that is not of 960 samples.
        """
        if pcm is not None and len(pcm) != FRAME_SAMPLES:
            raise ValueError(f"a frame of {len(pcm)} samples: a sender takes {FRAME_SAMPLES}")
        self._pushed_at = now
        if pcm is None and not self._filled:
            self._timestamp = self._timestamp + FRAME_SAMPLES & 0xFFFFFFFF
            self._silent = True
            return None
        # A packet that was begun before the mute is filled up with silence: its beginning is still to be heard.
        self._frame[self._filled : self._filled + FRAME_SAMPLES] = SILENCE if pcm is None else pcm
        self._filled += FRAME_SAMPLES
        if self._filled < len(self._frame):
            return None
        self._filled = 0
        return self._packet(self._encoder.encode(self._frame))

    def _packet(self, payload: bytes) -> bytes | None:
        timestamp = self._timestamp
        self._timestamp = timestamp + len(self._frame) & 0xFFFFFFFF
        nothing_said = self._dtx and len(payload) <= DTX_BYTES
        if nothing_said and self._silent:
            return None
        # The first packet of a silence is sent, empty as it is: it tells the receiver to make comfort noise.
        marker = self._silent
        self._silent = nothing_said
        sequence, self._sequence = self._sequence, self._sequence + 1 & 0xFFFF
        self._packets += 1
        self._octets += len(payload)
        return plain_packet(self.payload_type, sequence, timestamp, self.ssrc, payload, marker=marker)

    def timestamp_at(self, now: float) -> int:
        """The RTP timestamp of a moment, for the sender report (RFC 3550 6.4.1)."""
        elapsed = 0.0 if self._pushed_at is None else now - self._pushed_at
        return self._timestamp + self._filled + round(elapsed * SAMPLE_RATE) & 0xFFFFFFFF

    def adapt(self, fraction_lost: float, round_trip: float | None, now: float) -> None:
        """Code as suits the way, by the peer's report: the share lost, 0 to 1, and the seconds there and back."""
        before = self._protection.coding
        coding = self._protection.report(fraction_lost, round_trip, now)
        if coding.expected_loss != before.expected_loss:
            self._encoder.set_expected_loss(coding.expected_loss)
        if coding.clear != before.clear:
            self._encoder.set_waveform(coding.clear)
            self._encoder.set_bitrate(self._clear_bitrate if coding.clear else self._bitrate)

    def stats(self) -> SenderStats:
        """The counters so far."""
        return SenderStats(
            packets=self._packets, octets=self._octets, expected_loss=self._protection.coding.expected_loss
        )
