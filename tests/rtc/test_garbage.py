"""Random, truncated, forged and huge packets at the sockets of a call: the call goes on, and they are counted."""

import asyncio
import random
import socket
import struct

import pytest

from hullo.rtc.adapter.udp import MAX_DATAGRAM
from hullo.rtc.connection import RtcConnection
from tests.rtc.test_connection import RTP, connect, two, until


def garbage(rng: random.Random) -> bytes:
    """One datagram of a kind that somebody could send."""
    first = bytes([rng.choice((0, 1, 2, 20, 22, 23, 63, 64, 100, 128, 144, 191, 192, 255))])
    stun = struct.pack("!HHI12s", rng.choice((1, 0x101, 0x111, 3)), 0, 0x2112A442, rng.randbytes(12))
    attribute = struct.pack("!HH", rng.choice((6, 8, 9, 0x20, 0x24, 0x25, 0x8028, 0x802A)), rng.randrange(12))
    body = attribute + rng.randbytes(rng.randrange(16))
    return rng.choice(
        (
            b"",
            first,
            first + rng.randbytes(rng.randrange(1400)),
            first * rng.choice((1500, 1501, 9000)),
            RTP[:12] + rng.randbytes(rng.randrange(200)),
            RTP[: rng.randrange(12)],
            b"\x80" + bytes([rng.choice((200, 201, 203, 223))]) + rng.randbytes(rng.randrange(40)),
            b"\x16\xfe\xfd" + rng.randbytes(rng.randrange(60)),
            stun[: rng.randrange(21)],
            stun[:2] + struct.pack("!H", len(body)) + stun[4:] + body,
        )
    )


def addresses(connection: RtcConnection) -> list[tuple[str, int]]:
    candidates = connection.local_description().candidates
    return [(candidate.address, candidate.port) for candidate in candidates if ":" not in candidate.address]


@pytest.mark.parametrize("seed", range(3))
async def test_garbage_in_mid_call_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
    async with two() as (caller, callee):
        await connect(caller, callee)
        heard: list[bytes] = []
        callee.on_rtp = lambda packet, arrival: heard.append(packet)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sprayer:
            for number in range(1000):
                sprayer.sendto(garbage(rng), rng.choice(addresses(callee)))
                if number % 50 == 0:
                    packet = RTP[:2] + number.to_bytes(2) + RTP[4:]
                    caller.send_rtp(packet)
                    await until(lambda expected=packet: expected in heard)  # type: ignore[misc]
        assert len(heard) == 20
        counters = callee.counters()
        assert counters.strays > 100
        assert counters.rejected > 50
        answers: list[float] = []
        callee.check_path(answers.append)
        await until(lambda: bool(answers))
    assert errors == []


async def test_a_replayed_packet_is_not_heard_twice() -> None:
    async with two() as (caller, callee):
        await connect(caller, callee)
        heard: list[bytes] = []
        sent: list[bytes] = []
        callee.on_rtp = lambda packet, arrival: heard.append(packet)
        transport = caller.dtls_transport
        protected = transport._tx_srtp.protect(RTP)
        sent.append(protected)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(3):
                stranger.sendto(protected, addresses(callee)[0])
            await until(lambda: callee.counters().rejected == 2)
        assert heard == [RTP]


async def test_an_oversized_datagram_is_dropped_whole() -> None:
    async with two() as (caller, callee):
        await connect(caller, callee)
        rejected = callee.counters().rejected
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sprayer:
            sprayer.sendto(b"\x80\x6f" + bytes(MAX_DATAGRAM), addresses(callee)[0])
            sprayer.sendto(b"\x80\x6f" + bytes(20), addresses(callee)[0])
        await until(lambda: callee.counters().rejected == rejected + 1)


async def test_garbage_before_and_during_the_handshake_does_not_stop_it() -> None:
    rng = random.Random(5)
    async with two() as (caller, callee):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sprayer:
            for _ in range(300):
                sprayer.sendto(garbage(rng), rng.choice(addresses(caller) + addresses(callee)))
            await connect(caller, callee)
