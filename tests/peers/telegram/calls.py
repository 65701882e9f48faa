"""Calls with NTgCalls, for tests and measurements: who takes part, which way the sound goes, and who hears what."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, get_args

from aioice.ice import get_host_addresses
from typing_extensions import override

from hullo.lines.telegram.leg import TelegramLeg
from hullo.lines.telegram.port import ConfirmCall, Connection, PhoneConnection, PhoneConnectionWebrtc, Request
from hullo.rtc.clock import MediaClock
from hullo.rtc.reflector import Reflector
from tests.lines.telegram.lines import BYE, DEADLINE, Running, running
from tests.lines.telegram.memory_telegram import MemoryTelegram
from tests.peers.coturn import Coturn, coturn
from tests.peers.telegram.ntgcalls_peer import NtgCallsPeer, ntgcalls_peer
from tests.rtc.reflector_server import reflector_server
from tests.rtc.tones import Listener, Tone

Way: TypeAlias = Literal["direct", "turn", "udp reflector", "tcp reflector"]

VERSIONS = ("8.0.0", "9.0.0", "12.0.0", "13.0.0")
WAYS: tuple[Way, ...] = get_args(Way)
US, THEM = 11, 22
OUR_TONE, THEIR_TONE = 1000.0, 440.0


class TimedTelegram(MemoryTelegram):
    """Knows when its last call was confirmed, by the monotonic clock: from then on the two apps can begin."""

    confirmed_at = 0.0

    @override
    def carry_out(self, user_id: int, request: Request[Any]) -> Any:
        if isinstance(request, ConfirmCall):
            self.confirmed_at = time.monotonic()
        return super().carry_out(user_id, request)


class Relays:
    """What calls can go over: a TURN server for all of them, and reflectors for each. Use it as a context."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._turn: Coturn | None = None
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._running.aclose()

    @asynccontextmanager
    async def telegram(self, way: Way) -> AsyncIterator[TimedTelegram]:
        """A Telegram where calls go the given way only."""
        if way == "direct":
            yield TimedTelegram()
        elif way == "turn":
            server = await self._turn_server()
            yield TimedTelegram(p2p_allowed=False, connections={US: (server,), THEM: (server,)})
        else:
            async with reflector_server(tcp=way == "tcp reflector", host=host()) as (_, ours, theirs):
                yield TimedTelegram(p2p_allowed=False, connections={US: (told(ours),), THEM: (told(theirs),)})

    async def _turn_server(self) -> Connection:
        if self._turn is None:
            self._turn = await self._running.enter_async_context(coturn(self._directory, host()))
        address = self._turn.server("udp").address
        return PhoneConnectionWebrtc(
            id=5, ip=address[0], port=address[1], username="user", password="secret", turn=True, stun=True
        )


@asynccontextmanager
async def both(
    server: MemoryTelegram, version: str, their_sound: float | Path = THEIR_TONE, *, native: bool = False
) -> AsyncIterator[tuple[Running, NtgCallsPeer]]:
    """We and NTgCalls, which speaks that version only; see `ntgcalls_peer` for what it says."""
    async with (
        MediaClock(freeze_gc=False) as clock,
        running(server.account(US, "hullo"), clock) as us,
        ntgcalls_peer(server.account(THEM, "ntgcalls"), (version,), their_sound, native=native) as them,
    ):
        yield us, them


@asynccontextmanager
async def call(us: Running, them: NtgCallsPeer, *, we_call: bool) -> AsyncIterator[TelegramLeg]:
    """One side calls and the other accepts; hung up at the end of the block."""
    async with asyncio.timeout(DEADLINE):
        if we_call:
            leg = await us.line.dial("@ntgcalls", us.rang)
        else:
            await them.call(us.account.user)
            answered = await (await us.offer()).accept()
            assert isinstance(answered, TelegramLeg)
            leg = answered
    try:
        yield leg
    finally:
        await leg.close(BYE)


async def prove(us: Running, leg: TelegramLeg, them: NtgCallsPeer) -> Listener:
    """Both are connected, hear each other's tone and show the same emoji."""
    listener = Listener()
    leg.open(listener, Tone(OUR_TONE))
    async with asyncio.timeout(DEADLINE):
        await them.connected()
        await leg.connected()
    await asyncio.gather(listener.hears(THEIR_TONE), them.hears(OUR_TONE))
    (known,) = us.line._calls.values()
    zero_at_the_front = known.answered.result().key[0] == 0  # NTgCalls shows other emoji than everybody else then
    assert "".join(leg.emoji) == them.emoji or zero_at_the_front, "the two sides show different emoji"
    return listener


def host() -> str:
    """An address of this host that libwebrtc does not ignore."""
    return str(get_host_addresses(use_ipv4=True, use_ipv6=False)[0])


def told(reflector: Reflector) -> Connection:
    """A reflector as phoneCall names it; ids are the server's own."""
    return PhoneConnection(
        id=900 + reflector.id,
        ip=reflector.host,
        port=reflector.port,
        peer_tag=reflector.peer_tag,
        tcp=reflector.tcp,
    )
