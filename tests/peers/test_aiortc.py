"""Calls with plain aiortc, a tone measured at both ends."""

import asyncio

from hullo.lines.leg import RtcLeg
from hullo.lines.line import EndReason
from tests.lines.calls import BYE, DEADLINE, local_line
from tests.peers import whip
from tests.peers.aiortc_peer import AiortcPeer
from tests.rtc.networks import with_an_address
from tests.rtc.tones import Listener, Tone


async def prove(leg: RtcLeg, peer: AiortcPeer, peer_hertz: float) -> None:
    listener = Listener()
    leg.open(listener, Tone(1000))
    async with asyncio.timeout(DEADLINE):
        await leg.connected()
    await asyncio.gather(listener.hears(peer_hertz), peer.listener.hears(1000))


def test_aiortc_calls_us_and_hangs_up() -> None:
    async def scenario() -> None:
        async with local_line() as line:
            peer = AiortcPeer(440)
            posting = asyncio.create_task(whip.post(line.url, await peer.offer()))
            leg = await (await line.offer()).accept()
            assert isinstance(leg, RtcLeg)
            await peer.take_answer((await posting).sdp)
            await prove(leg, peer, 440)
            await peer.close()
            async with asyncio.timeout(DEADLINE):
                assert (await leg.ended()).reason is EndReason.HANGUP_USER
            await leg.close(BYE)

    with_an_address(scenario)


def test_we_call_aiortc_and_hang_up() -> None:
    async def scenario() -> None:
        peer = AiortcPeer(600)
        async with local_line() as line, whip.endpoint(peer.answer) as (url, deleted):
            leg = await line.line.dial(url, lambda: None)
            await prove(leg, peer, 600)
            assert leg.report().chosen is not None
            await leg.close(BYE)
            assert deleted == ["/call/the-one"]
            async with asyncio.timeout(DEADLINE):
                while peer.connection.connectionState != "closed":
                    await asyncio.sleep(0.02)
        await peer.close()

    with_an_address(scenario)


def test_a_delete_ends_the_call_at_once() -> None:
    async def scenario() -> None:
        async with local_line() as line:
            peer = AiortcPeer(440)
            posting = asyncio.create_task(whip.post(line.url, await peer.offer()))
            leg = await (await line.offer()).accept()
            answer = await posting
            await peer.take_answer(answer.sdp)
            assert await answer.delete() == 200
            async with asyncio.timeout(DEADLINE):
                assert (await leg.ended()).reason is EndReason.HANGUP_USER
            await leg.close(BYE)
            assert await answer.delete() == 404
            await peer.close()

    with_an_address(scenario)
