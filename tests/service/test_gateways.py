"""The example gateways, in Node and in Python, hold the same conversation and survive a restart of the daemon."""

import asyncio
import contextlib
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hullo.call import events
from hullo.call.call import Call
from hullo.call.event_stream import EventStream
from hullo.call.report import TurnTimes
from hullo.call.states import CallState
from hullo.lines.line import EndReason
from hullo.speech.service import SpeechService
from tests.service.node_programs import node
from tests.service.socket_client import Running, running, short_directory

EXAMPLES = Path(__file__).parents[2] / "examples"
GREETING = "Hello, this is Hullo. How can I help you?"
TIMES = TurnTimes(end_of_speech_ms=600, recognition_ms=100)


def command(kind: str) -> list[str]:
    return [node(), str(EXAMPLES / "gateway.mjs")] if kind == "node" else [sys.executable, str(EXAMPLES / "gateway.py")]


@contextlib.asynccontextmanager
async def gateway(kind: str, path: Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*command(kind), str(path), stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(60):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    return (await stream.readline()).decode().strip()


async def incoming_call(server: Running) -> Call:
    """A call that the gateway has taken."""
    server.line.ring("ann")
    (call,) = server.board.live()
    while call.state is not CallState.ACTIVE:
        assert call.state is not CallState.ENDED
        await asyncio.sleep(0.01)
    return call


def hears(call: Call, text: str) -> None:
    """The recogniser's part: the peer has said `text`."""
    call.emit(
        events.Speech,
        text=text,
        transcript=text,
        confidence=0.9,
        is_final=True,
        started_at=1.0,
        ended_at=2.0,
        times=TIMES,
    )


async def next_of(stream: EventStream, kind: type[events.Event]) -> events.Event:
    async for event in stream:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"the call ended without {kind}")


async def begun(stream: EventStream) -> str:
    """What the gateway says next, as soon as it can be heard."""
    event = await next_of(stream, events.Speaking)
    assert isinstance(event, events.Speaking)
    return event.text


@pytest.mark.parametrize("kind", ["node", "python"])
async def test_a_conversation_in_which_the_answers_depend_on_what_was_said(kind: str) -> None:
    async with SpeechService() as speech, running(speech=speech) as server, gateway(kind, server.path) as process:
        assert await line_of(process.stdout) == f"connected to {server.path}"
        call = await incoming_call(server)
        happened, cut_short = call.events(), call.events()
        assert await begun(happened) == GREETING
        for said, answer in (
            ("What time is it?", r"It is \d{1,2} (o'clock|oh \d|\d\d)\."),
            ("how is the weather today", "I have no window, but I hope the sun shines where you are."),
            ("what can you do", "I can tell you the time and the day, and talk about the weather."),
            ("blue cheese", r"You said: blue cheese\. I only know the time, the day and the weather\."),
        ):
            hears(call, said)
            assert re.fullmatch(answer, await begun(happened))
        assert isinstance(cut := await next_of(cut_short, events.Interrupted), events.Interrupted)
        assert cut.text == GREETING
        hears(call, "thank you and goodbye")
        assert await begun(happened) == "Goodbye, and thank you for calling."
        ending = (await call.wait_ended()).ending
        assert (ending.reason, ending.detail) == (EndReason.HANGUP_BOT, "we hung up")
        assert isinstance(await next_of(happened, events.Spoken), events.Spoken)
        lines = [(await line_of(process.stdout)).removeprefix(call.call_id).strip() for _ in range(14)]
        assert lines[0] == "rings, from ann"
        assert lines[1].startswith("connected after")
        assert lines[2:4] == [f"says: {GREETING}", "heard: What time is it?"]
        assert lines[-1].endswith("s: hangup-bot")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert process.stderr is not None
        assert await process.stderr.read() == b""


@pytest.mark.parametrize("kind", ["node", "python"])
async def test_noise_is_apologised_for_once_until_something_is_understood(kind: str) -> None:
    async with SpeechService() as speech, running(speech=speech) as server, gateway(kind, server.path) as process:
        call = await incoming_call(server)
        happened = call.events()
        assert await begun(happened) == GREETING
        for _ in range(3):
            call.emit(events.Unclear, started_at=1.0, ended_at=2.0, times=TIMES)
        hears(call, "hello")
        call.emit(events.Unclear, started_at=3.0, ended_at=4.0, times=TIMES)
        assert await begun(happened) == "Hello. Ask me for the time, or about the weather."
        assert await begun(happened) == "Sorry, I did not understand that."
        lines = [(await line_of(process.stdout)).removeprefix(call.call_id).strip() for _ in range(8)]
        assert lines[4:] == [
            "says: Sorry, I did not understand that.",
            "heard: hello",
            "says: Hello. Ask me for the time, or about the weather.",
            "says: Sorry, I did not understand that.",
        ]


@pytest.mark.parametrize("kind", ["node", "python"])
async def test_without_a_daemon_it_says_so_once_and_comes_back(kind: str) -> None:
    with short_directory() as directory:
        path = directory / "s"
        async with gateway(kind, path) as process:
            assert await line_of(process.stderr) == f'no daemon at {path}: start one with "hullo serve"; trying again'
            for _ in range(2):
                async with running(path=path) as server:
                    assert await line_of(process.stdout) == f"connected to {path}"
                    call = await incoming_call(server)
                    assert (await line_of(process.stdout)).endswith("rings, from ann")
                    assert (await line_of(process.stdout)).startswith(f"{call.call_id}  connected after")
                    assert (await line_of(process.stdout)).endswith(f"says: {GREETING}")
                    assert "without speech" in await line_of(process.stderr)
                assert "this process is stopping" in (await call.wait_ended()).ending.detail
                assert (await line_of(process.stdout)).endswith("s: hangup-bot")
                assert await line_of(process.stderr) == f"lost the daemon at {path}; trying again"
                assert (await line_of(process.stderr)).startswith(f"no daemon at {path}")


@pytest.mark.parametrize("kind", ["node", "python"])
async def test_a_call_that_rang_before_the_gateway_came_is_taken(kind: str) -> None:
    async with running() as server:
        server.line.ring("bob")
        (call,) = server.board.live()
        async with gateway(kind, server.path):
            while call.state is CallState.INCOMING:
                await asyncio.sleep(0.01)
            assert call.state in (CallState.CONNECTING, CallState.ACTIVE)
