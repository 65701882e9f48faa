"""A peer and a queue in virtual time, with the real voice activity and real voices; no network in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SILENCE, Pcm
from hullo.speech.events import Cause, Interrupted, Paused, QueueEvent, Resumed, Speaking, Spoken
from hullo.speech.interruption.barge_in import BargeIn
from hullo.speech.interruption.decision import InterruptionSettings
from hullo.speech.listening.vad import SileroModel
from hullo.speech.servers.client import VoiceClient
from hullo.speech.speaking.queue import SpeechQueue
from tests.speech.support import eventually, frames, spoken, white_noise

ANSWER = "We have a table at seven and another one at nine, and the kitchen is open until eleven every day."


class Talk:
    """We speak, the peer does what it does, and `heard` is what goes to the recogniser."""

    def __init__(self, voice: VoiceClient, model: SileroModel) -> None:
        self.events: list[QueueEvent] = []
        self.model = model
        self.now = 1000.0
        self.queue = SpeechQueue(voice, self.events.append, clock=lambda: self.now)
        self.barge_in = BargeIn(self.queue, model, InterruptionSettings(), lambda: 0.0)
        self.heard: list[Pcm] = []
        self.said: list[Pcm | None] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.queue.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def says(self, text: str, **options: bool) -> None:
        self.queue.say(text, **options)
        await eventually(lambda: self.queue.ahead > 1.0)

    def hears(self, sound: Pcm) -> None:
        for frame in frames(sound):
            self.now += FRAME_SECONDS
            self.heard.append(self.barge_in.hear(frame, self.now))
            self.said.append(self.queue.next_frame(self.now))
            self.barge_in.said(self.said[-1])

    async def hears_silence(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.hears(SILENCE)
            await asyncio.sleep(0.001)
            await eventually(lambda: self.queue._feeding is None or self.queue.ahead > 0.5)  # the voice keeps up

    def kinds(self) -> list[type[QueueEvent]]:
        return [type(event) for event in self.events]


@pytest.fixture
def talk(voice: VoiceClient, model: SileroModel) -> Talk:
    return Talk(voice, model)


async def peer(voice: VoiceClient, text: str) -> Pcm:
    sound = await spoken(voice, text)
    first = int(np.argmax(np.abs(sound) > 500))
    return sound[first:] + white_noise(len(sound) / 48_000, -65)[first:]


async def test_a_peer_who_goes_on_speaking_interrupts(talk: Talk, voice: VoiceClient) -> None:
    async with talk.running():
        await talk.says(ANSWER)
        await talk.hears_silence(1.5)
        talk.hears(await peer(voice, "Wait a moment, I would like to ask something else."))
        assert talk.queue.idle
    assert talk.kinds() == [Speaking, Paused, Interrupted]
    stopped = talk.events[-1]
    assert isinstance(stopped, Interrupted)
    assert stopped.cause is Cause.SPEECH
    assert stopped.word_timing == "voice"
    assert ANSWER.startswith(stopped.heard_text)
    assert 3 <= len(stopped.heard_text.split()) <= 8


async def test_a_peer_who_agrees_lets_us_go_on_at_the_word(talk: Talk, voice: VoiceClient) -> None:
    async with talk.running():
        await talk.says(ANSWER)
        await talk.hears_silence(1.5)
        talk.hears(await peer(voice, "Yeah."))
        await talk.hears_silence(1.0)
        talk.barge_in.understood("yeah", talk.now)
        await talk.hears_silence(7.0)
    assert talk.kinds() == [Speaking, Paused, Resumed, Spoken]
    resumed = talk.events[2]
    assert isinstance(resumed, Resumed)
    assert resumed.word_timing == "voice"


async def test_a_short_word_that_wants_the_floor_gets_it_when_it_is_understood(talk: Talk, voice: VoiceClient) -> None:
    async with talk.running():
        await talk.says(ANSWER)
        await talk.hears_silence(1.5)
        talk.hears(await peer(voice, "Stop."))
        await talk.hears_silence(0.8)
        talk.barge_in.understood("stop", talk.now)
        assert talk.queue.idle
    assert talk.kinds() == [Speaking, Paused, Resumed, Interrupted]


async def test_who_may_not_be_interrupted_is_not(talk: Talk, voice: VoiceClient) -> None:
    sound = await peer(voice, "Wait a moment, I would like to ask something else.")
    async with talk.running():
        await talk.says(ANSWER, interruptible=False)
        await talk.hears_silence(1.0)
        talk.hears(sound)
        assert talk.kinds() == [Speaking]
        talk.queue.interrupt()
        talk.barge_in.enabled = False
        await talk.says(ANSWER)
        await talk.hears_silence(1.0)
        talk.hears(sound)
    assert talk.kinds() == [Speaking, Interrupted, Speaking]


async def test_what_may_not_be_interrupted_is_not_said_lower_because_of_what_was_before(
    talk: Talk, voice: VoiceClient
) -> None:
    talk.barge_in = BargeIn(talk.queue, talk.model, InterruptionSettings(stop=1.2), lambda: 0.0)
    async with talk.running():
        talk.queue.say("One moment, please.")
        await talk.says(ANSWER, interruptible=False)
        vowel = (await peer(voice, "Yeah."))[4_800:14_400]
        await talk.hears_silence(1.2)
        levels = []
        for frame in frames(np.tile(vowel, 5)):
            talk.hears(frame)
            if talk.queue.interruptible:
                levels.append(talk.queue._loudness._wanted)
            await asyncio.sleep(0.001)
        assert levels[-1] < 1.0
        assert talk.kinds() == [Speaking, Spoken, Speaking]
        assert talk.queue._loudness._wanted == 1.0
    assert Paused not in talk.kinds()


async def test_who_forbids_interruptions_in_a_pause_ends_it(talk: Talk, voice: VoiceClient) -> None:
    async with talk.running():
        await talk.says(ANSWER)
        await talk.hears_silence(1.0)
        talk.hears((await peer(voice, "Wait a moment."))[: 48_000 // 3])
        assert talk.queue.paused
        talk.barge_in.enabled = False
        assert talk.queue.sounding
    assert talk.kinds() == [Speaking, Paused, Resumed]


async def test_what_is_said_after_a_request_interrupted_is_not_held_against_the_peer(
    talk: Talk, voice: VoiceClient
) -> None:
    sound = await peer(voice, "Wait a moment, I would like to ask something else.")
    async with talk.running():
        await talk.says(ANSWER)
        await talk.hears_silence(1.0)
        talk.hears(sound[:24_000])
        assert talk.queue.paused
        talk.queue.interrupt()
        talk.hears(sound[24_000:])
        assert talk.kinds() == [Speaking, Paused, Interrupted]
        await talk.says("Something new is said now, to the end.")
        await talk.hears_silence(5.0)
    assert talk.kinds() == [Speaking, Paused, Interrupted, Speaking, Spoken]


async def test_our_echo_does_not_interrupt_us_and_is_not_recognised(talk: Talk) -> None:
    echo = [SILENCE] * 10
    rng = np.random.default_rng(1)
    async with talk.running():
        await talk.says(ANSWER + " " + ANSWER)
        for _ in range(500):
            came = echo.pop(0) * 0.5 + rng.normal(0, 15, FRAME_SAMPLES)
            talk.hears(came.astype(np.int16))
            last = talk.said[-1]
            echo.append(SILENCE if last is None else last)
            await asyncio.sleep(0.001)
    assert Interrupted not in talk.kinds()
    assert talk.kinds().count(Paused) <= 1, "before the echo is known it may be taken for somebody"
    passed = [frame for frame in talk.heard[150:] if frame.any()]
    assert len(passed) < 0.1 * len(talk.heard)
