"""Which path a call takes, and how it follows when a path changes."""

import pytest

from hullo.rtc.adapter.udp import UdpTransport
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import Consent
from tests.rtc.test_connection import RTP, connect, two, until


def rebind(connection: RtcConnection) -> None:
    """Give the chosen path of a side another port behind its back, as a NAT does that forgets its mapping."""
    pair = connection._agent._nominated[1]
    old = pair.protocol.transport
    pair.protocol.transport = UdpTransport(pair.local_candidate.host, pair.protocol)  # type: ignore[arg-type]
    assert isinstance(old, UdpTransport)
    old._loop.remove_reader(old._socket.fileno())
    old._socket.close()


@pytest.mark.parametrize("moved", [0, 1], ids=["the controlling side", "the controlled side"])
async def test_a_call_follows_when_a_nat_moves_one_side(moved: int) -> None:
    async with two(Consent(interval=0.1, expiry=5)) as sides:
        await connect(*sides)
        here, there = sides[moved], sides[1 - moved]
        heard: list[bytes] = []
        here.on_rtp = lambda packet, arrival: heard.append(packet)
        rebind(here)

        def reached() -> bool:
            there.send_rtp(RTP[:2] + len(heard).to_bytes(2) + RTP[4:])
            return bool(heard)

        await until(reached)
