"""Two calls joined, each far end played by the test."""

import numpy as np
import pytest

from hullo.call import events
from hullo.call.bridge import bridge
from hullo.call.call import Call
from hullo.call.errors import NoSpeech, WrongState
from hullo.call.patch import MOST_FRAMES, Passage, Patch
from hullo.call.recorder import CallRecorder
from hullo.call.sound import CallSound
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.lines.line import EndReason
from hullo.media.pcm import FRAME_SAMPLES, Pcm
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.call.memory_line import MemoryLeg, MemoryLine, MemoryOffer
from tests.call.test_call import reach, switchboard


def frame(value: int) -> Pcm:
    return np.full(FRAME_SAMPLES, value, dtype=np.int16)


def value(pcm: Pcm | None) -> int | None:
    return None if pcm is None else int(pcm[0])


async def incoming(line: MemoryLine, board: Switchboard, peer: str) -> tuple[Call, MemoryLeg]:
    """A call that was answered and is active, and its far end."""
    leg = MemoryLeg()
    leg.proven.set()
    line.ring(MemoryOffer(leg, peer))
    call = board.live()[-1]
    call.accept()
    await reach(call, CallState.ACTIVE)
    return call, leg


def says(leg: MemoryLeg, pcm: Pcm) -> None:
    assert leg.ear is not None
    leg.ear(pcm, 0.0)


def hears(leg: MemoryLeg) -> int | None:
    assert leg.mouth is not None
    return value(leg.mouth(0.0))


async def test_each_hears_the_other_and_when_one_hangs_up_so_does_the_other() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        (one, ann), (other, bob) = await incoming(line, board, "ann"), await incoming(line, board, "bob")
        told = other.events()
        bridge(one, other)
        assert (one.bridged_to, other.status().bridged_to) == (other.call_id, one.call_id)
        says(ann, frame(1))
        says(bob, frame(2))
        assert (hears(bob), hears(ann)) == (1, 2)
        assert (hears(bob), hears(ann)) == (None, None)
        ann.hang_up()
        report = await other.wait_ended()
        happened = [event async for event in told if isinstance(event, events.Bridged)]
    assert report.ending.reason is EndReason.HANGUP_BOT
    assert one.call_id in report.ending.detail
    assert [event.to for event in happened] == [one.call_id]
    assert one.bridged_to is None


async def test_who_is_joined_to_somebody_else_leaves_the_first_one_alone() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        one, other, third = [await incoming(line, board, name) for name in ("ann", "bob", "carol")]
        bridge(one[0], other[0])
        told = other[0].events()
        bridge(one[0], third[0])
        assert [call.bridged_to for call, _ in (one, other, third)] == [third[0].call_id, None, one[0].call_id]
        says(one[1], frame(3))
        assert (hears(other[1]), hears(third[1])) == (None, 3)
        one[1].hang_up()
        await third[0].wait_ended()
        assert other[0].state is CallState.ACTIVE
        other[0].hangup()
        assert [event.to async for event in told if isinstance(event, events.Bridged)] == [None]


async def test_a_call_can_not_be_bridged_to_itself_or_to_one_that_has_ended() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        (one, _), (other, _) = await incoming(line, board, "ann"), await incoming(line, board, "bob")
        with pytest.raises(WrongState, match="to itself"):
            bridge(one, one)
        other.hangup()
        await other.wait_ended()
        for pair in ((one, other), (other, one)):
            with pytest.raises(WrongState, match="has ended"):
                bridge(*pair)
        assert one.bridged_to is None


async def test_a_call_that_is_parted_from_what_it_was_not_joined_to_stays_as_it_is() -> None:
    line = MemoryLine()
    released: list[bool] = []
    async with switchboard(line) as board:
        call, _ = await incoming(line, board, "ann")
        call.connect(Patch(to="page", ear=Passage().ear, mouth=Passage().mouth, released=released.append))
        call.disconnect(Patch(to="page", ear=Passage().ear, mouth=Passage().mouth, released=released.append))
        assert call.bridged_to == "page"
        call.hangup()
        await call.wait_ended()
    assert released == [True]


@pytest.mark.parametrize("listening", [True, False])
def test_whoever_was_not_to_be_listened_to_before_is_not_afterwards(listening: bool) -> None:
    sound = CallSound(None, CallRecorder("c"), lambda: None)
    sound.listening = listening
    patches = [
        Patch(to="page", ear=Passage().ear, mouth=Passage().mouth, released=lambda ended: None) for _ in range(2)
    ]
    for patch in patches:
        sound.join(patch)
        assert not sound.listening
    assert sound.part(patches[1])
    assert sound.listening is listening


async def test_a_call_without_speech_can_not_be_listened_to() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        call, _ = await incoming(line, board, "ann")
        with pytest.raises(NoSpeech):
            call.set_listening(True)


async def test_a_call_that_only_plays_files_can_not_be_listened_to() -> None:
    line = MemoryLine()
    async with (
        SpeechService(SpeechSettings(recogniser=None, voice=None)) as speech,
        Switchboard([line], speech=speech) as board,
    ):
        await line.running.wait()
        call, _ = await incoming(line, board, "ann")
        with pytest.raises(NoSpeech):
            call.set_listening(True)
        call.hangup()
        await call.wait_ended()


def test_a_passage_keeps_the_newest_frames() -> None:
    passage = Passage()
    for number in range(MOST_FRAMES + 2):
        passage.ear(frame(number), 0.0)
    assert [value(passage.mouth(0.0)) for _ in range(MOST_FRAMES + 1)] == [2, 3, 4, None]


def test_a_passage_gives_delay_back_that_is_not_needed() -> None:
    passage = Passage()
    passage.ear(frame(0), 0.0)
    passage.ear(frame(1), 0.0)
    heard = []
    for number in range(2, 100):
        heard.append(value(passage.mouth(0.0)))
        passage.ear(frame(number), 0.0)
    assert heard[:50] == list(range(50)), "nothing is dropped before it was waited for"
    assert heard[50:] == list(range(51, 99)), "one frame is dropped, once"
