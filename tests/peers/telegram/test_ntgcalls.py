"""Calls with NTgCalls, an independent implementation on libwebrtc: every version, role and way, a tone both ways."""

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aioice.ice import get_host_addresses

from hullo.lines.telegram.leg import TelegramLeg
from hullo.lines.telegram.port import Connection, PhoneConnection, PhoneConnectionWebrtc
from hullo.rtc.clock import MediaClock
from hullo.rtc.reflector import Reflector
from tests.lines.telegram.lines import BYE, DEADLINE, Running, running
from tests.lines.telegram.memory_telegram import Faults, MemoryTelegram
from tests.peers import coturn
from tests.peers.telegram.ntgcalls_peer import NtgCallsPeer, ntgcalls_peer
from tests.rtc.networks import with_an_address
from tests.rtc.reflector_server import reflector_server
from tests.rtc.tones import Listener, Tone

needs_ntgcalls = importlib.util.find_spec("ntgcalls") is None
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(needs_ntgcalls, reason="needs ntgcalls (pip install ntgcalls==3.0.5)"),
]

VERSIONS = ("8.0.0", "9.0.0", "12.0.0", "13.0.0")
US, THEM = 11, 22
OUR_TONE, THEIR_TONE = 1000.0, 440.0


@asynccontextmanager
async def both(server: MemoryTelegram, version: str) -> AsyncIterator[tuple[Running, NtgCallsPeer]]:
    async with (
        MediaClock(freeze_gc=False) as clock,
        running(server.account(US, "hullo"), clock) as us,
        ntgcalls_peer(server.account(THEM, "ntgcalls"), (version,), THEIR_TONE) as them,
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
        await leg.connected()
        await them.connected.wait()
    await asyncio.gather(listener.hears(THEIR_TONE), them.hears(OUR_TONE))
    (call,) = us.line._calls.values()
    zero_at_the_front = call.answered.result().key[0] == 0  # NTgCalls shows other emoji than everybody else then
    assert "".join(leg.emoji) == them.emoji or zero_at_the_front
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


@asynccontextmanager
async def relays(way: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MemoryTelegram]:
    """A Telegram where calls go the given way only."""
    if way == "direct":
        yield MemoryTelegram()
    elif way == "turn":
        monkeypatch.setattr(coturn, "HOST", host())
        async with coturn.coturn(directory) as turn:
            address = turn.server("udp").address
            server = PhoneConnectionWebrtc(
                id=5, ip=address[0], port=address[1], username="user", password="secret", turn=True, stun=True
            )
            yield MemoryTelegram(p2p_allowed=False, connections={US: (server,), THEM: (server,)})
    else:
        async with reflector_server(tcp=way == "tcp reflector", host=host()) as (_, ours, theirs):
            yield MemoryTelegram(p2p_allowed=False, connections={US: (told(ours),), THEM: (told(theirs),)})


CHOSEN = {"direct": ("host", "srflx", "prflx"), "turn": ("relay", "prflx"), "udp reflector": ("reflector",)}
CHOSEN["tcp reflector"] = CHOSEN["udp reflector"]


@pytest.mark.parametrize("way", ["direct", "turn", "udp reflector", "tcp reflector"])
@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "they call"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_call(version: str, we_call: bool, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with (
            relays(way, tmp_path, monkeypatch) as server,
            both(server, version) as (us, them),
            call(us, them, we_call=we_call) as leg,
        ):
            await prove(us, leg, them)
            assert leg.version == version
            chosen = leg.report().chosen
            assert chosen is not None
            assert chosen.local in CHOSEN[way]

    with_an_address(scenario)


@pytest.mark.parametrize("lost", [1, 2, 5])
@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "they call"])
@pytest.mark.parametrize("version", ["9.0.0", "13.0.0"])
def test_the_first_signaling_packets_are_lost(version: str, we_call: bool, lost: int) -> None:
    async def scenario() -> None:
        server = MemoryTelegram(faults=Faults(lose_packets={US: lost, THEM: lost}))
        async with both(server, version) as (us, them), call(us, them, we_call=we_call) as leg:
            await prove(us, leg, them)

    with_an_address(scenario)


def test_mute_and_unmute_both_ways() -> None:
    async def scenario() -> None:
        async with both(MemoryTelegram(), "9.0.0") as (us, them), call(us, them, we_call=True) as leg:
            listener = await prove(us, leg, them)
            for _ in range(2):
                await them.set_muted(True)
                async with asyncio.timeout(DEADLINE):
                    while not leg.peer_muted:
                        await asyncio.sleep(0.01)
                await them.set_muted(False)
                async with asyncio.timeout(DEADLINE):
                    while leg.peer_muted:
                        await asyncio.sleep(0.01)
                listener.frames.clear()
                await listener.hears(THEIR_TONE)
                leg.set_muted(True)
                await them.falls_silent(OUR_TONE)
                leg.set_muted(False)
                await them.hears(OUR_TONE)

    with_an_address(scenario)


def test_relays_that_are_dead_cost_no_time_beside_one_that_works() -> None:
    async def scenario() -> None:
        async with (
            reflector_server(host=host(), reflector_id=1, deaf=True) as (_, deaf, deaf_there),
            reflector_server(host=host(), reflector_id=2) as (_, ours, theirs),
        ):
            dead = PhoneConnectionWebrtc(id=1, ip=host(), port=9, username="u", password="p", turn=True, stun=True)
            connections: dict[int, tuple[Connection, ...]] = {
                US: (dead, told(deaf), told(ours)),
                THEM: (dead, told(deaf_there), told(theirs)),
            }
            server = MemoryTelegram(p2p_allowed=False, connections=connections)
            async with both(server, "8.0.0") as (us, them), call(us, them, we_call=True) as leg:
                await prove(us, leg, them)
                stages = leg.report().stages
                assert stages["dtls"] - stages["established"] < 4  # a dead server is given up after 5

    with_an_address(scenario)


def test_a_peer_that_dies_is_noticed() -> None:
    async def scenario() -> None:
        async with both(MemoryTelegram(), "9.0.0") as (us, them), call(us, them, we_call=False) as leg:
            await prove(us, leg, them)
            them.kill()
            async with asyncio.timeout(DEADLINE):
                while leg.quiet_for(time.monotonic()) < 2:
                    await asyncio.sleep(0.05)

    with_an_address(scenario)
