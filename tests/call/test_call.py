"""A call with real tasks and deadlines, and a far end that does what each test says."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hullo.audio.stereofile import WavFile
from hullo.call import events
from hullo.call.call import Call
from hullo.call.errors import CallRefused, UnknownCall, WrongState
from hullo.call.limits import Limits
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.lines.line import Ending, EndReason, LegReport
from tests.call.memory_line import MemoryLeg, MemoryLine, MemoryOffer

LIMITS = Limits(calls=3, ring=60.0, connect=60.0, quiet=0.1, lost=0.6, quality_every=0.05)
IMPATIENT = msgspec.structs.replace(LIMITS, ring=0.2, connect=0.2)


@contextlib.asynccontextmanager
async def switchboard(line: MemoryLine, answer: str = "ask", limits: Limits = LIMITS) -> AsyncIterator[Switchboard]:
    async with asyncio.timeout(30), Switchboard([line], limits=limits, answer=answer) as board:
        await line.running.wait()
        yield board


async def reach(call: Call, state: CallState) -> None:
    while call.state is not state:
        await asyncio.sleep(0.005)


def names(happened: list[events.CallEvent]) -> list[str]:
    return [events.event_name(type(event)) for event in happened if not isinstance(event, events.Quality)]


async def test_a_call_that_is_answered_and_hung_up_by_the_peer() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        happened = call.events()
        await reach(call, CallState.RINGING)
        line.answer.set()
        await reach(call, CallState.CONNECTING)
        line.leg.proven.set()
        await reach(call, CallState.ACTIVE)
        line.leg.hang_up()
        report = await call.wait_ended()
        told = [event async for event in happened]
    assert names(told) == ["call.ringing", "call.connected", "call.ended"]
    assert [event.seq for event in told] == sorted({event.seq for event in told})
    assert report.ending.reason is EndReason.HANGUP_USER
    assert list(report.stages) == ["ringing", "answered", "connected", "ended"]
    assert report.duration > 0
    assert line.leg.closed_with == [report.ending]


async def test_connected_is_not_said_before_media_is_proven() -> None:
    line = MemoryLine()
    line.answer.set()
    async with switchboard(line, limits=IMPATIENT) as board:
        call = board.dial("mem:ann")
        happened = call.events()
        report = await call.wait_ended()
        told = [event async for event in happened]
    assert names(told) == ["call.ringing", "call.ended"]
    assert report.ending.reason is EndReason.FAILED
    assert "no audio in both directions" in report.ending.detail
    assert report.duration == 0


async def test_the_log_says_that_something_failed_and_only_the_report_says_what(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with switchboard(MemoryLine()) as board:
        call = board.dial("mem:ann")
        call.note_error("brain", "refused: 401 no such key: sk-1234", retryable=True)
        call.hangup()
        report = await call.wait_ended()
    assert report.errors == ["brain: refused: 401 no such key: sk-1234"]
    assert f"call {call.call_id} goes on; its report says what became of its brain" in caplog.text
    assert "sk-1234" not in caplog.text


async def test_nothing_is_told_after_the_end() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        happened = call.events()
        everything = board.stream()
        call.hangup()
        report = await call.wait_ended()
        call.note_error("voice", "too late", retryable=True)
        told = [event async for event in happened]
        everything.close()
        assert [event async for event in everything][-1] == told[-1]
    assert names(told)[-1] == "call.ended"
    assert report.errors == []


async def test_nobody_answers() -> None:
    line = MemoryLine()
    async with switchboard(line, limits=IMPATIENT) as board:
        report = await board.dial("mem:ann").wait_ended()
    assert report.ending.reason is EndReason.NO_ANSWER
    assert report.leg.stage == "ringing"
    assert line.withdrawn == 1


async def test_the_far_end_is_busy() -> None:
    line = MemoryLine()
    line.answer.set()
    line.refusal = Ending(EndReason.BUSY, "the line is busy")
    async with switchboard(line) as board:
        report = await board.dial("mem:ann").wait_ended()
    assert report.ending == line.refusal


async def test_what_a_line_knows_beside_sound_is_told_and_kept() -> None:
    line = MemoryLine()
    line.answer.set()
    line.leg.emoji = ("🐶", "🍕", "🚀", "🎲")
    line.leg.proven.set()
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        happened = call.events()
        await reach(call, CallState.ACTIVE)
        assert call.status().peer_muted is None
        line.leg.peer_muted = True
        line.leg.on_peer_muted(True)
        line.leg.on_peer_muted(False)
        assert call.status().peer_muted is True
        line.leg.hang_up()
        report = await call.wait_ended()
        told = [event async for event in happened]
    [connected] = [event for event in told if isinstance(event, events.Connected)]
    assert (connected.emoji, connected.version) == (line.leg.emoji, "13.0.0")
    assert [event.muted for event in told if isinstance(event, events.PeerMuted)] == [True, False]
    assert (report.leg.emoji, report.leg.version) == (line.leg.emoji, "13.0.0")
    assert call.status().leg == report.leg
    assert call.status().stats == report.stats == line.leg.stats()
    assert call._leg is None, "a call that has ended keeps its sound alive"


async def test_a_peer_that_was_muted_before_the_call_listened_is_told_too() -> None:
    line = MemoryLine()
    line.answer.set()
    line.leg.peer_muted = True
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        happened = call.events()
        line.leg.proven.set()
        await reach(call, CallState.ACTIVE)
        call.hangup()
        await call.wait_ended()
        told = [event async for event in happened]
    assert names(told) == ["call.ringing", "call.peer_muted", "call.connected", "call.ended"]


async def test_a_call_that_comes_to_no_leg_still_tells_how_far_it_came() -> None:
    line = MemoryLine()
    line.answer.set()
    line.refusal = Ending(EndReason.FAILED, "no")
    line.refused_at = LegReport(stages={"requesting": 0.0}, stage="requesting")
    async with switchboard(line) as board:
        report = await board.dial("mem:ann").wait_ended()
    assert report.leg == line.refused_at


@pytest.mark.parametrize("times", [1, 2])
async def test_hanging_up_while_it_rings_withdraws_the_call(times: int) -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        await reach(call, CallState.RINGING)
        for _ in range(times):
            call.hangup()
        report = await call.wait_ended()
        call.hangup()
    assert report.ending.reason is EndReason.HANGUP_BOT
    assert line.withdrawn == 1


async def test_an_incoming_call_rings_until_it_is_accepted() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        told = board.stream()
        offer = MemoryOffer(MemoryLeg())
        line.ring(offer)
        incoming = await anext(told)
        assert isinstance(incoming, events.Incoming)
        call = board.call(incoming.call_id)
        call.accept()
        call.accept()
        await reach(call, CallState.CONNECTING)
        offer.leg.proven.set()
        await reach(call, CallState.ACTIVE)
        with pytest.raises(WrongState, match="too late to decline"):
            call.reject()
        call.hangup()
        report = await call.wait_ended()
    assert report.direction == "incoming"
    assert offer.leg.closed_with == [report.ending]


async def test_an_incoming_call_is_declined() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        offer = MemoryOffer(MemoryLeg())
        line.ring(offer)
        [call] = board.live()
        call.reject()
        report = await call.wait_ended()
        call.reject()
    assert report.ending.reason is EndReason.DECLINED
    assert offer.rejected_with == [report.ending]


async def test_a_caller_that_gives_up_is_a_missed_call() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        offer = MemoryOffer(MemoryLeg())
        line.ring(offer)
        [call] = board.live()
        offer.gone.set_result(Ending(EndReason.NO_ANSWER, "the caller gave up"))
        report = await call.wait_ended()
        with pytest.raises(WrongState, match="has ended"):
            call.accept()
    assert report.ending.detail == "the caller gave up"


async def test_an_incoming_call_that_nobody_accepts() -> None:
    line = MemoryLine()
    async with switchboard(line, limits=IMPATIENT) as board:
        offer = MemoryOffer(MemoryLeg())
        line.ring(offer)
        [call] = board.live()
        report = await call.wait_ended()
    assert report.ending.reason is EndReason.NO_ANSWER
    assert offer.rejected_with == [report.ending]


async def test_a_peer_that_falls_quiet_and_comes_back() -> None:
    line = MemoryLine()
    line.answer.set()
    line.leg.proven.set()
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        happened = call.events()
        await reach(call, CallState.ACTIVE)
        line.leg.quiet = 0.3
        await reach(call, CallState.RECONNECTING)
        line.leg.quiet = 0.0
        await reach(call, CallState.ACTIVE)
        call.hangup()
        told = [event async for event in happened]
    assert names(told)[-3:] == ["call.reconnecting", "call.reconnected", "call.ended"]
    [back] = [event for event in told if isinstance(event, events.Reconnected)]
    assert back.gap_ms == 300


async def test_a_line_that_looks_for_another_path_and_finds_it() -> None:
    line = MemoryLine()
    line.answer.set()
    line.leg.proven.set()
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        happened = call.events()
        await reach(call, CallState.ACTIVE)
        line.leg.reconnecting = True
        await reach(call, CallState.RECONNECTING)
        line.leg.reconnecting = False
        await reach(call, CallState.ACTIVE)
        call.hangup()
        told = [event async for event in happened]
    assert names(told)[-3:] == ["call.reconnecting", "call.reconnected", "call.ended"]


async def test_a_peer_that_never_comes_back() -> None:
    line = MemoryLine()
    line.answer.set()
    line.leg.proven.set()
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        await reach(call, CallState.ACTIVE)
        line.leg.quiet = 5.0
        report = await call.wait_ended()
    assert report.ending.reason is EndReason.FAILED
    assert "nothing came from the peer" in report.ending.detail


async def test_a_call_that_may_not_last_longer() -> None:
    line = MemoryLine()
    line.answer.set()
    line.leg.proven.set()
    async with switchboard(line, limits=Limits(longest=0.1)) as board:
        report = await board.dial("mem:ann").wait_ended()
    assert report.ending.reason is EndReason.TIMEOUT


async def test_one_call_too_many_is_refused_and_hears_busy() -> None:
    line = MemoryLine()
    async with switchboard(line) as board:
        for _ in range(LIMITS.calls):
            board.dial("mem:ann")
        with pytest.raises(CallRefused, match="3 calls are live") as refused:
            board.dial("mem:bob")
        assert "max_calls" in refused.value.hint
        offer = MemoryOffer(MemoryLeg())
        line.ring(offer)
        while not offer.rejected_with:
            await asyncio.sleep(0.005)
    assert offer.rejected_with[0].reason is EndReason.BUSY


class DeafOffer(MemoryOffer):
    """Its line can't be told anything any more."""

    async def reject(self, ending: Ending) -> None:
        await super().reject(ending)
        await asyncio.Event().wait()


async def test_a_line_that_can_not_even_refuse_costs_no_other_call(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hullo.call.route.REFUSE_SECONDS", 0.05)
    line = MemoryLine()
    line.answer.set()
    line.leg.proven.set()
    async with switchboard(line, limits=Limits(calls=1, ring=0.1)) as board:
        call = board.dial("mem:ann")
        await reach(call, CallState.ACTIVE)
        line.ring(DeafOffer(MemoryLeg()))
        while "could not be told" not in caplog.text:
            await asyncio.sleep(0.005)
        assert call.state is CallState.ACTIVE
        call.hangup()
        await call.wait_ended()
        line.ring(DeafOffer(MemoryLeg()))
        [ringing] = board.live()
        report = await ringing.wait_ended()
    assert report.ending.reason is EndReason.NO_ANSWER


async def test_incoming_calls_come_until_the_switchboard_closes() -> None:
    line = MemoryLine()
    taken: list[str] = []

    async def take(board: Switchboard) -> None:
        async for call in board.incoming():
            taken.append(call.peer)
            call.reject()

    async with asyncio.timeout(5):
        async with switchboard(line) as board:
            taking = asyncio.create_task(take(board))
            await asyncio.sleep(0)
            line.ring(MemoryOffer(MemoryLeg(), "ann"))
        await taking
        assert taken == ["ann"]
        assert [event async for event in board.stream()] == []


async def test_whoever_takes_no_incoming_call_loses_the_oldest(caplog: pytest.LogCaptureFixture) -> None:
    line = MemoryLine()
    async with switchboard(line, limits=Limits(calls=1000, ring=5)) as board:
        incoming = board.incoming()
        first = asyncio.ensure_future(anext(incoming))
        await asyncio.sleep(0)
        for number in range(102):
            line.ring(MemoryOffer(MemoryLeg(), f"{number}"))
        assert (await first).peer == "2"
        assert "was not taken" in caplog.text


async def test_addresses_and_ids_that_nobody_knows() -> None:
    async with switchboard(MemoryLine()) as board:
        with pytest.raises(CallRefused, match="no line knows how to call 'tel:1'"):
            board.dial("tel:1")
        with pytest.raises(CallRefused, match="there is no line 'pigeon'"):
            board.dial("mem:ann", line="pigeon")
        with pytest.raises(UnknownCall, match="no call 'x'"):
            board.call("x")


async def test_a_mistake_in_one_call_ends_only_that_call(caplog: pytest.LogCaptureFixture) -> None:
    class BrokenLeg(MemoryLeg):
        def quiet_for(self, now: float) -> float:
            raise ZeroDivisionError("a bug")

    line = MemoryLine()
    line.answer.set()
    line.leg.proven.set()
    async with switchboard(line) as board:
        good = board.dial("mem:ann")
        await reach(good, CallState.ACTIVE)
        line.leg = BrokenLeg()
        line.leg.proven.set()
        report = await board.dial("mem:bob").wait_ended()
        assert report.ending.reason is EndReason.ERROR
        assert "a bug" in report.ending.detail
        assert len(line.leg.closed_with) == 1
        assert good.state is CallState.ACTIVE
    assert "failed" in caplog.text


async def test_a_recording_that_is_being_finished_when_the_call_ends_is_in_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()
    close = WavFile.close
    monkeypatch.setattr(WavFile, "close", lambda file: (slow.wait(5), close(file)))
    line = MemoryLine()
    line.answer.set()
    line.leg.proven.set()
    async with switchboard(line) as board:
        call = board.dial("mem:ann")
        await reach(call, CallState.ACTIVE)
        call.start_recording(str(tmp_path / "call.wav"))
        stopping = asyncio.create_task(call.stop_recording())
        await asyncio.sleep(0)
        call.hangup()
        while not line.leg.closed_with:
            await asyncio.sleep(0.005)
        with pytest.raises(WrongState, match="has ended"):
            call.start_recording(str(tmp_path / "late.wav"))
        slow.set()
        report = await call.wait_ended()
        assert await stopping == str(tmp_path / "call.wav")
    assert [recording.path for recording in report.recordings] == [str(tmp_path / "call.wav")]


async def test_leaving_the_switchboard_hangs_everything_up() -> None:
    line = MemoryLine()
    line.answer.set()
    line.leg.proven.set()
    async with switchboard(line) as board:
        active = board.dial("mem:ann")
        await reach(active, CallState.ACTIVE)
        line.answer.clear()
        ringing = board.dial("mem:bob")
        await reach(ringing, CallState.RINGING)
        told = board.stream()
    assert active.state is ringing.state is CallState.ENDED
    assert line.withdrawn == 1
    assert [type(event) for event in [e async for e in told]].count(events.Ended) == 2
    with pytest.raises(CallRefused, match="not running"):
        board.dial("mem:ann")


async def test_ended_calls_are_remembered_up_to_a_limit() -> None:
    line = MemoryLine()
    line.answer.set()
    line.refusal = Ending(EndReason.DECLINED, "no")
    async with switchboard(line) as board:
        for _ in range(130):
            await board.dial("mem:ann").wait_ended()
        statuses = board.statuses()
    assert len(statuses) <= 101
    assert statuses[-1].reason == "declined"
