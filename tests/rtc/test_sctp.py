"""SCTP over any carrier, and data channels over real DTLS."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hullo.rtc.adapter.sctp import MAX_STREAMS, MAX_WAITING, RECEIVE_WINDOW, DatagramCarrier, SctpAssociation, SctpError
from hullo.rtc.binary_channel import BinaryChannel
from hullo.rtc.connection import RtcConnection
from hullo.rtc.data_channel import MAX_TEXT, DataChannel
from hullo.rtc.parameters import Setup

DEADLINE = 30.0

Message = tuple[int, int, bytes]


class End:
    """One association; what it sends goes to `peer`, except the packets that `drop` wants."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.association = SctpAssociation(DatagramCarrier(self._send), lambda *message: self.messages.append(message))
        self.peer: End | None = None
        self.sent: list[bytes] = []
        self.drop: Callable[[bytes], bool] = lambda packet: False

    def _send(self, packet: bytes) -> None:
        self.sent.append(packet)
        if self.peer is not None and not self.drop(packet):
            self.peer.association.feed(packet)


@asynccontextmanager
async def running(*lives: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(life()) for life in lives]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results), results


def two() -> tuple[End, End]:
    left, right = End(), End()
    left.peer, right.peer = right, left
    return left, right


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


async def test_messages_go_both_ways_whole_and_in_order() -> None:
    left, right = two()
    there = [(0, 53, b"%d" % number * 700) for number in range(20)]
    for message in there:
        left.association.send(*message)  # before there is an association
    async with running(left.association.run, right.association.run):
        right.association.send(0, 53, b"back")
        await until(lambda: len(right.messages) == 20 and bool(left.messages))
    assert right.messages == there
    assert left.messages == [(0, 53, b"back")]


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_the_first_packets_may_be_lost_on_both_sides(lost: int) -> None:
    left, right = two()
    left.drop = lambda packet: len(left.sent) <= lost
    right.drop = lambda packet: len(right.sent) <= lost
    left.association.send(0, 53, b"hello")
    async with running(left.association.run, right.association.run):
        await until(lambda: bool(right.messages))


async def test_an_association_that_ends_while_it_retransmits_falls_silent() -> None:
    left, right = two()
    async with running(left.association.run, right.association.run):
        left.association.send(0, 53, b"hello")
        await until(lambda: bool(right.messages))
        left.drop = lambda packet: True
        left.association.send(0, 53, b"lost")
        await until(lambda: left.association._t3_handle is not None)
        left.association._t3_cancel()
        left.association._t3_expired()  # just now,
        left.association._set_state(left.association.State.CLOSED)  # and in the same moment the end comes
        sent = len(left.sent)
    await asyncio.sleep(0.01)
    assert left.association._t3_handle is None
    assert len(left.sent) == sent


async def test_a_peer_that_starts_late_is_asked_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.rtc.adapter.sctp.FIRST_RETRANSMISSION", 0.01)
    left, right = two()
    peer, left.peer = left.peer, None
    left.association.send(0, 53, b"hello")
    async with running(left.association.run):
        await until(lambda: len(left.sent) > 12)  # more than the 8 attempts that RFC 9260 gives an INIT
        left.peer = peer
        async with running(right.association.run):
            await until(lambda: bool(right.messages))


async def test_rubbish_and_replays_are_counted_and_do_no_harm() -> None:
    left, right = two()
    seeded = random.Random(5)
    async with running(left.association.run, right.association.run):
        left.association.send(0, 53, b"one")
        await until(lambda: bool(right.messages))
        for packet in [*left.sent]:
            if packet[12] != 1:  # an INIT would start over
                right.association.feed(packet)
            broken = bytearray(packet)
            broken[seeded.randrange(len(broken))] ^= 0xFF
            right.association.feed(bytes(broken))
            right.association.feed(seeded.randbytes(60))
            await asyncio.sleep(0)
        left.association.send(0, 53, b"two")
        await until(lambda: len(right.messages) == 2)
    assert [data for _, _, data in right.messages] == [b"one", b"two"]


async def test_a_message_without_end_fills_no_memory() -> None:
    left, right = two()
    async with running(left.association.run, right.association.run):
        await left.association.established.wait()
        left.association.send(0, 53, bytes(2 * RECEIVE_WINDOW))
        async with asyncio.timeout(DEADLINE):
            while right.association._advertised_rwnd > 3000:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        held = sum(len(c.user_data) for s in right.association._inbound_streams.values() for c in s.reassembly)
        assert held <= RECEIVE_WINDOW
        assert right.messages == []


async def test_streams_are_bounded() -> None:
    left, right = two()
    async with running(left.association.run, right.association.run):
        await left.association.established.wait()
        for stream in range(MAX_STREAMS + 5):
            left.association.send(stream, 53, b"x")
        await until(lambda: len(right.messages) == MAX_STREAMS)
        assert len(right.association._inbound_streams) == MAX_STREAMS


async def test_too_much_to_send_and_an_ended_association_are_errors() -> None:
    left, right = two()
    for _ in range(MAX_WAITING):
        left.association.send(0, 53, b"x")
    with pytest.raises(SctpError, match="wait"):
        left.association.send(0, 53, b"x")
    async with running(left.association.run):
        async with running(right.association.run):
            await until(lambda: len(right.messages) == MAX_WAITING)
        await until(left.association._closed.is_set)
        with pytest.raises(SctpError, match="ended"):
            left.association.send(0, 53, b"x")


# Data channels


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[RtcConnection, RtcConnection]]:
    caller = RtcConnection(controlling=True, setup=Setup.ACTIVE)
    callee = RtcConnection(controlling=False, setup=Setup.PASSIVE)
    try:
        await asyncio.gather(caller.gather(), callee.gather())
        caller.set_remote_description(callee.local_description())
        callee.set_remote_description(caller.local_description())
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(caller.connect(), callee.connect())
        yield caller, callee
    finally:
        await asyncio.gather(caller.close(), callee.close())


async def test_texts_go_both_ways_and_everything_else_is_passed_over() -> None:
    async with connected() as (caller, callee):
        at_caller: list[str] = []
        at_callee: list[str] = []
        opened = asyncio.Event()
        opening = DataChannel(
            caller.dtls_transport, "data", opens=True, on_open=lambda: opening.send("hello"), on_text=at_caller.append
        )
        opened_there = DataChannel(
            callee.dtls_transport, "data", opens=False, on_open=opened.set, on_text=at_callee.append
        )
        with pytest.raises(RuntimeError, match="not open"):
            opened_there.send("too early")
        async with running(opening.run, opened_there.run), asyncio.timeout(DEADLINE):
            await opened.wait()
            opened_there.send("grüße")
            await until(lambda: at_caller == ["grüße"] and at_callee == ["hello"])
            other = opening._association
            other.send(1, 50, b"\x03")  # half an OPEN
            other.send(1, 51, b"on another stream")
            other.send(0, 53, b"binary")
            other.send(0, 51, b"x" * (MAX_TEXT + 1))
            other.send(0, 51, b"\xff")
            await until(lambda: len(at_callee) == 2)
        assert at_callee == ["hello", "\ufffd"]


# Binary messages


async def test_binary_messages_go_both_ways_and_everything_else_is_passed_over() -> None:
    async with connected() as (caller, callee):
        at_caller: list[bytes] = []
        at_callee: list[bytes] = []
        round_trips: list[float] = []
        near = BinaryChannel(caller.dtls_transport, at_caller.append, round_trips.append)
        far = BinaryChannel(callee.dtls_transport, at_callee.append, lambda seconds: None)
        near.send(b"\0hello")  # before either runs
        assert near.unacknowledged == 6
        async with running(near.run, far.run):
            far.send(b"\xff" * 1000)
            await until(lambda: at_caller == [b"\xff" * 1000] and at_callee == [b"\0hello"])
            await until(lambda: near.unacknowledged == 0 and bool(round_trips))
            near._association.send(0, 51, b"a text")
            near._association.send(1, 53, b"on another stream")
            near.send(b"last")
            await until(lambda: len(at_callee) == 2)
        assert at_callee == [b"\0hello", b"last"]
        assert 0 < round_trips[0] < DEADLINE
        with pytest.raises(SctpError, match="ended"):
            near.send(b"too late")


async def test_on_a_connection_that_is_closed_there_is_no_channel() -> None:
    async with connected() as (caller, _):
        await caller.close()
        with pytest.raises(SctpError, match="closed"):
            BinaryChannel(caller.dtls_transport, lambda message: None, lambda seconds: None)


async def test_of_too_many_packets_only_so_many_are_read() -> None:
    messages: list[Message] = []
    association = SctpAssociation(
        DatagramCarrier(lambda packet: None), lambda *message: messages.append(message), most_packets=5.0
    )
    async with running(association.run):
        for _ in range(100):
            association.feed(b"rubbish")
            await asyncio.sleep(0)
        await until(association._inbox.empty)
        assert 90 <= association.rejected <= 100
