"""One call in one of the situations that a Telegram call can be in, and what came of it."""

import asyncio
from typing import Literal, TypeAlias

import msgspec

from hullo.lines.line import CallFailed
from tests.lines.telegram.memory_telegram import Faults
from tests.peers.telegram.calls import OUR_TONE, THEIR_TONE, THEM, US, Relays, TimedTelegram, Way, both, call, prove
from tests.peers.telegram.ntgcalls_peer import ntgcalls_peer

Who: TypeAlias = Literal["we_call", "they_call", "ntgcalls"]
"""We call NTgCalls, NTgCalls calls us, or NTgCalls calls NTgCalls: the last is what the others are compared to."""

_DEADLINE = 60.0


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """`lost` is how many of the first signaling packets of each side are lost."""

    who: Who
    version: str
    way: Way = "direct"
    lost: int = 0

    def __str__(self) -> str:
        return f"{self.who} {self.version} {self.way} {self.lost} lost"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`setup_seconds` are from the confirmation of the key until both sides were connected.

    Whoever is connected has also heard the other's tone, measured on the waveform; else `failure` says what was wrong.
    """

    situation: Situation
    setup_seconds: float | None = None
    failure: str = ""


async def make_call(situation: Situation, relays: Relays) -> Outcome:
    """Make one call and hang up."""
    try:
        async with asyncio.timeout(_DEADLINE), relays.telegram(situation.way) as server:
            server.faults = Faults(lose_packets={US: situation.lost, THEM: situation.lost})
            between = _between_ntgcalls if situation.who == "ntgcalls" else _with_us
            return Outcome(situation=situation, setup_seconds=await between(situation, server))
    except CallFailed as error:
        return Outcome(situation=situation, failure=error.ending.detail)
    except (AssertionError, ConnectionError, TimeoutError) as error:
        return Outcome(situation=situation, failure=str(error) or repr(error))


async def _with_us(situation: Situation, server: TimedTelegram) -> float:
    async with (
        both(server, situation.version) as (us, them),
        call(us, them, we_call=situation.who == "we_call") as leg,
    ):
        await prove(us, leg, them)
        assert leg.version == situation.version, "another version was chosen"
        (known,) = us.line._calls.values()
        ours = min(known.stages.values()) + leg.report().stages["dtls"]
        return max(ours, await them.connected()) - server.confirmed_at


async def _between_ntgcalls(situation: Situation, server: TimedTelegram) -> float:
    versions = (situation.version,)
    caller, callee = server.account(US, "caller"), server.account(THEM, "callee")
    async with ntgcalls_peer(caller, versions, OUR_TONE) as one, ntgcalls_peer(callee, versions, THEIR_TONE) as other:
        await one.call(callee.user)
        connected = await asyncio.gather(one.connected(), other.connected())
        await asyncio.gather(one.hears(THEIR_TONE), other.hears(OUR_TONE))
        return max(connected) - server.confirmed_at


async def make_calls(situations: list[Situation], relays: Relays, at_a_time: int) -> list[Outcome]:
    """Make calls, some at a time; outcomes as they come."""
    waiting = situations[::-1]
    outcomes: list[Outcome] = []

    async def work() -> None:
        while waiting:
            outcomes.append(await make_call(waiting.pop(), relays))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_a_time):
            tasks.create_task(work())
    return outcomes
