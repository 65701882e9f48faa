"""An agent that speaks and a person who makes sounds, in virtual time over both directions of a media path.

What is heard is measured on the waveform at the person's ear; its device gives back an echo where that is asked for.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import numpy as np

from bench import people
from hullo.media.netsim import Network, NetworkProfile
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm
from hullo.media.receiver import Receiver
from hullo.media.sender import Sender
from hullo.speech.events import QueueEvent
from hullo.speech.interruption.barge_in import BargeIn
from hullo.speech.interruption.decision import InterruptionSettings
from hullo.speech.listening.vad import SileroModel
from hullo.speech.speaking.queue import SpeechQueue

NEAR = NetworkProfile(delay=0.01, jitter=0.002)
"""What a packet takes, one way; the person's network adds its own time to the figures, twice."""
FAR = NetworkProfile(delay=0.03, jitter=0.005, loss=0.05)
_DEVICE_PHASE = 0.0073
_DEVICE_SECONDS = 0.04
_PEER_BUFFER = 0.06


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What differs between conversations: the network, how we are interrupted, and the voice of the agent.

    `agent` is a voice of Flite, which does not tell its words; None for eSpeak NG, which does. `echo_db` is how much
    of us the person's microphone gets; None for nothing.
    """

    network: NetworkProfile = NEAR
    interruption: InterruptionSettings = InterruptionSettings()  # noqa: RUF009  # frozen
    agent: str | None = None
    echo_db: float | None = None


class Conversation:
    """An agent and a person. `ear` and `said_at` are what the person heard and when each of its frames was played."""

    def __init__(self, model: SileroModel, setting: Setting, *, seed: int) -> None:
        self.now = 0.0
        self.events: list[tuple[float, QueueEvent]] = []
        self.ear: list[Pcm] = []
        self.queue = SpeechQueue(
            people.LocalVoice(setting.agent),
            lambda event: self.events.append((self.now, event)),
            clock=lambda: self.now,
            aligner=people.LocalAligner(),
        )
        self.barge_in = BargeIn(self.queue, model, setting.interruption, lambda: self.heard_delay)
        self.heard_delay = setting.network.delay + _PEER_BUFFER
        self._rng = np.random.default_rng(seed)
        self._down = _Way(setting.network, seed)
        self._up = _Way(setting.network, seed + 1)
        self._mouth = np.zeros(0, dtype=np.int16)
        self._echo = _Echo(setting.echo_db, self._rng) if setting.echo_db is not None else None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.queue.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._running is not None
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    def person_says(self, sound: Pcm) -> float:
        """The person begins with the next frame; the time of the first sample at its mouth."""
        self._mouth = sound
        return self.now + _DEVICE_PHASE

    @property
    def person_is_silent(self) -> bool:
        """Whether it has said what it was to say."""
        return not len(self._mouth)

    async def run(self, seconds: float) -> None:
        """Let so much time pass."""
        for _ in range(round(seconds / FRAME_SECONDS)):
            await asyncio.sleep(0)
            self._tick()
        await asyncio.sleep(0)

    def of(self, kind: type[QueueEvent]) -> list[tuple[float, QueueEvent]]:
        """The events of one kind, with their times."""
        return [(at, event) for at, event in self.events if isinstance(event, kind)]

    def _tick(self) -> None:
        self.now += FRAME_SECONDS
        heard = self._up.receive(self.now)
        self.barge_in.hear(heard, self.now)
        frame = self.queue.next_frame(self.now)
        self.barge_in.said(frame)
        self._down.send(np.zeros(FRAME_SAMPLES, dtype=np.int16) if frame is None else frame, self.now)
        # The person's device, whose clock ticks a third of a frame later.
        device = self.now + _DEVICE_PHASE
        self.ear.append(self._down.receive(device))
        self._up.send(self._person(self.ear[-1]), device)

    def _person(self, heard: Pcm) -> Pcm:
        mouth, self._mouth = self._mouth[:FRAME_SAMPLES], self._mouth[FRAME_SAMPLES:]
        sound = self._rng.normal(0, 15, FRAME_SAMPLES)
        sound[: len(mouth)] += mouth
        if self._echo is not None:
            sound += self._echo.of(heard)
        return np.clip(sound, -32768, 32767).astype(np.int16)


class _Way:
    """One direction of the media path."""

    def __init__(self, profile: NetworkProfile, seed: int) -> None:
        self._sender = Sender(ssrc=seed + 1, first_sequence=0, first_timestamp=0, complexity=2)
        self._receiver = Receiver()
        self._network = Network(profile, seed=seed)

    def send(self, frame: Pcm, now: float) -> None:
        packet = self._sender.push(frame, now)
        if packet is not None:
            self._network.send(packet, now)

    def receive(self, now: float) -> Pcm:
        for arrival, packet in self._network.receive(now):
            self._receiver.feed(packet, arrival)
        return self._receiver.pull(now)


class _Echo:
    """A loudspeaker, a room with 150 ms of reverberation, and a microphone."""

    def __init__(self, decibels: float, rng: np.random.Generator) -> None:
        tail = rng.normal(size=int(0.15 * SAMPLE_RATE)) * np.exp(-np.arange(int(0.15 * SAMPLE_RATE)) / 1920) * 0.01
        tail[0] = 1.0
        delay = np.zeros(int(_DEVICE_SECONDS * SAMPLE_RATE))
        response = np.concatenate([delay, tail / np.sqrt(np.sum(np.square(tail)))]) * 10 ** (decibels / 20)
        self._before = np.zeros(len(response) + FRAME_SAMPLES)
        self._transfer = np.fft.rfft(response, len(self._before))

    def of(self, played: Pcm) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """What the microphone gets of it in the next frame."""
        self._before = np.concatenate([self._before[FRAME_SAMPLES:], played.astype(np.float64)])
        spectrum = np.fft.rfft(self._before) * self._transfer
        echo: np.ndarray[tuple[int], np.dtype[np.float64]] = np.fft.irfft(spectrum, len(self._before))[-FRAME_SAMPLES:]
        return echo
