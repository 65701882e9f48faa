"""One direction of a call in virtual time: a talker, a seeded network, and a listener with a sound card."""

import fractions
import random
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from aiortc.codecs.opus import OpusDecoder, OpusEncoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket
from av import AudioFrame

from bench.ends.talk import mono
from bench.tape import PlayedTape
from hullo.media.netsim import Network, NetworkProfile
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, SILENCE, Pcm
from hullo.media.receiver import Receiver
from hullo.media.reporting import Reporter
from hullo.media.sender import Sender

SOUND_CARD_PHASE = 0.0073
"""Seconds that the listener's clock of 20 ms is behind the talker's."""


class Subject(Protocol):
    """A sending and a receiving half."""

    def say(self, frame: Pcm, now: float) -> bytes | None:
        """The packet for a frame that is complete now."""

    def arrive(self, packet: bytes, now: float) -> None:
        """A packet arrives."""

    def hear(self, now: float) -> Pcm | None:
        """The frame for the sound card, None when there is none."""

    def concealed_seconds(self) -> float:
        """How much of what was heard so far was not said by anybody: concealment, comfort noise, silence."""


class Ours:
    """Our sender and receiver; reports of loss go back, 40 ms late."""

    _REPORT_DELAY = 0.04

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self._sender, self._receiver = Sender(ssrc=1, first_sequence=0, first_timestamp=0), Receiver()
        self._talker = Reporter(self._sender, Receiver(), cname="talker", wall_offset=0.0, rng=rng)
        self._listener = Reporter(Sender(ssrc=2), self._receiver, cname="listener", wall_offset=0.0, rng=rng)
        self._reports: deque[tuple[float, bytes]] = deque()

    def say(self, frame: Pcm, now: float) -> bytes | None:
        """See `Subject.say`."""
        while self._reports and self._reports[0][0] <= now:
            arrival, report = self._reports.popleft()
            self._talker.feed(report, arrival)
        return self._sender.push(frame, now)

    def arrive(self, packet: bytes, now: float) -> None:
        """See `Subject.arrive`."""
        self._receiver.feed(packet, now)

    def hear(self, now: float) -> Pcm:
        """See `Subject.hear`."""
        report = self._listener.poll(now)
        if report is not None:
            self._reports.append((now + self._REPORT_DELAY, report))
        return self._receiver.pull(now)

    def concealed_seconds(self) -> float:
        """See `Subject.concealed_seconds`."""
        stats = self._receiver.stats()
        return (stats.concealed_ms + stats.silence_ms) / 1000


class Aiortc:
    """aiortc's encoder, jitter buffer and decoder as its `RTCRtpSender` and `RTCRtpReceiver` use them.

    Decoded frames wait in a queue, as they do in a remote track, until the sound card wants them.
    """

    def __init__(self, seed: int) -> None:
        self._encoder, self._decoder = OpusEncoder(), OpusDecoder()
        self._buffer = JitterBuffer(capacity=16, prefetch=4)
        self._decoded: deque[Pcm] = deque()
        self._said = 0
        self._underruns = 0

    def say(self, frame: Pcm, now: float) -> bytes | None:
        """See `Subject.say`."""
        sound = AudioFrame.from_ndarray(frame.reshape(1, -1), format="s16", layout="mono")
        sound.sample_rate = SAMPLE_RATE
        sound.pts = self._said * FRAME_SAMPLES
        sound.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._said += 1
        payloads, timestamp = self._encoder.encode(sound)
        if not payloads:
            return None
        packet = RtpPacket(payload_type=96, sequence_number=self._said & 0xFFFF, timestamp=timestamp)
        packet.payload = payloads[0]
        return packet.serialize()

    def arrive(self, packet: bytes, now: float) -> None:
        """See `Subject.arrive`."""
        parsed = RtpPacket.parse(packet)
        parsed._data = parsed.payload  # type: ignore[attr-defined]  # as its receiver does
        _, encoded = self._buffer.add(parsed)
        if encoded is not None:
            for frame in self._decoder.decode(encoded):
                assert isinstance(frame, AudioFrame)
                self._decoded.append(mono(frame.to_ndarray()))

    def hear(self, now: float) -> Pcm | None:
        """See `Subject.hear`."""
        if self._decoded:
            return self._decoded.popleft()
        self._underruns += 1
        return None

    def concealed_seconds(self) -> float:
        """See `Subject.concealed_seconds`."""
        return self._underruns * FRAME_SECONDS


@dataclass(frozen=True)
class Playback:
    """What was heard, and the share of the time after the warm-up in which it was sound of the talker."""

    said: PlayedTape
    heard: PlayedTape
    real_share: float


def play(subject: Subject, sound: Pcm, profile: NetworkProfile, *, seed: int, warm_up: float) -> Playback:
    """Send `sound` through a network, in virtual time."""
    network = Network(profile, seed=seed)
    frames = len(sound) // FRAME_SAMPLES
    said_at, heard_at, heard = [], [], []
    concealed = 0.0
    for index in range(frames):
        now = (index + 1) * FRAME_SECONDS
        packet = subject.say(sound[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES], now)
        said_at.append(now)
        if packet is not None:
            network.send(packet, now)
        due = now + SOUND_CARD_PHASE
        for arrival, data in network.receive(due):
            subject.arrive(data, arrival)
        frame = subject.hear(due)
        heard.append(SILENCE if frame is None else frame.copy())
        heard_at.append(due)
        if due < warm_up:
            concealed = subject.concealed_seconds()
    concealed = subject.concealed_seconds() - concealed
    return Playback(
        _tape(said_at, [], []),
        _tape([], heard_at, heard),
        1 - concealed / (frames * FRAME_SECONDS - warm_up),
    )


def _tape(said_at: list[float], heard_at: list[float], heard: list[Pcm]) -> PlayedTape:
    return PlayedTape(
        said_at=np.array(said_at),
        heard=np.concatenate(heard) if heard else SILENCE[:0],
        heard_at=np.array(heard_at),
        ready_at=np.zeros(0),
        connected_at=0.0,
        trouble_at=0.0,
    )
