"""What a call says and how it is told, with a voice over HTTP and a far end in this process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hullo.call import events
from hullo.call.call import Call
from hullo.call.event_stream import EventStream
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.cli.conversation import hold
from hullo.cli.conversation_options import Task
from hullo.lines.line import EndReason
from hullo.media.pcm import Pcm
from hullo.speech.events import Cause, Transcript
from hullo.speech.servers.client import whole
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.service.loopback_line import LoopbackLine
from tests.speech.openai_server import KEY, OpenAiHost
from tests.speech.support import eventually, frames


@asynccontextmanager
async def talking(host: OpenAiHost) -> AsyncIterator[tuple[Call, EventStream, LoopbackLine]]:
    """A call that is connected, and what happens from then on."""
    line = LoopbackLine()
    async with host.serving() as base:
        settings = SpeechSettings(recogniser=None, voice=base, voice_api_key=KEY)
        async with SpeechService(settings) as speech, Switchboard([line], speech=speech) as board:
            call = board.dial("loop:ann")
            stream = call.events()
            await until(stream, events.Connected)
            yield call, stream, line


async def until(stream: EventStream, *kinds: type[events.Event]) -> list[events.CallEvent]:
    """All that happens up to the first event of one of these kinds."""
    happened: list[events.CallEvent] = []
    async for event in stream:
        happened.append(event)
        if isinstance(event, kinds):
            break
    return happened


async def test_what_cannot_be_said_is_told_by_its_name(tmp_path: Path) -> None:
    async with talking(OpenAiHost(trouble="400", after=1)) as (call, stream, _):
        call.start_recording(str(tmp_path / "call.wav"), str(tmp_path / "call.vtt"))
        call.open_stream("s")
        call.append("s", "One two three. ")
        (speaking,) = (one for one in await until(stream, events.Speaking) if isinstance(one, events.Speaking))
        call.append("s", "Four five six. ", end=True)
        *_, error = await until(stream, events.Error, events.Spoken, events.Ended)
        assert isinstance(error, events.Error)
        assert (error.component, error.utterance_id) == ("voice", speaking.utterance_id)
        assert error.heard_text == "One two three."
        # What could not be said holds up nothing of the transcript.
        assert "One two three." in (tmp_path / "call.vtt").read_text()
        call.hangup()
        assert (await call.wait_ended()).errors == [f"voice: {error.error}"]


async def test_a_transcript_does_not_take_the_place_of_its_recording(tmp_path: Path) -> None:
    async with talking(OpenAiHost()) as (call, _, _):
        with pytest.raises(ValueError, match="can't be the same file"):
            call.start_recording(str(tmp_path / "call.wav"), str(tmp_path / "call.wav"))
        assert not (tmp_path / "call.wav").exists()


async def test_a_call_that_ends_in_mid_sentence_tells_what_was_heard() -> None:
    async with talking(OpenAiHost()) as (call, stream, line):
        first = call.speak("One two three four five six seven eight nine ten.")
        second = call.speak("Nobody ever hears this.")
        await until(stream, events.Speaking)
        await eventually(lambda: line.legs[0].frames_sent > 50)
        line.legs[0].hang_up()
        *_, cut, dropped, ended = await until(stream, events.Ended)
        assert isinstance(cut, events.Interrupted)
        assert isinstance(dropped, events.Interrupted)
        assert isinstance(ended, events.Ended)
        assert (cut.utterance_id, dropped.utterance_id) == (first, second)
        assert (cut.cause, dropped.cause) == (Cause.ENDED, Cause.ENDED)
        assert cut.heard_text.startswith("One two")
        assert not cut.heard_text.endswith("ten.")
        assert dropped.heard_text == ""


async def test_the_shell_does_not_wait_for_what_cannot_be_said(tmp_path: Path) -> None:
    record, written = tmp_path / "call.wav", tmp_path / "call.vtt"
    say = ["Hello.", "Goodbye."]
    task = Task(say=say, play=[], record=record, transcript=written, stay=0.0, speech=True, as_json=True)
    host = OpenAiHost(trouble="400", after=1)
    async with host.serving() as base:
        settings = SpeechSettings(recogniser=None, voice=base, voice_api_key=KEY)
        async with SpeechService(settings) as speech, Switchboard([LoopbackLine()], speech=speech) as board:
            call = board.dial("loop:ann")
            async with asyncio.timeout(30):
                held = await hold(call, call.events(), task)
    assert held.unsaid == 1
    assert held.report.ending.reason is EndReason.HANGUP_BOT
    assert "<v us>Hello." in written.read_text()


async def test_fillers_are_ready_and_follow_no_agreement() -> None:
    host, line = OpenAiHost(), LoopbackLine()
    async with host.serving() as base:
        settings = SpeechSettings(
            recogniser=None, voice=base, voice_api_key=KEY, filler=("One moment.",), filler_after=0.6
        )
        async with SpeechService(settings) as speech, Switchboard([line], speech=speech) as board:
            await eventually(lambda: [asked["input"] for asked in host.asked] == ["One moment."])
            call = board.dial("loop:ann")
            stream = call.events()
            await until(stream, events.Connected)
            call.speak("Hello there.")
            await until(stream, events.Speaking)
            hears(call, "Mm-hm.")
            await until(stream, events.Spoken)
            quiet_since = line.legs[0].frames_sent
            await asyncio.sleep(0.6)
            assert line.legs[0].frames_sent == quiet_since
            hears(call, "Where are you?")
            *_, filler = await until(stream, events.Speaking)
            assert isinstance(filler, events.Speaking)
            assert filler.text == "One moment."
            assert len(host.asked) == 2  # not once more for the filler


def hears(call: Call, text: str) -> None:
    """The recogniser understood this."""
    voice = call._sound.voice
    assert voice is not None
    voice._on_event(
        Transcript(text=text, confidence=None, started_at=0.0, ended_at=1.0, end_of_speech_ms=1.0, recognition_ms=1.0)
    )


def saying(sound: Pcm, said: asyncio.Event) -> Iterator[Pcm]:
    yield from frames(sound)
    said.set()


@asynccontextmanager
async def hearing(host: OpenAiHost) -> AsyncIterator[tuple[Call, EventStream, LoopbackLine]]:
    """A call in the middle of a sentence of its peer, and what happens from then on."""
    line = LoopbackLine()
    async with host.serving() as base:
        settings = SpeechSettings(recogniser=base, recogniser_api_key=KEY, live_words=False)
        async with SpeechService(settings) as speech, Switchboard([line], speech=speech) as board:
            assert speech.voice is not None
            sentence = await whole(
                speech.voice.synthesise("We would like to come on Saturday, and bring the children.")
            )
            call = board.dial("loop:ann")
            stream = call.events()
            await until(stream, events.Connected)
            said = asyncio.Event()
            line.legs[0].peer_says = saying(sentence[:-24_000], said)
            await until(stream, events.SpeechStarted)
            await said.wait()
            yield call, stream, line


async def test_what_the_peer_said_last_is_told_before_the_end() -> None:
    async with hearing(OpenAiHost()) as (call, stream, line):
        line.legs[0].hang_up()
        *_, speech, ended = await until(stream, events.Ended)
        assert isinstance(speech, events.Speech)
        assert speech.text.startswith("That was")
        assert speech.call_over
        assert isinstance(ended, events.Ended)
        assert ended.report.turns[-1].heard == speech.text
        assert call.state is CallState.ENDED


async def test_a_recogniser_that_does_not_answer_keeps_no_call_from_ending() -> None:
    async with hearing(OpenAiHost(trouble="hang")) as (call, stream, _):
        call.hangup()
        late = call.speak("Who answers what comes last must not fail.")
        *_, unheard, ended = told = await until(stream, events.Ended)
        assert isinstance(unheard, events.Interrupted)
        assert (unheard.utterance_id, unheard.cause, unheard.heard_text) == (late, Cause.ENDED, "")
        assert isinstance(ended, events.Ended)
        assert not any(isinstance(event, events.Speech) for event in told)
