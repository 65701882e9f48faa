"""Two people with phones at a loopback Telegram, one on kurigram and the other on Telethon."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from hullo.call.call import Call
from hullo.call.limits import Limits
from hullo.call.report import CallReport
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.account import Account
from hullo.lines.telegram.account.opening import Library, client_maker
from hullo.lines.telegram.account.safety import CallSafety, Incoming, SafetyRules
from hullo.lines.telegram.line import TelegramLine
from hullo.rtc.clock import MediaClock
from tests.lines.telegram.account.loopback import ANNA, BERT, QUICK, logged_in, loopback, where
from tests.rtc.tones import Listener, Tone

PATIENT = Limits(ring=12.0, connect=20.0, lost=5.0, quiet=2.0)
NO_LIMITS = SafetyRules(calls_per_hour=1000, same_person_pause=0.0, incoming=Incoming.OPEN)
DEADLINE = 45.0


class TelegramPhone:
    """Somebody's switchboard with a Telegram line; rings until told to answer."""

    def __init__(self, board: Switchboard, line: TelegramLine) -> None:
        self.board = board
        self.line = line
        self._incoming = board.incoming()
        self._next = asyncio.ensure_future(anext(self._incoming))

    async def rings(self) -> Call:
        """The next call that comes in."""
        call = await asyncio.shield(self._next)
        self._next = asyncio.ensure_future(anext(self._incoming))
        return call

    async def close(self) -> None:
        """Wait for no more calls."""
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        await self._incoming.aclose()  # type: ignore[attr-defined]


def member_line(
    server: LoopbackTelegram, user_id: int, library: Library, folder: Path, clock: MediaClock, name: str = "telegram"
) -> TelegramLine:
    """The line of a member who is logged in."""
    file = logged_in(server, user_id, folder)
    account = Account(client_maker(library, file.load(), where(server)), file, timing=QUICK)
    return TelegramLine(account, CallSafety(NO_LIMITS), clock=clock, name=name)


async def online(*lines: TelegramLine) -> None:
    """Return when all can place and take calls."""
    async with asyncio.timeout(DEADLINE):
        while not all(line.status().ready for line in lines):
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def phone(
    server: LoopbackTelegram, user_id: int, library: Library, folder: Path, limits: Limits = PATIENT
) -> AsyncIterator[TelegramPhone]:
    """A member's phone, online."""
    async with MediaClock(freeze_gc=False) as clock:
        line = member_line(server, user_id, library, folder, clock)
        async with Switchboard([line], limits=limits) as board:
            await online(line)
            one = TelegramPhone(board, line)
            try:
                yield one
            finally:
                await one.close()


@contextlib.asynccontextmanager
async def two_phones(
    caller: Library, callee: Library, folder: Path, within: float = 90.0
) -> AsyncIterator[tuple[LoopbackTelegram, TelegramPhone, TelegramPhone]]:
    """Anna and Bert, who know each other, and the Telegram that they use, for at most so many seconds."""
    async with (
        loopback(within) as server,
        phone(server, ANNA, caller, folder) as anna,
        phone(server, BERT, callee, folder) as bert,
    ):
        yield server, anna, bert


async def active(*calls: Call) -> None:
    """Return when every call is active. Fails if one ends instead."""
    while any(call.state is not CallState.ACTIVE for call in calls):
        for call in calls:
            if call.state is CallState.ENDED:
                raise AssertionError((await call.wait_ended()).ending)
        await asyncio.sleep(0.005)


async def both_are_heard(caller: Call, callee: Call) -> None:
    """Let both say a tone, and see that it reaches the other's ear."""
    at_caller, at_callee = Listener(), Listener()
    for call, listener, hertz in ((caller, at_caller, 440), (callee, at_callee, 1000)):
        call.add_ear(listener)
        call.set_mouth(Tone(hertz))
    await asyncio.gather(at_caller.hears(1000, 0.2), at_callee.hears(440, 0.2))


async def reports(caller: Call, callee: Call) -> tuple[CallReport, CallReport]:
    """Those of both ends, when both have ended."""
    ours, theirs = await asyncio.gather(caller.wait_ended(), callee.wait_ended())
    return ours, theirs
