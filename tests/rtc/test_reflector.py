"""Packets and candidates of reflectors, and connections through them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aioice import Candidate
from hypothesis import given
from hypothesis import strategies as st

from hullo.rtc import reflector
from hullo.rtc.adapter.gathering import _candidate
from hullo.rtc.adapter.reflector import ReflectorCandidate
from hullo.rtc.connection import LossCause, RtcConnection
from hullo.rtc.parameters import IceOptions, Setup
from hullo.rtc.reflector import Reflector
from tests.rtc.reflector_server import reflector_server
from tests.rtc.test_connection import RTP, until

VECTORS = json.loads((Path(__file__).parents[1] / "lines/telegram/vectors.json").read_text())["reflector"]
PREFIX = bytes.fromhex(VECTORS["peer_tag_from_phoneConnection"])[:12]
OURS, THEIRS = VECTORS["my_random_tag_u32"], VECTORS["remote_random_tag_u32"]
DEADLINE = 30.0

tags = st.integers(0, 2**32 - 1)


# Packets


def test_the_known_packets() -> None:
    assert reflector.udp_hello(PREFIX, OURS).hex() == VECTORS["udp_hello"]
    data = reflector.data_packet(PREFIX, THEIRS, OURS, bytes([1, 2, 3, 4, 5]))
    assert data.hex() == VECTORS["udp_data_of_5_bytes_0102030405"]
    first_write = reflector.TCP_PREAMBLE + reflector.tcp_frame(reflector.tcp_hello(PREFIX, OURS))
    assert first_write.hex() == VECTORS["tcp_first_write_hello"]
    assert reflector.udp_hello(PREFIX, OURS)[:16].hex() == VECTORS["my_full_tag"]
    assert reflector.candidate_name(1, OURS) == VECTORS["my_candidate_host"]
    assert reflector.candidate_name(1, THEIRS) == VECTORS["remote_candidate_host"]


@given(tags, tags, st.binary(min_size=1, max_size=1400))
def test_payloads_come_back(destination: int, sender: int, payload: bytes) -> None:
    packet = reflector.data_packet(PREFIX, destination, sender, payload)
    assert len(packet) % 4 == 0
    assert reflector.parse_data(PREFIX, packet) == (sender, payload)
    assert reflector.parse_data(bytes(12), packet) is None


@given(st.binary(max_size=100))
def test_random_packets_are_nothing_or_data_of_their_own_length(tail: bytes) -> None:
    assert reflector.parse_data(PREFIX, tail) is None or tail.startswith(PREFIX)
    parsed = reflector.parse_data(PREFIX, PREFIX + tail)
    assert parsed is None or len(parsed[1]) <= len(tail)


def test_control_packets_carry_no_data() -> None:
    assert reflector.parse_data(PREFIX, reflector.udp_hello(PREFIX, OURS)) is None
    assert reflector.parse_data(PREFIX, reflector.tcp_hello(PREFIX, OURS)) is None
    assert reflector.is_ours(PREFIX, reflector.tcp_hello(PREFIX, OURS))


@given(st.integers(1, reflector.MAX_ID), tags)
def test_names_and_addresses_lead_to_each_other(reflector_id: int, tag: int) -> None:
    address = reflector.address_of_name(reflector.candidate_name(reflector_id, tag))
    assert address is not None
    assert reflector.parse_address(address) == (reflector_id, tag)


@pytest.mark.parametrize(
    "name",
    ["reflector-0-1.reflector", "reflector-1-4294967296.reflector", "reflector-99999-1.reflector", "a.reflector"],
)
def test_other_names_are_no_reflectors(name: str) -> None:
    assert reflector.address_of_name(name) is None


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "100::", "100::1", "100::ffff:1:1:1", "100::x", ""])
def test_other_addresses_are_no_reflectors(address: str) -> None:
    assert reflector.parse_address(address) is None


def test_a_reflector_that_can_not_be_is_refused_and_its_tag_is_not_shown() -> None:
    for wrong in ({"id": 0}, {"port": 0}, {"peer_tag": b"short"}, {"id": 70_000}):
        with pytest.raises(ValueError, match="a reflector has"):
            Reflector(**{"id": 1, "host": "192.0.2.1", "port": 599, "peer_tag": bytes(16), **wrong})  # type: ignore[arg-type]
    assert repr(Reflector(id=1, host="192.0.2.1", port=599, peer_tag=b"secret0123456789")) == "Reflector(1)"


# Connections


@asynccontextmanager
async def trickling(
    at_caller: tuple[Reflector, ...], at_callee: tuple[Reflector, ...]
) -> AsyncIterator[tuple[RtcConnection, RtcConnection]]:
    """Two ends that tell each other candidates as they come, as Telegram's apps do: there is no last one."""
    caller = RtcConnection(controlling=True, setup=Setup.ACTIVE, ice=IceOptions(relay_only=True, reflectors=at_caller))
    callee = RtcConnection(
        controlling=False, setup=Setup.PASSIVE, ice=IceOptions(relay_only=True, reflectors=at_callee)
    )
    try:
        caller.on_local_candidate = lambda found: callee.add_remote_candidate(found) if found else None
        callee.on_local_candidate = lambda found: caller.add_remote_candidate(found) if found else None
        caller.set_remote_description(callee.local_description())
        callee.set_remote_description(caller.local_description())
        await asyncio.gather(caller.gather(wait=0), callee.gather(wait=0))
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(caller.connect(), callee.connect())
        yield caller, callee
    finally:
        await asyncio.gather(caller.close(), callee.close())


async def assert_packets_pass(caller: RtcConnection, callee: RtcConnection) -> None:
    for sender, receiver in ((caller, callee), (callee, caller)):
        got: list[bytes] = []
        receiver.on_rtp = lambda packet, arrival, got=got: got.append(packet)  # type: ignore[misc]
        assert sender.send_rtp(RTP)
        await until(lambda got=got: got == [RTP])  # type: ignore[misc]


def chosen(connection: RtcConnection) -> list[tuple[str, str]]:
    return [(pair.local, pair.remote) for pair in connection.pairs() if pair.chosen]


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_call_through_a_reflector_that_gives_each_end_its_own_prefix(tcp: bool) -> None:
    tags = bytes(range(16)), bytes(range(100, 116))
    async with (
        reflector_server(tcp=tcp, tags=tags) as (server, first, second),
        trickling((first,), (second,)) as (caller, callee),
    ):
        names = [candidate.address for candidate in caller.local_description().candidates]
        assert len(names) == 1
        assert reflector.address_of_name(names[0]) is not None
        await assert_packets_pass(caller, callee)
        assert chosen(caller) == chosen(callee) == [("reflector", "reflector")]
        assert (server.passed > 8, server.malformed) == (True, 0)


async def test_of_several_reflectors_the_dead_ones_cost_no_time() -> None:
    async with (
        reflector_server(reflector_id=1, deaf=True) as (_, dead, dead_there),
        reflector_server(reflector_id=2) as (alive, first, second),
        reflector_server(reflector_id=3, tcp=True) as (_, third, third_there),
    ):
        unreachable = Reflector(id=4, host="127.0.0.1", port=1, peer_tag=bytes(16), tcp=True)
        began = time.monotonic()
        async with trickling((dead, first, third, unreachable), (dead_there, second, third_there, unreachable)) as (
            caller,
            callee,
        ):
            assert time.monotonic() - began < 3  # a dead one is given up after 5
            await assert_packets_pass(caller, callee)
            assert alive.hellos >= 2


def test_ordinary_addresses_are_not_paired_with_tags() -> None:
    ours = _candidate("relay", (reflector.address_of(1, 7), 599), cls=ReflectorCandidate)
    host = _candidate("host", ("2001:db8::1", 599))
    theirs = Candidate("1", 1, "udp", 1, reflector.address_of(1, 8), 599, "relay")
    elsewhere = Candidate("1", 1, "udp", 1, reflector.address_of(2, 8), 599, "relay")
    other_port = Candidate("1", 1, "udp", 1, reflector.address_of(1, 8), 598, "relay")
    ordinary = Candidate("1", 1, "udp", 1, "2001:db8::2", 599, "host")
    remotes = (theirs, elsewhere, other_port, ordinary)
    assert [ours.can_pair_with(remote) for remote in remotes] == [True, False, False, False]
    assert [host.can_pair_with(remote) for remote in remotes] == [False, False, False, True]


async def test_a_reflector_that_is_lost_in_mid_call_ends_it_with_that_cause() -> None:
    async with reflector_server(tcp=True) as (server, first, second), trickling((first,), (second,)) as (caller, _):
        for writer in server.connections:
            writer.close()
        async with asyncio.timeout(DEADLINE):
            assert await caller.lost() is LossCause.TRANSPORT_LOST


async def test_rubbish_from_the_server_is_dropped_and_endless_frames_end_the_connection() -> None:
    async with (
        reflector_server(tcp=True) as (server, first, second),
        trickling((first,), (second,)) as (caller, callee),
    ):
        server.connections[0].write(bytes([5, 0, 0, 0]) + b"rubbi")
        await assert_packets_pass(caller, callee)
        server.connections[0].write(b"\xff\xff\xff\x7f" + bytes(5000))
        lost = [asyncio.create_task(end.lost()) for end in (caller, callee)]
        async with asyncio.timeout(DEADLINE):
            await asyncio.wait(lost, return_when=asyncio.FIRST_COMPLETED)
        for task in lost:
            task.cancel()
