"""Whole calls from a browser line to itself, over real HTTP and real UDP."""

import asyncio
import time

from hullo.lines.leg import RtcLeg
from hullo.lines.line import EndReason
from tests.lines.calls import BYE, DEADLINE, answered, local_line
from tests.rtc.tones import Listener, Tone


async def connect(*legs: RtcLeg) -> None:
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(leg.connected() for leg in legs))


async def test_both_sides_hear_each_other_and_the_report_tells_how() -> None:
    async with local_line() as line:
        caller, callee = await answered(line)
        at_caller, at_callee = Listener(), Listener()
        caller.open(at_caller, Tone(440))
        callee.open(at_callee, Tone(1000))
        await connect(caller, callee)
        await asyncio.gather(at_caller.hears(1000), at_callee.hears(440))
        report = caller.report()
        assert report.chosen is not None
        assert (report.chosen.local, report.chosen.outcome) == ("host", "succeeded")
        assert report.proof in ("rtcp", "consent")
        assert {"gathered", "ice", "dtls", "first_heard", "first_sent"} <= set(report.stages)
        assert caller.quiet_for(time.monotonic()) < 1
        await caller.close(BYE)
        async with asyncio.timeout(DEADLINE):
            assert (await callee.ended()).reason is EndReason.HANGUP_USER
        await callee.close(BYE)
        stats = callee.stats()
        assert stats.packets_lost == 0
        assert stats.round_trip_ms is not None
