"""Calls over a Telegram that misbehaves: they connect, or both ends learn in time why not; nothing hangs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import pytest

from hullo.call.call import Call
from hullo.call.states import CallState
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.line import EndReason
from hullo.lines.telegram.account.opening import Library
from tests.lines.telegram.account.loopback import ANNA, BERT
from tests.situations.telegram_phones import DEADLINE, TelegramPhone, active, both_are_heard, reports, two_phones

Strike = Callable[[LoopbackTelegram], Awaitable[None]]


class When(Enum):
    """The moment at which something goes wrong."""

    BEFORE = auto()
    RINGING = auto()
    TALKING = auto()


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and when; `ends` is how caller and callee see the end, None if the call takes no harm."""

    name: str
    when: When
    strike: Strike
    ends: tuple[tuple[EndReason, str], tuple[EndReason, str] | None] | None = None


def refuses(method: str, code: int, error: str, times: int = 1) -> Strike:
    async def strike(server: LoopbackTelegram) -> None:
        server.faults.fail(method, code, error, times)

    return strike


def loses_answer(method: str, times: int = 1) -> Strike:
    async def strike(server: LoopbackTelegram) -> None:
        server.faults.lose_answer(method, times)

    return strike


def delivers(*, twice: bool = False, late: float = 0.0, swapped: bool = False) -> Strike:
    async def strike(server: LoopbackTelegram) -> None:
        server.faults.duplicate_updates = twice
        server.faults.delay_updates = late
        server.faults.reorder_updates = swapped

    return strike


def does(what: Callable[[LoopbackTelegram], object]) -> Strike:
    async def strike(server: LoopbackTelegram) -> None:
        what(server)

    return strike


def drops_both(server: LoopbackTelegram) -> None:
    server.kick(ANNA)
    server.kick(BERT)


def resends_to_new_sessions(server: LoopbackTelegram) -> None:
    server.faults.resend_to_new_session = True
    drops_both(server)


async def is_away_for_a_second(server: LoopbackTelegram) -> None:
    await server.stop_listening()
    await asyncio.sleep(1)
    await server.listen()


async def is_gone(server: LoopbackTelegram) -> None:
    await server.stop_listening()


BEFORE, RINGING, TALKING = When
FAILED, NO_ANSWER = EndReason.FAILED, EndReason.NO_ANSWER
CALLEE_GAVE_UP = (FAILED, "the callee's app could not take the call")
SIGNAL = "phone.sendSignalingData"

HARMLESS = [
    Fault("updates twice", BEFORE, delivers(twice=True)),
    Fault("updates late", BEFORE, delivers(late=0.1)),
    Fault("updates swapped", BEFORE, delivers(swapped=True)),
    Fault("updates twice and swapped", BEFORE, delivers(twice=True, swapped=True)),
    Fault("caller dropped while it rings", RINGING, does(lambda server: server.kick(ANNA))),
    Fault("callee dropped while it rings", RINGING, does(lambda server: server.kick(BERT))),
    Fault("both dropped, and told again", RINGING, does(resends_to_new_sessions)),
    Fault("caller's connection silent while it rings", RINGING, does(lambda server: server.go_silent(ANNA))),
    Fault("callee's connection silent while it rings", RINGING, does(lambda server: server.go_silent(BERT))),
    Fault("away while it rings", RINGING, is_away_for_a_second),
    Fault("both dropped while they talk", TALKING, does(drops_both)),
    Fault("caller's connection silent while they talk", TALKING, does(lambda server: server.go_silent(ANNA))),
    Fault("away while they talk", TALKING, is_away_for_a_second),
    Fault("gone while they talk", TALKING, is_gone),
    Fault("caller's key revoked while they talk", TALKING, does(lambda server: server.revoke(ANNA))),
    Fault("caller logged out while they talk", TALKING, does(lambda server: server.end_logins(ANNA))),
    Fault("receivedCall refused", BEFORE, refuses("phone.receivedCall", 500, "INTERNAL")),
    Fault("signaling refused 8 times", BEFORE, refuses(SIGNAL, 500, "INTERNAL", 8)),
    Fault("signaling told to wait", BEFORE, refuses(SIGNAL, 420, "FLOOD_WAIT_1")),
    Fault("discardCall refused", BEFORE, refuses("phone.discardCall", 500, "INTERNAL")),
    Fault("answer to requestCall lost", BEFORE, loses_answer("phone.requestCall")),
    Fault("answer to receivedCall lost", BEFORE, loses_answer("phone.receivedCall")),
    Fault("answer to acceptCall lost", BEFORE, loses_answer("phone.acceptCall")),
    Fault("answer to confirmCall lost", BEFORE, loses_answer("phone.confirmCall")),
    Fault("answers to signaling lost 5 times", BEFORE, loses_answer(SIGNAL, 5)),
    Fault("answer to discardCall lost", BEFORE, loses_answer("phone.discardCall")),
]

NO_SUCH_LOGIN = "does not know this login any more"
FATAL = [
    Fault(
        "getDhConfig refused",
        BEFORE,
        refuses("messages.getDhConfig", 500, "INTERNAL"),
        ((FAILED, "preparing the call"), None),
    ),
    Fault(
        "requestCall refused",
        BEFORE,
        refuses("phone.requestCall", 500, "CALL_OCCUPY_FAILED"),
        ((FAILED, "could not reserve"), None),
    ),
    Fault(
        "requestCall against privacy",
        BEFORE,
        refuses("phone.requestCall", 403, "USER_PRIVACY_RESTRICTED"),
        ((FAILED, "privacy settings"), None),
    ),
    Fault(
        "requestCall told to wait",
        BEFORE,
        refuses("phone.requestCall", 420, "FLOOD_WAIT_30"),
        ((FAILED, "to wait 30 s"), None),
    ),
    Fault(
        "requestCall of a limited account",
        BEFORE,
        refuses("phone.requestCall", 400, "PEER_FLOOD"),
        ((FAILED, "@SpamBot"), None),
    ),
    Fault(
        "acceptCall refused",
        BEFORE,
        refuses("phone.acceptCall", 500, "INTERNAL"),
        (CALLEE_GAVE_UP, (FAILED, "refused answering the call: INTERNAL")),
    ),
    Fault(
        "acceptCall told to wait",
        BEFORE,
        refuses("phone.acceptCall", 420, "FLOOD_WAIT_30"),
        (CALLEE_GAVE_UP, (FAILED, "to wait 30 s before answering")),
    ),
    Fault(
        "confirmCall refused",
        BEFORE,
        refuses("phone.confirmCall", 500, "INTERNAL"),
        ((FAILED, "refused confirming the call: INTERNAL"), (FAILED, "before the two had a key")),
    ),
    Fault(
        "caller's key revoked while it rings",
        RINGING,
        does(lambda server: server.revoke(ANNA)),
        ((FAILED, NO_SUCH_LOGIN), (FAILED, "the key exchange was not finished within 20 s")),
    ),
    Fault(
        "callee's key revoked while it rings",
        RINGING,
        does(lambda server: server.revoke(BERT)),
        ((NO_ANSWER, "nobody answered within 12 s"), (FAILED, NO_SUCH_LOGIN)),
    ),
]

both_directions = pytest.mark.parametrize(("caller", "callee"), [("kurigram", "telethon"), ("telethon", "kurigram")])


def each(faults: list[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.name)


@pytest.mark.parametrize(
    ("name", "caller", "callee"),
    [
        ("updates twice and swapped", "kurigram", "telethon"),
        ("both dropped, and told again", "telethon", "kurigram"),
        ("answer to confirmCall lost", "kurigram", "telethon"),
        ("acceptCall refused", "telethon", "kurigram"),
    ],
)
async def test_a_few_of_the_faults(name: str, caller: Library, callee: Library, tmp_path: Path) -> None:
    [fault] = [one for one in (*HARMLESS, *FATAL) if one.name == name]
    await suffer(fault, caller, callee, tmp_path)


@pytest.mark.peer
@each([*HARMLESS, *FATAL])
@both_directions
async def test_every_fault_in_both_directions(fault: Fault, caller: Library, callee: Library, tmp_path: Path) -> None:
    await suffer(fault, caller, callee, tmp_path)


async def suffer(fault: Fault, caller: Library, callee: Library, folder: Path) -> None:
    """Place a call, answer it, let it talk and end it, with the fault at its moment."""
    async with two_phones(caller, callee, folder) as (server, anna, bert):
        async with asyncio.timeout(DEADLINE):
            if fault.when is BEFORE:
                await fault.strike(server)
            ours = anna.board.dial("@bert")
            theirs = await rings_or_ends(bert, ours)
            if theirs is not None:
                if fault.when is RINGING:
                    await fault.strike(server)
                theirs.accept()
            if fault.ends is None:
                assert theirs is not None
                await takes_no_harm(fault, server, ours, theirs)
            else:
                await ends(ours, fault.ends[0])
                assert (theirs is None) == (fault.ends[1] is None)
                if theirs is not None and fault.ends[1] is not None:
                    await ends(theirs, fault.ends[1])
    assert not anna.line._calls
    assert not bert.line._calls


async def rings_or_ends(callee: TelegramPhone, ours: Call) -> Call | None:
    """The call as the callee has it, or None if it ended before it rang there."""
    ringing, ended = asyncio.ensure_future(callee.rings()), asyncio.ensure_future(ours.wait_ended())
    await asyncio.wait((ringing, ended), return_when=asyncio.FIRST_COMPLETED)
    theirs = ringing.result() if ringing.done() else None
    for task in (ringing, ended):
        task.cancel()
    await asyncio.gather(ringing, ended, return_exceptions=True)
    return theirs


async def takes_no_harm(fault: Fault, server: LoopbackTelegram, ours: Call, theirs: Call) -> None:
    await active(ours, theirs)
    if fault.when is TALKING:
        await fault.strike(server)
    await both_are_heard(ours, theirs)
    ours.hangup()
    at_caller, at_callee = await reports(ours, theirs)
    assert at_caller.leg.emoji == at_callee.leg.emoji
    assert at_caller.leg.emoji is not None
    assert (at_caller.ending.reason, at_callee.ending.reason) == (EndReason.HANGUP_BOT, EndReason.HANGUP_USER)


async def ends(call: Call, expected: tuple[EndReason, str]) -> None:
    ending = (await call.wait_ended()).ending
    assert ending.reason is expected[0], ending
    assert expected[1] in ending.detail
    assert call.state is CallState.ENDED
    assert call.status().leg.stage is not None
