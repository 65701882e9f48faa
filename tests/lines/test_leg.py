"""What happens to a leg: muting, a dying peer, a peer that sends nothing, a failing ear."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hullo.lines.leg import RtcLeg
from hullo.lines.line import CallFailed, Ending, EndReason
from hullo.media.pcm import Pcm
from hullo.rtc.parameters import Consent
from tests.lines.calls import BYE, DEADLINE, Listening, answered, local_line
from tests.rtc.tones import Listener, Tone


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def call() -> AsyncIterator[tuple[RtcLeg, RtcLeg, Listener, Listener]]:
    """A call whose sides say 440 and 1000 Hz: both legs, and what each hears."""
    async with local_line() as line:
        caller, callee = await answered(line)
        at_caller, at_callee = Listener(), Listener()
        caller.open(at_caller, Tone(440))
        callee.open(at_callee, Tone(1000))
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(caller.connected(), callee.connected())
        try:
            yield caller, callee, at_caller, at_callee
        finally:
            await asyncio.gather(caller.close(BYE), callee.close(BYE))


async def test_muting_is_silence_at_the_peer_and_ends_nothing() -> None:
    async with call() as (caller, callee, at_caller, at_callee):
        await at_callee.hears(440)
        caller.set_muted(True)
        await until(lambda: bool(at_callee.frames) and not at_callee.last(0.2).any())
        sent, silent_since = caller.stats().packets_sent, time.monotonic()
        await at_caller.hears(1000)
        assert caller.stats().packets_sent == sent
        await until(lambda: callee.quiet_for(now := time.monotonic()) < now - silent_since)  # by its consent checks
        caller.set_muted(False)
        await at_callee.hears(440)


async def test_an_rtcp_bye_with_more_sound_after_it_ends_nothing() -> None:
    async with call() as (caller, callee, _, at_callee):
        channel = caller._channel
        caller._connection.send_rtcp(channel._reporter.bye(time.monotonic()))
        await until(lambda: callee._channel._reporter.bye_at is not None)
        at_callee.frames.clear()
        await at_callee.hears(440)
        over = asyncio.create_task(callee.ended())
        await asyncio.sleep(0)
        assert not over.done()
        over.cancel()


async def test_a_leg_is_not_connected_before_the_peer_was_heard() -> None:
    async with local_line() as line:
        caller, callee = await answered(line)
        caller.open(Listener(), Tone(440))  # the callee stays closed: it sends neither sound nor reports
        connecting = asyncio.create_task(caller.connected())
        await until(lambda: caller.report().proof is not None)
        assert caller.report().proof == "consent"
        assert not connecting.done()
        assert "first_heard" not in caller.report().stages
        await callee.close(BYE)
        with pytest.raises(CallFailed) as failure:
            await connecting
        assert failure.value.ending.reason is EndReason.HANGUP_USER
        await caller.close(BYE)


async def test_the_first_ending_counts_and_closing_twice_is_once() -> None:
    async with call() as (caller, callee, _, _):
        caller.hang_up(Ending(EndReason.FAILED, "first"))
        caller.hang_up(Ending(EndReason.COMPLETED, "second"))
        assert (await caller.ended()).detail == "first"
        await asyncio.gather(caller.close(BYE), caller.close(BYE))
        async with asyncio.timeout(DEADLINE):
            assert (await callee.ended()).reason is EndReason.HANGUP_USER
        assert caller.report().chosen is not None
        assert caller.stats().packets_sent > 0


async def test_a_failing_ear_ends_only_its_own_call() -> None:
    def broken(pcm: Pcm, now: float) -> None:
        raise ZeroDivisionError("this ear is broken")

    async with call() as (_, _, _, at_callee), local_line() as line:
        caller, callee = await answered(line)
        caller.open(broken, Tone(440))
        async with asyncio.timeout(DEADLINE):
            ending = await caller.ended()
        assert ending.reason is EndReason.ERROR
        assert "this ear is broken" in ending.detail
        await asyncio.gather(caller.close(BYE), callee.close(BYE))
        await at_callee.hears(440)


async def test_a_killed_peer_is_noticed_and_leaves_nothing_behind() -> None:
    async with local_line(Consent(interval=0.1, expiry=3.0)) as line:
        await _killed_call(line)
        descriptors = len(os.listdir("/proc/self/fd"))
        tasks = len(asyncio.all_tasks())
        await _killed_call(line)
        await until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors and len(asyncio.all_tasks()) <= tasks)


async def _killed_call(line: Listening) -> None:
    victim = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.lines.victim", line.url)
    try:
        leg = await (await line.offer()).accept()
        listener = Listener()
        leg.open(listener, Tone(1000))
        await listener.hears(440)
        victim.kill()
        await victim.wait()
        await until(lambda: leg.quiet_for(time.monotonic()) > 0.5)
        async with asyncio.timeout(DEADLINE):
            ending = await leg.ended()
        assert ending.reason is EndReason.FAILED
        assert "stopped answering" in ending.detail
        await leg.close(ending)
    finally:
        if victim.returncode is None:
            victim.kill()
            await victim.wait()
