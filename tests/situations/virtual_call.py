"""A call in virtual time: a real sender, a seeded network and a real receiver, with the delay measured on the sound.

The speaker says a tone whose pitch rises by 1000 Hz a second and starts again every 2 s. So the pitch of what is heard
tells when it was said, whatever the receiver has done to it in between.
"""

import functools
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from hullo.media.netsim import Network, NetworkProfile
from hullo.media.opus import FrameMs, OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm
from hullo.media.receiver import Receiver
from hullo.media.sender import Sender

PERIOD = 2.0
_LOWEST = 400.0
_SLOPE = 1000.0

Source = Callable[[float], Pcm | None]


def rising_tone(start: float) -> Pcm:
    """The frame that is said from `start` on."""
    at = (start + np.arange(FRAME_SAMPLES) / SAMPLE_RATE) % PERIOD
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
def tone_packets(frame_ms: FrameMs = 20) -> tuple[bytes, ...]:
    """The rising tone as Opus payloads, to be said over and over: an hour of encoding takes too long for a test."""
    encoder = OpusEncoder(frame_ms=frame_ms)
    per_packet = frame_ms // 20
    frames = [rising_tone(i * FRAME_SECONDS) for i in range(100 * per_packet * 2)]
    packets = [encoder.encode(np.concatenate(frames[i : i + per_packet])) for i in range(0, len(frames), per_packet)]
    return tuple(packets[len(packets) // 2 :])


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
        self.sender = sender or Sender(first_sequence=100, first_timestamp=5000)
        self.source = source
        self.now = 0.0
        self.pushing = True
        """While False the sender is not even asked: its timestamps stand still."""
        self.pulling = True
        """While False the consumer has stalled: the pulls of that time never happen."""
        self.heard: list[tuple[float, Pcm]] = []
        self._phase = phase
        self._frame_seconds = FRAME_SECONDS / (1 + skew)
        self._pushed = 0
        self._pulled = 0

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        while True:
            push = (self._pushed + 1) * self._frame_seconds
            pull = self._pulled * FRAME_SECONDS + self._phase
            self.now = min(push, pull)
            if self.now >= end:
                break
            if push <= pull:
                self._push(push)
            else:
                self._pull(pull)
        self.now = end

    def _push(self, now: float) -> None:
        said = self._pushed * self._frame_seconds
        self._pushed += 1
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

    def delays(self, start: float, end: float) -> list[float]:
        """Mouth-to-ear delay in seconds of every frame heard between two times, as far as it is the clear tone.

        From when its first sample was said to when it was handed out: with the framing, and Opus' look-ahead.
        """
        moments = [(now, said_at(frame)) for now, frame in self.heard if start <= now < end]
        return [(now - said) % PERIOD for now, said in moments if said is not None]

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
