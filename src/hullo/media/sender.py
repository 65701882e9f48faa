"""What leaves: sound becomes Opus packets with their sequence numbers and timestamps."""

import secrets
from dataclasses import dataclass
from typing import Final

import numpy as np

from hullo.media.opus import DTX_BYTES, FrameMs, OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, SILENCE, Pcm
from hullo.media.rtp import plain_packet

LEAST_EXPECTED_LOSS: Final = 10
"""Percent: below it libopus puts no redundancy into packets of 20 to 32 kbit/s."""

_MOST_EXPECTED_LOSS: Final = 30

_LOSSLESS_SECONDS: Final = 10.0
"""Reports of no loss for so long end the redundancy, which is a third of the encoder's work; the first loss brings it
back. A way that loses one packet in a hundred has no such ten seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderStats:
    """What a `Sender` has sent so far; `octets` are those of payloads, as in a sender report."""

    packets: int
    octets: int
    expected_loss: int
    """Percent of packets that the encoder protects against losing."""


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
        complexity: int = 5,
        fec: bool = True,
        dtx: bool = False,
        vbr: bool = True,
    ) -> None:
        """The SSRC and the first numbers are random unless given (RFC 3550 5.1), the rest is as for `OpusEncoder`.

        Raises `OpusError` for a setting out of range and `OpusUnavailable` without libopus.
        """
        self.ssrc: Final = secrets.randbits(32) if ssrc is None else ssrc
        self._payload_type = payload_type
        # The first sequence number is from the lower half, so that SRTP's roll-over counter is never guessed wrong.
        self._sequence = secrets.randbits(15) if first_sequence is None else first_sequence
        self._timestamp = secrets.randbits(32) if first_timestamp is None else first_timestamp
        self._expected_loss = LEAST_EXPECTED_LOSS
        self._lossless_since: float | None = None
        self._encoder = OpusEncoder(
            frame_ms=frame_ms,
            bitrate=bitrate,
            complexity=complexity,
            fec=fec,
            expected_loss=self._expected_loss,
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
        return plain_packet(self._payload_type, sequence, timestamp, self.ssrc, payload, marker=marker)

    def timestamp_at(self, now: float) -> int:
        """The RTP timestamp of a moment, for the sender report (RFC 3550 6.4.1)."""
        elapsed = 0.0 if self._pushed_at is None else now - self._pushed_at
        return self._timestamp + self._filled + round(elapsed * SAMPLE_RATE) & 0xFFFFFFFF

    def adapt_to_loss(self, fraction: float, now: float) -> None:
        """Protect against the loss that the peer reports, 0 to 1: at once when it grows, slowly when it shrinks.

        A stream begins protected, and stays so until nothing has been lost for a while.
        """
        percent = min(max(round(100 * fraction), self._expected_loss - 1, LEAST_EXPECTED_LOSS), _MOST_EXPECTED_LOSS)
        if fraction > 0 or percent > LEAST_EXPECTED_LOSS:
            self._lossless_since = None
        elif self._lossless_since is None:
            self._lossless_since = now
        if self._lossless_since is not None and now - self._lossless_since >= _LOSSLESS_SECONDS:
            percent = 0
        if percent != self._expected_loss:
            self._expected_loss = percent
            self._encoder.set_expected_loss(percent)

    def set_bitrate(self, bitrate: int) -> None:
        """Aim at this many bit/s from the next packet on. Raises `OpusError` when out of range."""
        self._encoder.set_bitrate(bitrate)

    def stats(self) -> SenderStats:
        """The counters so far."""
        return SenderStats(packets=self._packets, octets=self._octets, expected_loss=self._expected_loss)
