"""Calls through a real TURN server, with nothing but relayed candidates."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from aioice import stun

from hullo.lines.browser.line import BrowserLine
from hullo.rtc.adapter.udp import UdpTransport
from hullo.rtc.clock import MediaClock
from hullo.rtc.connection import LossCause, RtcConnection
from hullo.rtc.parameters import IceOptions, IceServer, Setup
from tests.lines.calls import BYE, DEADLINE, answered, listening
from tests.lines.direct.memory_channel import MemoryMessenger, sides
from tests.lines.direct.memory_channel import answered as private_legs
from tests.lines.direct.samples import ALICE, BOB
from tests.peers.coturn import coturn
from tests.rtc.tones import Listener, Tone

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_call_through_relays_only(transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with coturn(tmp_path) as turn:
        monkeypatch.setenv("SSL_CERT_FILE", str(turn.certificate))
        ice = IceOptions(servers=(turn.server(transport),), relay_only=True)
        async with (
            MediaClock(freeze_gc=False) as clock,
            listening(BrowserLine("127.0.0.1", 0, clock=clock, ice=ice)) as line,
        ):
            caller, callee = await answered(line)
            at_caller, at_callee = Listener(), Listener()
            caller.open(at_caller, Tone(440))
            callee.open(at_callee, Tone(1000))
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(caller.connected(), callee.connected())
            await asyncio.gather(at_caller.hears(1000), at_callee.hears(440))
            chosen = caller.report().chosen
            assert chosen is not None
            assert (chosen.local, chosen.remote) == ("relay", "relay")
            began = time.monotonic()
            await caller.close(BYE)
            assert time.monotonic() - began < 2
            async with asyncio.timeout(DEADLINE):
                await callee.ended()
            await callee.close(BYE)


async def test_a_wrong_password_or_an_unknown_certificate_is_said_and_gives_no_candidate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with coturn(tmp_path) as turn:
        for server in (turn.server("udp", "wrong"), turn.server("tls")):
            caplog.clear()
            connection = await relayed(server)
            assert connection.local_description().candidates == ()
            await connection.close()
            warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
            assert any(server.url in message for message in warnings)
            assert not any("wrong" in message for message in warnings)


class Forgetful(asyncio.DatagramProtocol):
    """In front of a TURN server: refuses whoever comes first as if an old allocation held its port, passes the rest."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.refused: tuple[str, int] | None = None
        self._server = server
        self._client: tuple[str, int] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.refused is None:
            self.refused = addr
        if addr == self._server:
            assert self._client is not None
            self._transport.sendto(data, self._client)
        elif addr == self.refused:
            request = stun.parse_message(data)
            refusal = stun.Message(request.message_method, stun.Class.ERROR, transaction_id=request.transaction_id)
            refusal.attributes["ERROR-CODE"] = (437, "Allocation Mismatch")
            self._transport.sendto(bytes(refusal), addr)
        else:
            self._client = addr
            self._transport.sendto(data, self._server)


async def test_a_port_that_an_old_allocation_holds_is_left_for_another(tmp_path: Path) -> None:
    async with coturn(tmp_path) as turn:
        direct = turn.server("udp")
        transport, forgetful = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Forgetful(direct.address), local_addr=(direct.address[0], 0)
        )
        host, port = transport.get_extra_info("sockname")
        connection = await relayed(IceServer(f"turn:{host}:{port}", direct.username, direct.credential))
        assert [candidate.type for candidate in connection.local_description().candidates] == ["relay"]
        assert forgetful.refused is not None
        await connection.close()
        transport.close()


async def test_closing_is_bounded_when_the_server_has_died(tmp_path: Path) -> None:
    async with coturn(tmp_path) as turn:
        connection = await relayed(turn.server("udp"))
        assert [candidate.type for candidate in connection.local_description().candidates] == ["relay"]
    began = time.monotonic()
    await connection.close()
    assert time.monotonic() - began < 3


async def test_a_relay_that_is_lost_in_mid_call_ends_it_with_that_cause(tmp_path: Path) -> None:
    async with coturn(tmp_path) as turn:
        ice = IceOptions(servers=(turn.server("tcp"),), relay_only=True)
        caller = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=ice)
        callee = RtcConnection(controlling=False, setup=Setup.ACTIVE, ice=ice)
        await asyncio.gather(caller.gather(wait=5), callee.gather(wait=5))
        caller.set_remote_description(callee.local_description())
        callee.set_remote_description(caller.local_description())
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(caller.connect(), callee.connect())
    async with asyncio.timeout(DEADLINE):
        assert await caller.lost() is LossCause.TRANSPORT_LOST
    await asyncio.gather(caller.close(), callee.close())


class SlowToOpen(UdpTransport):
    """A direct way that loses what is sent in its first moments, as a NAT does that has not opened yet."""

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.opens = getattr(self, "opens", time.monotonic() + 0.05)
        if time.monotonic() >= self.opens:
            super().sendto(data, addr)


async def test_a_direct_path_is_preferred_even_if_its_first_checks_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hullo.rtc.adapter.gathering.UdpTransport", SlowToOpen)
    async with coturn(tmp_path) as turn:
        ice = IceOptions(servers=(turn.server("udp"),))
        caller = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=ice)
        callee = RtcConnection(controlling=False, setup=Setup.ACTIVE, ice=ice)
        await asyncio.gather(caller.gather(wait=5), callee.gather(wait=5))
        caller.set_remote_description(callee.local_description())
        callee.set_remote_description(caller.local_description())
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(caller.connect(), callee.connect())
        chosen = [pair for pair in caller.pairs() if pair.chosen]
        assert [(pair.local, pair.remote) for pair in chosen] == [("host", "host")]
        await asyncio.gather(caller.close(), callee.close())


async def relayed(server: IceServer) -> RtcConnection:
    ice = IceOptions(servers=(server,), relay_only=True)
    connection = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=ice)
    await connection.gather(wait=6)
    return connection


async def test_a_private_call_through_a_relay_only(tmp_path: Path) -> None:
    async with coturn(tmp_path) as turn:
        ice = IceOptions(servers=(turn.server("udp"),), relay_only=True)
        async with sides(MemoryMessenger(), ALICE, BOB, ice=ice) as (alice, bob):
            caller, callee = await private_legs(alice, bob)
            at_caller, at_callee = Listener(), Listener()
            caller.open(at_caller, Tone(440))
            callee.open(at_callee, Tone(1000))
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(caller.connected(), callee.connected())
            await asyncio.gather(at_caller.hears(1000), at_callee.hears(440))
            report = caller.report()
            assert report.chosen is not None
            assert (report.chosen.local, report.chosen.remote) == ("relay", "relay")
            assert report.emoji == callee.report().emoji
            await caller.close(BYE)
            async with asyncio.timeout(DEADLINE):
                await callee.ended()
            await callee.close(BYE)
