"""A call in virtual time: a real sender, a seeded network and a real receiver, with the delay measured on the sound.

The speaker says a tone whose pitch rises by 1000 Hz a second and starts again every 2 s. So the pitch of what is heard
tells when it was said, whatever the receiver has done to it in between.
"""

import functools
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from hullo.media.netsim import Network, NetworkProfile
from hullo.media.opus import OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm
from hullo.media.receiver import Receiver
from hullo.media.rtp import RtpPacket
from hullo.media.sender import Sender

PERIOD = 2.0
_LOWEST = 400.0
_SLOPE = 1000.0

Source = Callable[[float], Pcm | None]


def rising_tone(start: float) -> Pcm:
    """The frame that is said from `start` on, a multiple of 20 ms."""
    return _tone_frame(round(start / FRAME_SECONDS) % round(PERIOD / FRAME_SECONDS))


@functools.cache
def _tone_frame(number: int) -> Pcm:
    at = number * FRAME_SECONDS + np.arange(FRAME_SAMPLES) / SAMPLE_RATE
    return (8000 * np.sin(2 * np.pi * (_LOWEST * at + _SLOPE / 2 * at**2))).astype(np.int16)


def said_at(frame: Pcm) -> float | None:
    """When, modulo 2 s, the first sample of a frame was said; None where it is not the clear tone."""
    window = np.hanning(FRAME_SAMPLES)
    spectrum: NDArray[np.float64] = np.abs(np.fft.rfft(frame * window, 8192))
    peak = int(np.argmax(spectrum))
    around = spectrum[max(peak - 30, 0) : peak + 31]
    if spectrum[peak] < 1e5 or float(np.sum(around**2)) < 0.8 * float(np.sum(spectrum**2)):
        return None
    hertz = peak * SAMPLE_RATE / 8192
    if not _LOWEST + 60 < hertz < _LOWEST + _SLOPE * PERIOD - 60:
        return None
    return (hertz - _LOWEST) / _SLOPE - FRAME_SECONDS / 2


@functools.cache
def tone_packets() -> tuple[bytes, ...]:
    """The rising tone as Opus payloads, to be said over and over; cheap to decode."""
    encoder = OpusEncoder(bitrate=12_000, complexity=0)
    packets = [encoder.encode(rising_tone(i * FRAME_SECONDS)) for i in range(200)]
    return tuple(packets[100:])


class ToneLoop(Sender):
    """Says the rising tone without encoding it each time, which takes too long for an hour of it."""

    def __init__(self) -> None:
        super().__init__(first_sequence=0, first_timestamp=0)
        self._said = 0

    @override
    def push(self, pcm: Pcm | None, now: float) -> bytes | None:
        payloads = tone_packets()
        packet = RtpPacket(
            payload_type=111,
            sequence_number=self._said & 0xFFFF,
            timestamp=self._said * FRAME_SAMPLES & 0xFFFFFFFF,
            ssrc=self.ssrc,
            payload=payloads[self._said % len(payloads)],
        )
        self._said += 1
        return packet.build()


class VirtualCall:
    """One direction of a call. Times are those of the receiver's clock; the sender's may run faster or slower."""

    def __init__(
        self,
        profile: NetworkProfile | None = None,
        *,
        seed: int = 1,
        sender: Sender | None = None,
        source: Source = rising_tone,
        phase: float = 0.007,
        skew: float = 0.0,
    ) -> None:
        """Pulls come `phase` seconds after the sender's frames; `skew` makes its clock faster (1e-6 is 1 ppm)."""
        self.network = Network(profile or NetworkProfile(), seed=seed)
        self.receiver = Receiver()
        # The least complexity: the receiver is what is looked at, and the encoder takes most of a test's time.
        self.sender = sender or Sender(first_sequence=100, first_timestamp=5000, complexity=0)
        self.source = source
        self.now = 0.0
        self.pushing = True
        """While False the sender is not even asked: its timestamps stand still."""
        self.pulling = True
        """While False the consumer has stalled: the pulls of that time never happen."""
        self.heard: list[tuple[float, Pcm]] = []
        """Every frame with the time it was handed out."""
        self.skew = skew
        """May be changed at any time."""
        self._drifts: dict[float, float] = {}
        self._phase = phase
        self._next_push = FRAME_SECONDS
        self._pushed = 0
        self._pulled = 0

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        while True:
            pull = self._pulled * FRAME_SECONDS + self._phase
            self.now = min(self._next_push, pull)
            if self.now >= end:
                break
            if self._next_push <= pull:
                self._push(self._next_push)
            else:
                self._pull(pull)
        self.now = end

    def _push(self, now: float) -> None:
        said = self._pushed * FRAME_SECONDS
        self._pushed += 1
        self._next_push += FRAME_SECONDS / (1 + self.skew)
        if not self.pushing:
            return
        packet = self.sender.push(self.source(said), now)
        if packet is not None:
            self.network.send(packet, now)

    def _pull(self, now: float) -> None:
        self._pulled += 1
        for arrival, data in self.network.receive(now):
            self.receiver.feed(data, arrival)
        if self.pulling:
            self.heard.append((now, self.receiver.pull(now)))
            self._drifts[now] = self._next_push - (self._pushed + 1) * FRAME_SECONDS

    def forget(self) -> None:
        """Let go of what was heard so far: an hour of it is 350 MB."""
        self.heard.clear()
        self._drifts.clear()

    def delays(self, start: float, end: float) -> list[float]:
        """Mouth-to-ear delay in seconds of every frame heard between two times, as far as it is the clear tone.

        From when its first sample was said to when it was handed out: with the framing, and Opus' look-ahead.
        """
        moments = [(now, said_at(frame)) for now, frame in self.heard if start <= now < end]
        return [(now - self._drifts[now] - said) % PERIOD for now, said in moments if said is not None]

    def delay(self, start: float, end: float) -> float:
        """The median of `delays`."""
        return float(np.median(self.delays(start, end)))

    def sound(self, start: float, end: float) -> Pcm:
        """All that was heard between two times."""
        return np.concatenate([frame for now, frame in self.heard if start <= now < end])


def largest_step(pcm: Pcm) -> int:
    """The largest difference between two samples that follow each other."""
    return int(np.max(np.abs(np.diff(pcm.astype(np.int32)))))


def loudness(frames: Iterable[Pcm]) -> list[float]:
    """Root mean square of each frame."""
    return [float(np.sqrt(np.mean(frame.astype(np.float64) ** 2))) for frame in frames]
