"""Calls with NTgCalls, an independent implementation on libwebrtc: every version, role and way, a tone both ways."""

import asyncio
import importlib.util
import time
from pathlib import Path

import pytest

from hullo.lines.telegram.port import Connection, PhoneConnectionWebrtc
from tests.lines.telegram.lines import DEADLINE
from tests.lines.telegram.memory_telegram import Faults, MemoryTelegram
from tests.peers.telegram.calls import (
    OUR_TONE,
    THEIR_TONE,
    THEM,
    US,
    VERSIONS,
    WAYS,
    Relays,
    Way,
    both,
    call,
    host,
    prove,
    told,
)
from tests.rtc.networks import with_an_address
from tests.rtc.reflector_server import reflector_server

needs_ntgcalls = importlib.util.find_spec("ntgcalls") is None
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(needs_ntgcalls, reason="needs ntgcalls (pip install ntgcalls==3.0.5)"),
]

CHOSEN = {"direct": ("host", "srflx", "prflx"), "turn": ("relay", "prflx"), "udp reflector": ("reflector",)}
CHOSEN["tcp reflector"] = CHOSEN["udp reflector"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "they call"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_call(version: str, we_call: bool, way: Way, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            Relays(tmp_path) as relays,
            relays.telegram(way) as server,
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
