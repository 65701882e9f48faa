"""The connection leaves room for data channels: aiortc's SCTP transport works on top of it, beside the sound."""

import asyncio

from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpTransport

from tests.rtc.test_connection import DEADLINE, RTP, connect, two, until


async def test_messages_go_both_ways_beside_the_sound() -> None:
    async with two() as (caller, callee):
        await connect(caller, callee)
        at_callee: asyncio.Queue[str] = asyncio.Queue()
        at_caller: asyncio.Queue[str] = asyncio.Queue()
        heard: list[bytes] = []
        callee.on_rtp = lambda packet, arrival: heard.append(packet)
        near, far = (RTCSctpTransport(connection.dtls_transport) for connection in (caller, callee))

        def opened(channel: RTCDataChannel) -> None:
            channel.on("message", at_callee.put_nowait)
            channel.send("hello yourself")

        far.on("datachannel", opened)
        await asyncio.gather(near.start(far.getCapabilities(), far.port), far.start(near.getCapabilities(), near.port))
        channel = RTCDataChannel(near, RTCDataChannelParameters(label="notes", id=None))
        channel.on("message", at_caller.put_nowait)
        channel.on("open", lambda: channel.send("hello"))
        caller.send_rtp(RTP)
        async with asyncio.timeout(DEADLINE):
            assert await at_callee.get() == "hello"
            assert await at_caller.get() == "hello yourself"
        await until(lambda: heard == [RTP])
        await asyncio.gather(near.stop(), far.stop())
