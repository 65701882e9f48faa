"""An attendant on a real switchboard with a real voice; what the peer says comes as the event of its recognition."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from hullo.brain.attendant import Attendant
from hullo.brain.attendant_settings import AttendantSettings
from hullo.brain.brain import Brain, BrainError, Message
from hullo.call import events
from hullo.call.call import Call
from hullo.call.event_stream import EventStream
from hullo.call.patch import Passage, Patch
from hullo.call.report import TurnTimes
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.service.loopback_line import LoopbackLine
from tests.speech.support import eventually

EventT = TypeVar("EventT", bound=events.Event)


class ScriptedBrain:
    """Answers with what is put into `pieces`; None ends an answer, an error is raised."""

    def __init__(self) -> None:
        self.asked: list[list[Message]] = []
        self.pieces: asyncio.Queue[str | BrainError | None] = asyncio.Queue()
        self.given_up = 0

    async def answer(self, conversation: Sequence[Message]) -> AsyncGenerator[str, None]:
        self.asked.append(list(conversation))
        try:
            while (piece := await self.pieces.get()) is not None:
                if isinstance(piece, BrainError):
                    raise piece
                yield piece
        except (GeneratorExit, asyncio.CancelledError):
            self.given_up += 1
            raise

    def answers(self, *pieces: str | BrainError | None) -> None:
        for piece in pieces:
            self.pieces.put_nowait(piece)


class Attended:
    """A call with an attendant; the test is the peer."""

    def __init__(self, call: Call, brain: ScriptedBrain, stream: EventStream) -> None:
        self.call = call
        self.brain = brain
        self._stream = stream

    def says(self, text: str) -> None:
        self.call.emit(
            events.Speech,
            text=text,
            transcript=text,
            confidence=None,
            is_final=True,
            started_at=0.0,
            ended_at=1.0,
            times=TurnTimes(end_of_speech_ms=1, recognition_ms=1),
        )

    async def until(self, kind: type[EventT]) -> EventT:
        async with asyncio.timeout(30):
            async for event in self._stream:
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"the call ended without {kind}")

    def contents(self) -> list[str]:
        return [f"{message.role}: {message.content}" for message in self.brain.asked[-1]]


@asynccontextmanager
async def attended(settings: AttendantSettings, *, fails: str | None = None) -> AsyncIterator[Attended]:
    brain = ScriptedBrain()

    @asynccontextmanager
    async def make(_: Call) -> AsyncIterator[Brain]:
        if fails is not None:
            raise BrainError(fails)
        yield brain

    line = LoopbackLine()
    async with (
        asyncio.timeout(60),
        SpeechService(SpeechSettings(recogniser=None)) as speech,
        asyncio.TaskGroup() as tasks,
        Switchboard([line], speech=speech) as board,
    ):
        running = tasks.create_task(Attendant(board, make, settings).run())
        everything = board.stream()
        await asyncio.sleep(0)
        line.ring("somebody")
        async for event in everything:
            call = board.call(event.call_id)
            yield Attended(call, brain, call.events())
            break
        running.cancel()


async def test_the_call_is_answered_greeted_and_each_thing_said_gets_an_answer() -> None:
    async with attended(AttendantSettings(greeting="Hello.", prompt="Be brief.")) as peer:
        assert (await peer.until(events.Spoken)).text == "Hello."
        peer.says("Are you open?")
        peer.brain.answers("Yes", ", we are. And", " you?", None)
        speaking = await peer.until(events.Speaking)
        assert speaking.text.startswith("Yes, we are.")
        assert (await peer.until(events.Spoken)).text == "Yes, we are. And you?"
        assert peer.contents() == ["system: Be brief.", "assistant: Hello.", "user: Are you open?"]
        peer.says("Fine.")
        await peer_is_asked(peer, 2)
        assert peer.contents()[-2:] == ["assistant: Yes, we are. And you?", "user: Fine."]
        peer.call.hangup()
        report = await peer.call.wait_ended()
        assert report.answer_to_first_audio_ms is not None
        assert report.stages["answered"] <= report.stages["first_audio"] < report.stages["ended"]


async def peer_is_asked(peer: Attended, times: int) -> None:
    async with asyncio.timeout(30):
        while len(peer.brain.asked) < times:
            await asyncio.sleep(0.01)


async def test_only_what_was_heard_is_remembered() -> None:
    async with attended(AttendantSettings()) as peer:
        await peer.until(events.Connected)
        peer.says("Tell me everything.")
        peer.brain.answers("First there is this long sentence. Then there is")
        await peer.until(events.Speaking)
        sent = peer.call.status().stats.packets_sent
        await eventually(lambda: peer.call.status().stats.packets_sent > sent + 50)  # a second of it is heard
        peer.call.interrupt()
        cut = await peer.until(events.Interrupted)
        peer.brain.answers(" another one, that nobody hears.")
        peer.says("Stop.")
        await peer_is_asked(peer, 2)
        assert 0 < len(cut.heard_text) < len("First there is this long sentence.")
        assert peer.contents() == ["user: Tell me everything.", f"assistant: {cut.heard_text}", "user: Stop."]
        assert peer.brain.given_up == 1


async def test_who_goes_on_speaking_before_the_answer_gets_one_answer_to_all() -> None:
    async with attended(AttendantSettings()) as peer:
        await peer.until(events.Connected)
        peer.says("I would like a table")
        await peer_is_asked(peer, 1)
        peer.says("for four people.")
        await peer_is_asked(peer, 2)
        assert peer.contents() == ["user: I would like a table for four people."]
        assert peer.brain.given_up == 1


async def test_an_mm_hm_while_we_speak_is_no_question() -> None:
    async with attended(AttendantSettings(greeting="Hello, this is the restaurant by the sea.")) as peer:
        await peer.until(events.Speaking)
        peer.says("Mm-hm.")
        await peer.until(events.Spoken)
        assert peer.brain.asked == []


@pytest.mark.parametrize(
    ("greeting", "said", "asked"),
    [
        ("Shall I book it?", "Yes.", True),
        ("I can book it.", "Nine.", True),
        ("I can book it.", "Yes.", False),
    ],
)
async def test_a_word_just_before_our_end_is_the_answer_to_it(greeting: str, said: str, asked: bool) -> None:
    async with attended(AttendantSettings(greeting=greeting)) as peer:
        await peer.until(events.Speaking)
        peer.says(said)
        await peer.until(events.Spoken)
        peer.brain.answers("Good.", None)
        if asked:
            assert (await peer.until(events.Spoken)).text == "Good."
            assert peer.contents() == [f"assistant: {greeting}", f"user: {said}"]
        else:
            peer.says("Go on then.")
            await peer_is_asked(peer, 1)
            assert peer.contents() == [f"assistant: {greeting}", "user: Go on then."]


async def test_one_word_is_an_answer_after_something_could_not_be_said() -> None:
    async with attended(AttendantSettings(greeting="Which day would suit you?")) as peer:
        asked = await peer.until(events.Speaking)
        peer.call.note_error("voice", "it broke", True, utterance_id=asked.utterance_id, heard_text="Which day")
        await peer.until(events.Error)
        peer.says("Tomorrow.")
        await peer_is_asked(peer, 1)
        assert peer.contents() == ["assistant: Which day", "user: Tomorrow."]


async def test_speech_without_words_is_asked_for_again() -> None:
    async with attended(AttendantSettings(unclear="Pardon?")) as peer:
        await peer.until(events.Connected)
        times = TurnTimes(end_of_speech_ms=1, recognition_ms=1)
        peer.call.emit(events.Unclear, started_at=0.0, ended_at=1.0, times=times)
        assert (await peer.until(events.Spoken)).text == "Pardon?"


async def test_a_brain_that_fails_is_told_and_apologised_for() -> None:
    async with attended(AttendantSettings(fallback="Sorry.")) as peer:
        await peer.until(events.Connected)
        peer.says("Hello?")
        peer.brain.answers(BrainError("the server is on fire"))
        error = await peer.until(events.Error)
        assert (error.component, error.error, error.retryable) == ("brain", "the server is on fire", True)
        assert (await peer.until(events.Spoken)).text == "Sorry."
        peer.says("And now?")
        peer.brain.answers("Now it works.", None)
        assert (await peer.until(events.Spoken)).text == "Now it works."


async def test_a_call_whose_brain_does_not_start_is_ended_and_says_why() -> None:
    async with attended(AttendantSettings(), fails="no such program") as peer:
        report = await peer.call.wait_ended()
        assert report.errors == ["brain: no such program"]


@pytest.mark.parametrize("accept", [True, False])
async def test_whether_it_answers_incoming_calls_is_a_setting(accept: bool) -> None:
    async with attended(AttendantSettings(accept=accept)) as peer:
        if accept:
            await peer.until(events.Connected)
        else:
            await asyncio.sleep(0.2)
            assert peer.call.state == "incoming"


async def test_a_silent_peer_is_asked_and_after_that_the_call_is_ended() -> None:
    settings = AttendantSettings(greeting="Hello.", silence_seconds=0.3, silence="Still there?", goodbye="Bye.")
    async with attended(settings) as peer:
        said = [(await peer.until(events.Spoken)).text for _ in range(4)]
        assert said == ["Hello.", "Still there?", "Still there?", "Bye."]
        ended = await peer.until(events.Ended)
        assert ended.reason == "hangup-bot"


async def test_a_peer_that_speaks_again_is_asked_as_often_again() -> None:
    settings = AttendantSettings(silence_seconds=0.3, silence="Still there?", silence_times=1)
    async with attended(settings) as peer:
        assert (await peer.until(events.Spoken)).text == "Still there?"
        peer.says("Yes, wait.")
        peer.brain.answers("I do.", None)
        assert [(await peer.until(events.Spoken)).text for _ in range(3)] == ["I do.", "Still there?", "Goodbye."]


async def test_it_is_no_silence_while_anybody_speaks_or_an_answer_is_thought_of() -> None:
    settings = AttendantSettings(silence_seconds=0.3, silence="Still there?", silence_times=0, goodbye="Bye.")
    async with attended(settings) as peer:
        await peer.until(events.Connected)
        peer.call.emit(events.SpeechStarted, started_at=0.0)
        await asyncio.sleep(0.8)
        peer.says("Are you open?")
        peer.call.emit(events.SpeechEnded, ended_at=1.0)
        await peer_is_asked(peer, 1)
        await asyncio.sleep(0.8)  # a slow brain
        peer.brain.answers("Yes.", None)
        assert (await peer.until(events.Spoken)).text == "Yes."
        gateway = peer.call.speak("This is a long sentence that somebody else has the agent say.")
        spoken = await peer.until(events.Spoken)
        assert spoken.utterance_id == gateway
        speaking = await peer.until(events.Speaking)
        assert speaking.text == "Bye."
        assert speaking.timestamp - spoken.timestamp >= 290


async def test_an_answer_that_says_so_is_the_last_one() -> None:
    async with attended(AttendantSettings(greeting="Hello.")) as peer:
        await peer.until(events.Spoken)
        peer.says("Goodbye.")
        peer.brain.answers("Goodbye", " then. [hang", " up]", None)
        assert (await peer.until(events.Spoken)).text.strip() == "Goodbye then."
        assert (await peer.until(events.Ended)).reason == "hangup-bot"


async def test_an_answer_that_says_nothing_else_ends_the_call_at_once() -> None:
    async with attended(AttendantSettings(greeting="Hello.")) as peer:
        await peer.until(events.Spoken)
        peer.says("Goodbye.")
        peer.brain.answers("[hang up]", "\n", None)
        assert (await peer.until(events.Ended)).reason == "hangup-bot"


async def test_last_words_that_are_interrupted_were_not_the_last() -> None:
    async with attended(AttendantSettings(greeting="Hello.")) as peer:
        await peer.until(events.Spoken)
        peer.says("Goodbye.")
        peer.brain.answers("Goodbye then, and thank you very much for your call. [hang up]", None)
        await peer.until(events.Speaking)
        peer.call.interrupt()
        await peer.until(events.Interrupted)
        peer.says("One more thing.")
        peer.brain.answers("Yes?", None)
        assert (await peer.until(events.Spoken)).text == "Yes?"
        assert peer.call.state is CallState.ACTIVE


async def test_a_call_that_a_person_takes_over_is_left_alone_until_it_is_given_back() -> None:
    async with attended(AttendantSettings(greeting="Hello.")) as peer:
        await peer.until(events.Spoken)
        peer.call.connect(person := Patch(to="page", ear=Passage().ear, mouth=Passage().mouth, released=lambda _: None))
        peer.says("This is for a person.")
        peer.call.disconnect(person)
        peer.says("And this is for the agent.")
        await peer_is_asked(peer, 1)
        assert peer.contents() == ["assistant: Hello.", "user: And this is for the agent."]


async def test_a_call_that_a_person_places_and_a_notice_are_not_for_the_agent() -> None:
    asked: list[str] = []

    @asynccontextmanager
    async def make(call: Call) -> AsyncIterator[Brain]:
        asked.append(call.call_id)
        yield ScriptedBrain()

    async with (
        asyncio.timeout(30),
        asyncio.TaskGroup() as tasks,
        Switchboard([LoopbackLine()]) as board,
    ):
        attending = tasks.create_task(Attendant(board, make, AttendantSettings()).run())
        await asyncio.sleep(0)
        board.notice("loopback", "missed-call", "ann", "ann called")
        call = board.dial("loop:ann")
        call.connect(person := Patch(to="page", ear=Passage().ear, mouth=Passage().mouth, released=lambda _: None))
        async for event in call.events():
            if isinstance(event, events.Connected):
                break
        assert asked == []
        call.disconnect(person)
        while not asked:
            await asyncio.sleep(0.01)
        assert asked == [call.call_id]
        attending.cancel()
