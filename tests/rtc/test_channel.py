"""The sound of a call on the wire: time goes on through stalls and mutes, and silence is said."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from hullo.media.pcm import FRAME_SAMPLES, Pcm
from hullo.media.receiver import Receiver
from hullo.media.reporting import Reporter
from hullo.media.rtcp import parse_compound
from hullo.media.rtp import RtpPacket
from hullo.media.sender import Sender
from hullo.rtc.channel import AudioChannel
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import StreamIdentity
from tests.rtc.test_connection import connect, two, until
from tests.rtc.tones import Listener, Tone

IDENTITY = StreamIdentity(0xDECAF, "cname")


def unexpected(error: Exception) -> None:
    pytest.fail(f"no tick should have raised {error!r}")


@asynccontextmanager
async def channel_and_wire(*, sends: bool = True) -> AsyncIterator[tuple[AudioChannel, list[RtpPacket], list[bytes]]]:
    """A channel whose clock stands still, so that the test ticks it, and what the peer gets: RTP and RTCP."""
    async with two() as (near, far):
        await connect(near, far)
        rtp: list[RtpPacket] = []
        rtcp: list[bytes] = []
        far.on_rtp = lambda packet, arrival: rtp.append(RtpPacket.parse(packet))
        far.on_rtcp = lambda packet, arrival: rtcp.append(packet)
        yield AudioChannel(near, MediaClock(), payload_type=109, identity=IDENTITY, sends=sends), rtp, rtcp


async def test_dropped_ticks_leave_a_pause_and_not_a_lag() -> None:
    async with channel_and_wire() as (channel, rtp, _):
        channel.open(Listener(), Tone(440), unexpected)
        for tick, missed in enumerate((0, 0, 10, 0)):
            channel.tick(tick * 0.02, missed)
        await until(lambda: len(rtp) == 4)
    steps = np.diff([packet.timestamp for packet in rtp]) // FRAME_SAMPLES
    assert steps.tolist() == [1, 11, 1]
    assert np.diff([packet.sequence_number for packet in rtp]).tolist() == [1, 1, 1]
    assert {(packet.ssrc, packet.payload_type) for packet in rtp} == {(0xDECAF, 109)}


async def test_each_direction_has_its_own_payload_type() -> None:
    async with two() as (near, far), MediaClock(freeze_gc=False) as clock:
        await connect(near, far)
        channels = [AudioChannel(end, clock, payload_type=111, identity=StreamIdentity(7, "x")) for end in (near, far)]
        channels[0].set_payload_types(incoming=96, outgoing=109)
        channels[1].set_payload_types(incoming=109, outgoing=96)
        ears = Listener(), Listener()
        for channel, ear, hertz in zip(channels, ears, (440, 1000), strict=True):
            channel.open(ear, Tone(hertz), unexpected)
        await asyncio.gather(ears[0].hears(1000), ears[1].hears(440))
        for channel in channels:
            channel.close()


async def test_a_mouth_with_nothing_to_say_sends_silence_and_a_muted_one_nothing() -> None:
    said: list[float] = []

    def mouth(now: float) -> Pcm | None:
        said.append(now)
        return None

    async with channel_and_wire() as (channel, rtp, _):
        channel.open(Listener(), mouth, unexpected)
        channel.tick(0.0)
        channel.set_muted(True)
        for tick in range(1, 5):
            channel.tick(tick * 0.02)
        channel.set_muted(False)
        channel.tick(0.1)
        await until(lambda: len(rtp) == 2)
    assert rtp[1].timestamp - rtp[0].timestamp == 5 * FRAME_SAMPLES
    assert len(said) == 6


async def test_a_peer_that_does_not_want_sound_gets_only_reports() -> None:
    async with channel_and_wire(sends=False) as (channel, rtp, rtcp):
        channel.open(Listener(), Tone(440), unexpected)
        for tick in range(10):
            channel.tick(tick * 0.02)
        channel.close()
        await until(lambda: bool(rtcp))
        assert rtp == []


async def test_what_arrives_while_a_tick_reads_is_as_old_as_the_tick() -> None:
    async with two() as (near, far):
        await connect(near, far)
        reports: list[bytes] = []
        far.on_rtcp = lambda packet, arrival: reports.append(packet)
        channel = AudioChannel(near, MediaClock(), payload_type=109, identity=IDENTITY)
        channel.open(Listener(), Tone(440), unexpected)
        sender, receiver = Sender(ssrc=7, payload_type=109), Receiver(payload_type=109)
        reporter = Reporter(sender, receiver, cname="far", wall_offset=0.0)
        before = time.monotonic()
        channel.tick(before)
        far.send_rtp(sender.push(Tone(440)(0.0), before) or b"")
        reporter.poll(before)
        far.send_rtcp(reporter.poll(before + 1.0) or b"")

        def reported() -> bool:
            channel.tick(before)
            return bool(reports)

        await until(reported)
        [block] = parse_compound(reports[-1])[0].reports  # type: ignore[union-attr]
        assert block.ssrc == 7
        assert block.delay_since_last_sr == 0
        channel.close()


async def test_before_it_is_open_a_channel_only_notes_that_the_peer_was_heard() -> None:
    async with two() as (near, far):
        await connect(near, far)
        async with MediaClock(freeze_gc=False) as clock:
            early = AudioChannel(near, clock, payload_type=111, identity=IDENTITY)
            speaking = AudioChannel(far, clock, payload_type=111, identity=StreamIdentity(1, "far"))
            speaking.open(Listener(), Tone(440), unexpected)
            async with asyncio.timeout(30):
                await early.first_heard.wait()
            assert early.stats().received.packets_received == 0
            listener = Listener()
            early.open(listener, Tone(1000), unexpected)
            await listener.hears(440)
            early.close()
            early.close()
            speaking.close()
            heard = len(listener.frames)
            await asyncio.sleep(0.05)
            assert len(listener.frames) == heard
