"""How long the media of a call take, from the confirmation until both ends are connected, in one run side by side.

`python -m tests.peers.telegram.setup_times [CALLS]` prints the median and the worst of each kind, in milliseconds.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from hullo.lines.telegram.port import ConfirmCall, Request
from hullo.rtc.clock import MediaClock
from tests.lines.telegram.lines import BYE, DEADLINE, running
from tests.lines.telegram.memory_telegram import MemoryTelegram
from tests.peers.telegram.ntgcalls_peer import ntgcalls_peer
from tests.peers.telegram.test_ntgcalls import THEM, US, VERSIONS, both, call
from tests.rtc.networks import with_an_address
from tests.rtc.tones import Listener, Tone


class Timed(MemoryTelegram):
    """Knows when a call was confirmed."""

    confirmed = 0.0

    def carry_out(self, user_id: int, request: Request[Any]) -> Any:
        if isinstance(request, ConfirmCall):
            self.confirmed = time.monotonic()
        return super().carry_out(user_id, request)


async def with_us(version: str, we_call: bool) -> float:
    """Seconds of one call between us and NTgCalls."""
    server = Timed()
    async with both(server, version) as (us, them), call(us, them, we_call=we_call) as leg:
        leg.open(Listener(), Tone(1000))
        async with asyncio.timeout(DEADLINE):
            await them.connected.wait()
            while "dtls" not in leg.report().stages:
                await asyncio.sleep(0.001)
        return time.monotonic() - server.confirmed


async def with_themselves(version: str) -> float:
    """Seconds of one call between two of NTgCalls."""
    server = Timed()
    caller, callee = server.account(US, "caller"), server.account(THEM, "callee")
    async with ntgcalls_peer(caller, (version,), 440) as one, ntgcalls_peer(callee, (version,), 1000) as other:
        await one.call(callee.user)
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(one.connected.wait(), other.connected.wait())
        return time.monotonic() - server.confirmed


async def with_ourselves(version: str) -> float:
    """Seconds of one call between two of ours, in one process."""
    server = Timed(choose=lambda common: version)
    async with (
        MediaClock(freeze_gc=False) as clock,
        running(server.account(US, "caller"), clock) as one,
        running(server.account(THEM, "callee"), clock) as other,
        asyncio.timeout(DEADLINE),
        asyncio.TaskGroup() as tasks,
    ):
        dialing = tasks.create_task(one.line.dial("@callee", one.rang))
        legs = [await (await other.offer()).accept(), await dialing]
        while not all("dtls" in leg.report().stages for leg in legs):
            await asyncio.sleep(0.001)
        took = time.monotonic() - server.confirmed
        await asyncio.gather(*(leg.close(BYE) for leg in legs))
        return took


KINDS: dict[str, Callable[[str], Awaitable[float]]] = {
    "ntgcalls -> ntgcalls": with_themselves,
    "hullo -> ntgcalls": lambda version: with_us(version, True),
    "ntgcalls -> hullo": lambda version: with_us(version, False),
    "hullo -> hullo": with_ourselves,
}


def main(calls: int) -> None:
    """Interleave the kinds, so that the moods of the machine meet all alike."""
    times: dict[tuple[str, str], list[float]] = {}

    async def scenario() -> None:
        for _ in range(calls):
            for version in VERSIONS:
                for kind, measure in KINDS.items():
                    times.setdefault((kind, version), []).append(1000 * await measure(version))

    with_an_address(scenario)
    for (kind, version), measured in sorted(times.items()):
        middle, worst = statistics.median(measured), max(measured)
        sys.stdout.write(f"{kind:22} {version:7} median {middle:5.0f} ms   worst {worst:5.0f} ms\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
