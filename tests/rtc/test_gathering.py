"""Candidates of this host and of STUN servers: real ones, dead ones, and lying ones."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aioice import stun

from hullo.rtc.adapter import gathering
from hullo.rtc.adapter.ice import MAX_REMOTE_CANDIDATES
from hullo.rtc.candidate import IceCandidate
from hullo.rtc.connection import SERVER_WAIT, RtcConnection
from hullo.rtc.parameters import IceOptions, IceServer, IceServerError, Login, Setup
from tests.rtc.test_connection import until

OUTSIDE = ("203.0.113.7", 40_000)


class StunServer(asyncio.DatagramProtocol):
    """Answers Binding requests with an address that this host does not have, as behind a NAT."""

    def __init__(self, *, deaf_to: int = 0, nonsense: bool = False) -> None:
        self.requests = 0
        self.deaf_to = deaf_to
        self._nonsense = nonsense

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.requests += 1
        if self.requests <= self.deaf_to:
            return
        request = stun.parse_message(data)
        response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, request.transaction_id)
        if not self._nonsense:
            response.attributes["XOR-MAPPED-ADDRESS"] = OUTSIDE
        self._transport.sendto(bytes(response), addr)


@asynccontextmanager
async def stun_server(server: StunServer) -> AsyncIterator[IceServer]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, local_addr=("0.0.0.0", 0))
    try:
        yield IceServer(f"stun:127.0.0.1:{transport.get_extra_info('sockname')[1]}")
    finally:
        transport.close()


@asynccontextmanager
async def gathered(*servers: IceServer, wait: float = 5.0) -> AsyncIterator[RtcConnection]:
    connection = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=IceOptions(servers=servers))
    try:
        await connection.gather(wait)
        yield connection
    finally:
        await connection.close()


def types(connection: RtcConnection) -> list[str]:
    return [candidate.type for candidate in connection.local_description().candidates]


async def test_without_servers_there_are_host_candidates_and_nobody_is_asked() -> None:
    async with gathered() as connection:
        assert set(types(connection)) == {"host"}
        assert connection.local_description().candidates_complete
        priorities = [candidate.priority for candidate in connection.local_description().candidates]
        assert len(set(priorities)) == len(priorities)


async def test_a_stun_server_tells_our_address_outside_even_if_the_first_request_is_lost() -> None:
    server = StunServer(deaf_to=1)
    async with stun_server(server) as url, gathered(url) as connection:
        outside = [c for c in connection.local_description().candidates if c.type == "srflx"]
        assert (outside[0].address, outside[0].port) == OUTSIDE
        assert outside[0].related_address in {c.address for c in connection.local_description().candidates}


async def test_a_dead_server_delays_a_call_by_the_stated_wait_and_no_more() -> None:
    began = time.monotonic()
    async with gathered(IceServer("stun:127.0.0.1:9"), wait=SERVER_WAIT) as connection:
        waited = time.monotonic() - began
        assert set(types(connection)) == {"host"}
        assert not connection.local_description().candidates_complete
        assert SERVER_WAIT <= waited < SERVER_WAIT + 2


async def test_with_trickle_nothing_waits_and_candidates_come_when_they_come() -> None:
    server = StunServer(deaf_to=1)
    told: list[IceCandidate | None] = []
    async with stun_server(server) as url:
        ice = IceOptions(servers=(url,))
        connection = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=ice)
        connection.on_local_candidate = told.append
        try:
            await connection.gather(wait=0)
            assert {candidate.type for candidate in told if candidate} == {"host"}
            await until(lambda: None in told)
            assert "srflx" in {candidate.type for candidate in told if candidate}
            assert told[-1] is None
        finally:
            await connection.close()


async def test_a_server_without_an_answer_or_a_name_costs_only_its_candidate(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = StunServer(nonsense=True)
    async with (
        stun_server(server) as odd,
        gathered(odd, IceServer("stun:nowhere.invalid")) as connection,
    ):
        assert set(types(connection)) == {"host"}
    assert any("nowhere.invalid" in record.message for record in caplog.records if record.levelno == logging.WARNING)


async def test_relay_only_without_a_relay_has_no_candidate_and_hides_the_host() -> None:
    server = StunServer()
    async with stun_server(server) as url:
        ice = IceOptions(servers=(url,), relay_only=True)
        connection = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=ice)
        try:
            await connection.gather()
            assert types(connection) == []
            assert server.requests == 0
        finally:
            await connection.close()


@pytest.mark.parametrize(
    ("url", "address", "transport", "tls"),
    [
        ("stun:example.org", ("example.org", 3478), "udp", False),
        ("turn:192.0.2.1:99", ("192.0.2.1", 99), "udp", False),
        ("turn:example.org?transport=tcp", ("example.org", 3478), "tcp", False),
        ("turns:[2001:db8::1]", ("2001:db8::1", 5349), "tcp", True),
        ("turns:example.org:443?transport=tcp", ("example.org", 443), "tcp", True),
    ],
)
def test_urls_of_servers_are_read(url: str, address: tuple[str, int], transport: str, tls: bool) -> None:
    server = IceServer(url, "user", "secret")
    assert (server.address, server.transport, server.uses_tls) == (address, transport, tls)
    assert "secret" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stun",
        "http://x",
        "stuns:example.org",
        "stun:x:99999",
        "stun:x:0",
        "stun:x?transport=udp",
        "turns:x?transport=udp",
    ],
)
def test_urls_that_are_no_servers_are_refused(url: str) -> None:
    with pytest.raises(IceServerError):
        IceServer(url, "user", "secret")


@pytest.mark.parametrize("login", [{}, {"username": "a", "credential": "b", "secret": "c"}], ids=["none", "two"])
def test_a_turn_server_needs_one_kind_of_login(login: dict[str, str]) -> None:
    with pytest.raises(IceServerError, match="credential"):
        IceServer("turn:example.org", **login)


def test_logins_of_limited_time_are_made_of_a_shared_secret() -> None:
    # echo -n 1700003600:anne | openssl dgst -sha1 -hmac "north wind" -binary | base64
    login = IceServer("turn:example.org", "anne", secret="north wind").login(1_700_000_000.9)
    assert login == Login("1700003600:anne", "AvDAK5gvwnRwSzCY5LQA/SRBtN4=")
    assert login.credential not in repr(login)
    assert IceServer("turn:example.org", "user", "always the same").login(0.0) == Login("user", "always the same")


async def test_a_host_with_an_address_for_each_container_offers_what_a_peer_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "local_addresses", lambda: [f"127.0.0.{number}" for number in range(1, 101)])
    async with gathered() as connection:
        offered = [candidate.address for candidate in connection.local_description().candidates]
    assert offered == [f"127.0.0.{number}" for number in range(1, gathering.MAX_HOSTS + 1)]
    assert 2 * gathering.MAX_HOSTS < MAX_REMOTE_CANDIDATES, "each may be found by a server, too"
