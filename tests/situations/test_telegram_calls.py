"""Calls over a loopback Telegram, one after the other and several at once."""

import asyncio
from pathlib import Path

from hullo.call import events
from hullo.call.call import Call
from hullo.call.switchboard import Switchboard
from hullo.lines.line import EndReason
from hullo.rtc.clock import MediaClock
from tests.lines.telegram.account.loopback import ANNA, BERT, CLEO, loopback
from tests.situations.telegram_phones import (
    DEADLINE,
    TelegramPhone,
    active,
    both_are_heard,
    member_line,
    online,
    phone,
    reports,
    two_phones,
)

DORA, EMIL = 1004, 1005


async def test_each_end_calls_and_mutes_and_both_see_the_same_emoji(tmp_path: Path) -> None:
    async with two_phones("kurigram", "telethon", tmp_path) as (_, anna, bert), asyncio.timeout(DEADLINE):
        for caller, callee, to in ((anna, bert, "@bert"), (bert, anna, "@anna")):
            ours, told = caller.board.dial(to), callee.board.stream()
            theirs = await callee.rings()
            assert theirs.peer == ("@anna" if caller is anna else "@bert")
            theirs.accept()
            await active(ours, theirs)
            await both_are_heard(ours, theirs)
            ours.set_muted(True)
            while not isinstance(event := await anext(told), events.PeerMuted):
                assert not isinstance(event, events.Ended)
            assert event.muted
            assert theirs.status().peer_muted
            theirs.hangup()
            at_caller, at_callee = await reports(ours, theirs)
            assert at_caller.ending.reason is EndReason.HANGUP_USER
            assert at_caller.leg.emoji == at_callee.leg.emoji
            assert len(at_caller.leg.emoji or ()) == 4
            assert at_caller.leg.version == at_callee.leg.version == "13.0.0"
            told.close()


async def test_three_calls_of_two_accounts_at_the_same_time_of_which_one_fails(tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE), loopback() as server, MediaClock(freeze_gc=False) as clock:
        for user_id, name in ((DORA, "Dora"), (EMIL, "Emil")):
            server.add_member(user_id, name)
        work = member_line(server, ANNA, "kurigram", tmp_path, clock, "work")
        home = member_line(server, BERT, "telethon", tmp_path, clock, "home")
        async with (
            Switchboard([work, home]) as board,
            phone(server, CLEO, "telethon", tmp_path) as cleo,
            phone(server, DORA, "kurigram", tmp_path) as dora,
            phone(server, EMIL, "kurigram", tmp_path) as emil,
        ):
            await online(work, home)
            told = board.stream()
            pairs = [
                (board.dial("@cleo", line="work"), await accepted(cleo)),
                (board.dial("@dora", line="home"), await accepted(dora)),
            ]
            await asyncio.gather(*(both_are_heard(*pair) for pair in pairs))
            failing, at_emil = board.dial("@emil", line="work"), await emil.rings()
            server.faults.fail("phone.acceptCall", 500, "INTERNAL")
            at_emil.accept()
            report = await failing.wait_ended()
            assert (report.ending.reason, report.leg.stage) == (EndReason.FAILED, "ringing")
            await asyncio.gather(*(both_are_heard(*pair) for pair in pairs))
            assert [one.status().stats.packets_lost for pair in pairs for one in pair] == [0, 0, 0, 0]
            for ours, theirs in pairs:
                ours.hangup()
                await reports(ours, theirs)
            told.close()
            happened = [event async for event in told if not isinstance(event, events.Quality)]
    assert not {type(event) for event in happened} & {events.Reconnecting, events.Error}
    endings = [
        (event.reason, event.call_id == failing.call_id) for event in happened if isinstance(event, events.Ended)
    ]
    assert endings == [("failed", True), ("hangup-bot", False), ("hangup-bot", False)]


async def accepted(callee: TelegramPhone) -> Call:
    """The next call of that phone, answered."""
    call = await callee.rings()
    call.accept()
    await active(call)
    return call
