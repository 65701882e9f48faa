"""A host with nothing but `lo`: calls still connect."""

import asyncio

from aioice.ice import get_host_addresses

from tests.lines.calls import BYE, DEADLINE, answered, local_line
from tests.rtc.networks import in_own_network
from tests.rtc.tones import Listener, Tone


def test_a_call_connects_on_a_host_with_nothing_but_loopback() -> None:
    async def scenario() -> None:
        assert get_host_addresses(use_ipv4=True, use_ipv6=True) == []
        async with local_line() as line:
            caller, callee = await answered(line)
            listener = Listener()
            caller.open(listener, Tone(440))
            callee.open(Listener(), Tone(1000))
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(caller.connected(), callee.connected())
            await listener.hears(1000)
            await caller.close(BYE)
            await callee.close(BYE)

    in_own_network(scenario)


def test_a_call_connects_where_there_is_only_ipv6() -> None:
    async def scenario() -> None:
        async with local_line() as line:
            caller, callee = await answered(line)
            listener = Listener()
            caller.open(listener, Tone(440))
            callee.open(Listener(), Tone(1000))
            await listener.hears(1000)
            await caller.close(BYE)
            await callee.close(BYE)

    in_own_network(scenario, ["fd00:9::1/64"])
