"""Private calls between two homes behind NATs, over a rendezvous and a coturn in the internet between them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hullo.lines.direct.leg import DirectLeg
from hullo.lines.line import CallFailed, LegReport
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import PATH, RendezvousServer
from hullo.rtc.parameters import IceOptions, IceServer
from tests.lines.direct.memory_channel import BYE
from tests.lines.direct.rendezvous import people
from tests.lines.direct.samples import ALICE, BOB
from tests.net.homes import INTERNET, Namespace, Nat, homes
from tests.peers.coturn import Coturn, coturn
from tests.rtc.tones import Listener, Tone

pytestmark = pytest.mark.net

DEADLINE = 30.0
NOBODY = IceServer("stun:203.0.113.1:3478")
"""An address that no one answers at."""


@dataclass(frozen=True)
class Street:
    """Servers in the internet, and two homes."""

    url: str
    turn: Coturn
    homes: Sequence[Namespace]
    folder: Path

    @property
    def stun(self) -> IceServer:
        return IceServer(self.turn.server("udp").url.replace("turn:", "stun:"))

    async def call(self, *servers: IceServer, relay_only: bool = False) -> tuple[LegReport, LegReport]:
        """Alice calls Bob, each at home; how the call came about at both ends. Raises `CallFailed`."""
        ice = IceOptions(servers, relay_only=relay_only)
        there = threading.Event()
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            bob = tasks.create_task(self.homes[1].run(lambda: self._bob(ice, there)))
            alice = tasks.create_task(self.homes[0].run(lambda: self._alice(ice, there)))
        return alice.result(), bob.result()

    async def _alice(self, ice: IceOptions, there: threading.Event) -> LegReport:
        async with people([self.url], self.folder / "a", ice) as here:
            alice = await here.join(ALICE, "bob")
            await asyncio.to_thread(there.wait, DEADLINE)
            return await _talk(await alice.dial("bob"))

    async def _bob(self, ice: IceOptions, there: threading.Event) -> LegReport:
        async with people([self.url], self.folder / "b", ice) as here:
            bob = await here.join(BOB, "alice")
            there.set()
            leg = await (await bob.offer()).accept()
            assert isinstance(leg, DirectLeg)
            return await _talk(leg)


async def _talk(leg: DirectLeg) -> LegReport:
    """Until both hear each other, and a moment longer."""
    listener = Listener()
    leg.open(listener, Tone(440))
    try:
        async with asyncio.timeout(DEADLINE / 2):
            await leg.connected()
            await listener.hears(440)
        return leg.report()
    finally:
        await leg.close(BYE)


@asynccontextmanager
async def street(folder: Path, nat: Nat) -> AsyncIterator[Street]:
    with homes(nat, nat) as (internet, both), internet.entered():
        server = RendezvousServer(Node(LocalStore()))
        async with coturn(folder, INTERNET) as turn, server.serve(INTERNET, 0) as port:
            yield Street(f"ws://{INTERNET}:{port}{PATH}", turn, both, folder)


@pytest.mark.parametrize("servers_before", [(), (NOBODY,)], ids=["", "and a dead STUN server"])
async def test_behind_ordinary_nats_a_stun_server_is_enough(
    tmp_path: Path, servers_before: tuple[IceServer, ...]
) -> None:
    async with street(tmp_path, Nat.CONE) as here:
        for report in await here.call(*servers_before, here.stun):
            assert report.chosen is not None
            assert report.relay is None
            assert {report.chosen.local, report.chosen.remote} <= {"host", "srflx", "prflx"}


async def test_behind_symmetric_nats_the_call_goes_through_the_turn_server(tmp_path: Path) -> None:
    async with street(tmp_path, Nat.SYMMETRIC) as here:
        for report in await here.call(here.turn.server("udp")):
            assert report.relay == "relay"


async def test_behind_symmetric_nats_without_a_turn_server_the_reason_is_said(tmp_path: Path) -> None:
    async with street(tmp_path, Nat.SYMMETRIC) as here:
        with pytest.raises(ExceptionGroup) as failed:
            await here.call(here.stun)
        assert failed.group_contains(CallFailed, match="configure a TURN server")


async def test_a_turn_server_over_tcp_alone_hides_both_homes(tmp_path: Path) -> None:
    async with street(tmp_path, Nat.CONE) as here:
        for report in await here.call(NOBODY, here.turn.server("tcp"), relay_only=True):
            assert report.chosen is not None
            assert (report.chosen.local, report.chosen.remote) == ("relay", "relay")
