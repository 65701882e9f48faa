"""A call between two phones in one process: the agent, with engines that a test names, and a caller."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

import hullo
from hullo.call.event_stream import EventStream
from hullo.media.pcm import Pcm, level_dbfs
from hullo.speech.speaking.audiofile import stream_file

EventT = TypeVar("EventT", bound=hullo.CallEvent)


@dataclass(frozen=True)
class TwoPhones:
    """Both ends of one call that is connected, and the events of each."""

    caller: hullo.Call
    agent: hullo.Call
    caller_events: EventStream
    agent_events: EventStream
    directory: Path

    async def heard(self, question: str = "Do you have a table for four people?") -> hullo.Speech:
        """Let the caller say `question`; what the agent understood."""
        self.caller.speak(question)
        return await seen(self.agent_events, hullo.Speech)

    async def said(self, text: str) -> Pcm:
        """Let the agent say `text`; what arrived at the caller's ear."""
        path = self.directory / f"heard-{len(list(self.directory.iterdir()))}.wav"
        self.caller.start_recording(str(path))
        utterance_id = self.agent.speak(text, interruptible=False)
        await seen(self.agent_events, hullo.Spoken, lambda event: event.utterance_id == utterance_id)
        await asyncio.sleep(0.3)  # what is under way
        await self.caller.stop_recording()
        return np.concatenate([piece async for piece in stream_file(path)])

    async def error(self, component: str, such: Callable[[str], bool] = lambda text: True) -> hullo.Error:
        """The next error of the component of which `such` is true, as the agent's gateway is told."""
        return await seen(
            self.agent_events, hullo.Error, lambda event: event.component == component and such(event.error)
        )


@contextlib.asynccontextmanager
async def two_phones(directory: Path, speech: hullo.SpeechSettings, seconds: float = 100) -> AsyncIterator[TwoPhones]:
    """A call to an agent that hears and speaks as `speech` says; it must still be active at the end."""
    async with (
        asyncio.timeout(seconds),
        hullo.Phone(listen=("127.0.0.1", 0), speech=speech) as agent_phone,
        hullo.Phone(speech=hullo.SpeechSettings(recogniser=None)) as caller_phone,
    ):
        incoming = agent_phone.incoming()
        arriving = asyncio.ensure_future(anext(incoming))
        caller = caller_phone.dial(await listening(agent_phone))
        caller_events = caller.events()
        agent = await arriving
        agent_events = agent.events()
        await seen(caller_events, hullo.Connected)
        await seen(agent_events, hullo.Connected)
        recordings = directory / "recordings"
        recordings.mkdir(exist_ok=True)
        yield TwoPhones(caller, agent, caller_events, agent_events, recordings)
        assert agent.state == caller.state == "active"
        caller.hangup()
        await caller.wait_ended()
        await agent.wait_ended()
        await incoming.aclose()  # type: ignore[attr-defined]


async def listening(phone: hullo.Phone) -> str:
    """The address at which the phone can be called."""
    while True:
        [line] = phone.switchboard.line_statuses()
        if line.address is not None:
            return line.address
        await asyncio.sleep(0.01)


async def seen(stream: EventStream, kind: type[EventT], such: Callable[[EventT], bool] = lambda event: True) -> EventT:
    """The next event of the kind of which `such` is true."""
    async for event in stream:
        if isinstance(event, kind) and such(event):
            return event
    pytest.fail(f"the call ended without {kind.__name__}")


def audible_seconds(sound: Pcm) -> float:
    """How much of it is louder than -45 dBFS, in pieces of 20 ms."""
    whole = len(sound) // 960 * 960
    return sum(0.02 for frame in sound[:whole].reshape(-1, 960) if level_dbfs(frame) > -45)
