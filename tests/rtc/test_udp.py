"""Our UDP transport: arrival times of the kernel, bursts emptied at once, closing."""

import asyncio
import socket
import sys
import time

import pytest

from hullo.rtc.adapter.udp import UdpTransport
from tests.rtc.test_connection import until


class Keeping:
    """Keeps what arrives, with the time when it was read."""

    def __init__(self) -> None:
        self.arrived: list[tuple[bytes, float, float]] = []
        self.lost = 0

    def datagram_arrived(self, data: bytes, addr: tuple[str, int], arrival: float) -> None:
        self.arrived.append((data, arrival, time.monotonic()))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost += 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the arrival time is that of the reading")
async def test_a_stall_of_this_process_does_not_look_like_jitter() -> None:
    keeping = Keeping()
    transport = UdpTransport("127.0.0.1", keeping)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        sent, later = [], []
        for number in range(10):  # while the loop does not run
            sent.append(time.monotonic())
            peer.sendto(bytes([number]), transport.get_extra_info("sockname"))
            time.sleep(0.01)  # noqa: ASYNC251  # the stall
            later.append(time.monotonic())
        await until(lambda: len(keeping.arrived) == 10)
    transport.close()
    assert [data[0] for data, _, _ in keeping.arrived] == list(range(10))
    for earliest, latest, (_, arrival, read) in zip(sent, later, keeping.arrived, strict=True):
        assert earliest - 0.001 <= arrival <= latest
        assert arrival < read
    reads = [read for _, _, read in keeping.arrived]
    assert reads[0] > sent[-1], "all of them were read after the stall, in one go"


async def test_closing_is_told_once_and_later_packets_are_not_sent() -> None:
    keeping = Keeping()
    transport = UdpTransport("127.0.0.1", keeping)
    transport.close()
    transport.close()
    await asyncio.sleep(0)
    assert keeping.lost == 1
    transport.sendto(b"x", ("127.0.0.1", 9))
    assert transport.unsent == 1


async def test_what_cannot_be_sent_is_counted_and_not_raised() -> None:
    transport = UdpTransport("127.0.0.1", Keeping())
    for address in (("127.0.0.1", 0), ("::1", 9), ("192.0.2.255", 9)):
        transport.sendto(b"x", address)
    transport.sendto(bytes(70_000), ("127.0.0.1", 9))
    assert transport.unsent >= 3
    transport.close()
