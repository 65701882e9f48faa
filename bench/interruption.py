"""Does the agent stop when it is interrupted, and only then? In virtual time, over both directions of a media path.

Measured on the waveform at the person's ear. The person's device gives back an echo where that is asked for.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Self

import numpy as np

from bench import people
from bench.result import Result, Target, quantile
from hullo.media.netsim import Network, NetworkProfile
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm
from hullo.media.receiver import Receiver
from hullo.media.sender import Sender
from hullo.speech.events import Interrupted, Paused, QueueEvent, Resumed
from hullo.speech.interruption.barge_in import BargeIn
from hullo.speech.interruption.decision import InterruptionSettings
from hullo.speech.listening.vad import SileroModel
from hullo.speech.speaking.queue import SpeechQueue

ONE_WAY = 0.01
"""Seconds that a packet takes; the person's network adds its own time to the figures, twice."""
_PROFILE = NetworkProfile(delay=ONE_WAY, jitter=0.002)
_DEVICE_PHASE = 0.0073
_DEVICE_SECONDS = 0.04
_AUDIBLE = 32768 * 10 ** (-45 / 20)
_AGENT = (
    "We have a table at seven and another one at nine. The kitchen is open until eleven. There is a garden behind the "
    "house, where you can sit when the weather is fine. Dogs are welcome. Please tell me how many people will come, "
    "and whether somebody eats no meat, so that we can prepare something nice for everybody who comes to dinner."
)


class Conversation:
    """An agent and a person. `ear` and `said_at` are what the person heard and when each of its frames was played."""

    def __init__(
        self, model: SileroModel, *, seed: int, tells_words: bool = True, echo_db: float | None = None
    ) -> None:
        self.now = 0.0
        self.events: list[tuple[float, QueueEvent]] = []
        self.ear: list[Pcm] = []
        self.queue = SpeechQueue(
            people.LocalVoice(tells_words=tells_words),
            lambda event: self.events.append((self.now, event)),
            clock=lambda: self.now,
        )
        self.barge_in = BargeIn(self.queue, model, InterruptionSettings(), lambda: 0.0)
        self._rng = np.random.default_rng(seed)
        self._down = _Way(seed)
        self._up = _Way(seed + 1)
        self._mouth = np.zeros(0, dtype=np.int16)
        self._echo = _Echo(echo_db, self._rng) if echo_db is not None else None
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

    def __init__(self, seed: int) -> None:
        self._sender = Sender(ssrc=seed + 1, first_sequence=0, first_timestamp=0, complexity=2)
        self._receiver = Receiver()
        self._network = Network(_PROFILE, seed=seed)

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
        self._response = np.concatenate([delay, tail / np.sqrt(np.sum(np.square(tail)))]) * 10 ** (decibels / 20)
        self._before = np.zeros(len(self._response) + FRAME_SAMPLES)

    def of(self, played: Pcm) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """What the microphone gets of it in the next frame."""
        self._before = np.concatenate([self._before[FRAME_SAMPLES:], played.astype(np.float64)])
        size = len(self._before)
        spectrum = np.fft.rfft(self._before) * np.fft.rfft(self._response, size)
        echo: np.ndarray[tuple[int], np.dtype[np.float64]] = np.fft.irfft(spectrum, size)[-FRAME_SAMPLES:]
        return echo


@dataclass
class Outcome:
    """What one sound of a person led to."""

    silent_after: float | None
    """Seconds from the first sample at the person's mouth to the last that it hears of the agent while it speaks."""
    yielded: bool
    pauses: list[float] = field(default_factory=list)
    right_words: list[bool] = field(default_factory=list)


async def outcome(model: SileroModel, sound: Pcm, *, seed: int, tells_words: bool = True) -> Outcome:
    """The agent speaks, the person makes this sound in the middle of it."""
    rng = np.random.default_rng(seed)
    async with Conversation(model, seed=seed, tells_words=tells_words) as conversation:
        conversation.queue.say(_AGENT)
        await conversation.run(float(rng.uniform(1.5, 6.0)))
        began = conversation.person_says(sound)
        length = len(sound) / SAMPLE_RATE
        await conversation.run(length + 1.5)
        return Outcome(
            silent_after=_silent_after(conversation, began, began + length),
            yielded=bool(conversation.of(Interrupted)),
            pauses=[event.paused_ms for _, event in conversation.of(Resumed) if isinstance(event, Resumed)],
            right_words=list(_right_words(conversation)),
        )


def _silent_after(conversation: Conversation, began: float, ended: float) -> float | None:
    """None when the agent is still heard at the end of what the person says."""
    heard = np.concatenate(conversation.ear)
    first = round((began - FRAME_SECONDS) * SAMPLE_RATE)  # frame 0 is played at the end of the first tick
    window = np.abs(heard[first : first + round((ended - began) * SAMPLE_RATE)])
    (loud,) = np.nonzero(window > _AUDIBLE)
    last = float(loud[-1] / SAMPLE_RATE) if len(loud) else 0.0
    return last if last < ended - began - 0.02 or last < 0.2 else None


def _right_words(conversation: Conversation) -> Iterator[bool]:
    """For each time that the agent went on: was that where the word begins that was cut?"""
    sound, begins = _spoken()
    heard = np.concatenate(conversation.ear)
    paused = [*conversation.of(Paused), (conversation.now, None)]
    for (_, cut), (at, _), (until, _) in zip(paused, conversation.of(Resumed), paused[1:], strict=False):
        assert isinstance(cut, Paused)
        place = _place_of(heard[round(at * SAMPLE_RATE) : round(until * SAMPLE_RATE)], sound)
        expected = max((begin for begin in begins if begin <= cut.heard_ms / 1000), default=0.0)
        yield abs(place - expected) <= 0.06


def _spoken() -> tuple[Pcm, list[float]]:
    """All that the agent says, and where its words begin."""
    from hullo.speech.speaking.sentences import sentences

    sounds, begins, at = [], [], 0
    for sentence in sentences(_AGENT):
        sound, words = people.espeak(sentence)
        begins += [at / SAMPLE_RATE + word.start_s for word in words]
        sounds.append(np.pad(sound, (0, -len(sound) % FRAME_SAMPLES)))
        at += len(sounds[-1])
    return np.concatenate(sounds), begins


def _place_of(heard: Pcm, sound: Pcm) -> float:
    """Where in `sound` the first audible 300 ms of `heard` are, in seconds."""
    (loud,) = np.nonzero(np.abs(heard) > _AUDIBLE)
    if not len(loud):
        return -1.0
    piece = heard[loud[0] : loud[0] + 14_400].astype(np.float64)
    whole = sound.astype(np.float64)
    size = len(sound) + len(piece)
    products = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(piece, size)), size)[: len(sound)]
    sums = np.cumsum(np.square(np.pad(whole, (1, len(piece)))))
    energy = sums[len(piece) : len(piece) + len(sound)] - sums[: len(sound)]
    return float(np.argmax(products / np.sqrt(energy + 1e6))) / SAMPLE_RATE


async def minutes(model: SileroModel, minutes: float, *, echo_db: float | None, seed: int) -> dict[str, float]:
    """The agent talks all the time, in a noisy room or with its own echo: how often did it pause, and stop?"""
    rng = np.random.default_rng(seed)
    async with Conversation(model, seed=seed, echo_db=echo_db) as conversation:
        spoken = 0
        while conversation.now < minutes * 60:
            conversation.queue.say(_AGENT)
            spoken += 1
            while not conversation.queue.idle and conversation.now < minutes * 60:
                if echo_db is None and not len(conversation._mouth):
                    conversation.person_says(people.noise(10.0, rng))
                await conversation.run(1.0)
                conversation.ear.clear()
        return {
            "utterances": spoken,
            "false_stop_share": len(conversation.of(Interrupted)) / spoken,
            "pauses_per_minute": len(conversation.of(Paused)) / minutes,
        }


def _figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    pauses = [pause for one in outcomes for pause in one.pauses]
    right = [word for one in outcomes for word in one.right_words]
    figures = {
        "trials": float(len(outcomes)),
        "yielded_share": sum(one.yielded for one in outcomes) / len(outcomes),
        "paused_share": sum(one.yielded or bool(one.pauses) for one in outcomes) / len(outcomes),
    }
    if pauses:
        figures |= {"pause_p50_ms": quantile(pauses, 0.5), "pause_p95_ms": quantile(pauses, 0.95)}
    if right:
        figures["right_word_share"] = sum(right) / len(right)
    return figures


def _all_say(texts: Sequence[str], count: int, dbfs: tuple[float, float], rng: np.random.Generator) -> list[Pcm]:
    speakers = zip(islice(cycle(texts), count), cycle(people.voices()), strict=False)
    return [people.says(text, voice, float(rng.uniform(*dbfs))) for text, voice in speakers]


async def run(quick: bool) -> Result:
    """Forty interruptions, twenty backchannels and twenty coughs, and twenty minutes of noise and echo."""
    model = SileroModel()
    rng = np.random.default_rng(4)
    count = 12 if quick else 40
    real = _all_say(people.INTERRUPTIONS, count, (-30, -20), rng)
    small = _all_say(people.BACKCHANNELS, count // 2, (-30, -22), rng)
    coughs = [people.cough(rng) for _ in range(count - count // 2)]
    interrupted = [await outcome(model, sound, seed=100 + n) for n, sound in enumerate(real)]
    agreed = [await outcome(model, sound, seed=200 + n) for n, sound in enumerate([*small, *coughs])]
    estimated = [
        await outcome(model, sound, seed=200 + n, tells_words=False) for n, sound in enumerate([*small, *coughs])
    ]
    silent = [one.silent_after for one in interrupted]
    stopped = [after for after in silent if after is not None]
    span = 1.0 if quick else 10.0
    measured = {
        "interruption": {
            **_figures(interrupted),
            "stopped_200_ms_share": sum(after <= 0.2 for after in stopped) / len(silent),
            "silent_p50_ms": 1000 * quantile(stopped, 0.5),
            "silent_p95_ms": 1000 * quantile(stopped, 0.95),
        },
        "backchannel": _figures(agreed[: len(small)]),
        "cough": _figures(agreed[len(small) :]),
        "small_sound": {**_figures(agreed), "estimated_right_word_share": _figures(estimated)["right_word_share"]},
        "noise": await minutes(model, span, echo_db=None, seed=5),
        "echo": await minutes(model, span, echo_db=-6.0, seed=6),
    }
    return Result(
        name="interruption",
        question="Does the agent stop when it is interrupted, and only then?",
        measured=measured,
        ratios={},
        targets=[
            Target("interruption_stopped_200_ms_share", least=0.95),
            Target("interruption_yielded_share", least=0.95),
            Target("small_sound_yielded_share", most=0.05),
            Target("small_sound_right_word_share", least=0.9),
            Target("noise_false_stop_share", most=0.05),
            Target("echo_false_stop_share", most=0.05),
        ],
        conditions={"one_way_ms": ONE_WAY * 1000, "voices": people.voices(), "minutes_each": span},
    )
