"""Two phones in one process talk to each other over a real WebRTC call, and things go wrong meanwhile."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

import psutil

import hullo
from hullo.call.event_stream import EventStream
from tests.situations.two_phones import listening, seen

GREETING = "Hello, this is hullo. How can I help you?"
QUESTION = "How is the weather today?"

_EARLIER: set[int] = set()
"""Processes that are there before a conversation, such as hosts that other tests share."""


@contextlib.asynccontextmanager
async def conversation() -> AsyncIterator[tuple[hullo.Call, hullo.Call, EventStream, EventStream]]:
    """A call between a phone that hears and speaks and one that only speaks: caller, agent, and their events."""
    mute_hearing = hullo.SpeechSettings(recogniser=None)
    _EARLIER.clear()
    _EARLIER.update(child.pid for child in psutil.Process().children())
    async with (
        asyncio.timeout(100),
        hullo.Phone(listen=("127.0.0.1", 0)) as agent_phone,
        hullo.Phone(speech=mute_hearing) as caller_phone,
    ):
        address = await listening(agent_phone)
        incoming = agent_phone.incoming()
        arriving = asyncio.ensure_future(anext(incoming))
        caller = caller_phone.dial(address)
        caller_events = caller.events()
        agent = await arriving
        agent_events = agent.events()
        await seen(caller_events, hullo.Connected)
        await seen(agent_events, hullo.Connected)
        yield caller, agent, caller_events, agent_events
        caller.hangup()
        await caller.wait_ended()
        await agent.wait_ended()
        await incoming.aclose()  # type: ignore[attr-defined]


def host_pid(role: str) -> int:
    """The agent's host: the first of our children since the conversation began that was started for the role."""
    children = [child for child in psutil.Process().children() if child.pid not in _EARLIER]
    children.sort(key=lambda child: child.create_time())
    return next(child.pid for child in children if role in child.cmdline())


async def test_what_is_said_is_heard_and_answered_with_times_of_every_part() -> None:
    async with conversation() as (caller, agent, caller_events, agent_events):
        caller.speak(QUESTION)
        speech = await seen(agent_events, hullo.Speech)
        assert speech.text == speech.transcript
        assert "weather" in speech.text
        assert 0 < speech.started_at < speech.ended_at
        agent.speak("It is sunny.")
        await seen(agent_events, hullo.Speaking)
        await seen(agent_events, hullo.Spoken)
        await seen(caller_events, hullo.Spoken)
    report = await agent.wait_ended()
    [turn] = report.turns
    assert turn.said == "It is sunny."
    assert turn.times.answer_ms is not None
    assert report.ending.reason == "hangup-user"
    assert report.leg.chosen is not None
    assert report.stats.packets_lost == 0


async def test_the_agent_is_interrupted_in_mid_sentence() -> None:
    async with conversation() as (_, agent, _, agent_events):
        first = agent.speak(
            "This sentence is quite long, and nobody will ever hear the very end of it, because it is cut."
        )
        second = agent.speak("And this one is never begun.")
        await seen(agent_events, hullo.Speaking)
        await asyncio.sleep(0.8)
        agent.interrupt()
        cut = await seen(agent_events, hullo.Interrupted)
        assert cut.utterance_id == first
        assert cut.heard_ms > 0
        assert cut.text.startswith(cut.heard_text)
        assert cut.heard_text != cut.text
        never = await seen(agent_events, hullo.Interrupted)
        assert (never.utterance_id, never.heard_ms) == (second, 0)


async def test_the_recogniser_dies_and_the_call_goes_on() -> None:
    async with conversation() as (caller, agent, _, agent_events):
        os.kill(host_pid("recogniser"), signal.SIGKILL)
        down = await seen(agent_events, hullo.Error)
        assert (down.component, down.retryable) == ("recogniser", True)
        await seen(agent_events, hullo.Error, lambda error: error.error == "running again")
        caller.speak(QUESTION)
        assert "weather" in (await seen(agent_events, hullo.Speech)).text
        assert agent.state == "active"


async def test_the_voice_dies_in_mid_sentence_and_the_sentence_is_finished() -> None:
    async with conversation() as (_, agent, _, agent_events):
        text = " ".join(f"This is sentence number {number} of a long answer." for number in range(4))
        utterance = agent.speak(text)
        await seen(agent_events, hullo.Speaking)
        os.kill(host_pid("voice"), signal.SIGKILL)
        spoken = await seen(agent_events, hullo.Spoken)
        assert spoken.utterance_id == utterance
        assert spoken.heard_ms > 7_000
