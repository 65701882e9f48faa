"""Streams that are not one straight line: counters that wrap or jump, sources that change, senders with quirks."""

import random
from dataclasses import asdict, replace

import msgspec
import pytest

from hullo.media.netsim import NetworkProfile
from hullo.media.receiver import ReceiverStats
from hullo.media.rtp import RtpPacket
from hullo.media.sender import Sender
from tests.situations.virtual_call import VirtualCall

LAN = NetworkProfile(delay=0.02, jitter=0.004)


def rounded(stats: ReceiverStats) -> dict[str, float]:
    """The counters to the microsecond: timestamps of another size round differently."""
    return {name: round(value, 3) for name, value in asdict(stats).items()}


def test_sequence_numbers_and_timestamps_wrap_around() -> None:
    call = VirtualCall(LAN, sender=Sender(first_sequence=65436, first_timestamp=2**32 - 96_000))
    call.run(6)
    plain = VirtualCall(LAN)
    plain.run(6)
    assert rounded(call.receiver.stats()) == rounded(plain.receiver.stats())
    block = call.receiver.report_block()
    assert block is not None
    assert block.highest_sequence > 0x10000
    assert block.packets_lost == 0


def test_wraps_under_loss_and_reordering() -> None:
    rough = NetworkProfile(delay=0.06, jitter=0.03, loss=0.1)
    wrapped = VirtualCall(rough, sender=Sender(first_sequence=65500, first_timestamp=2**32 - 50_000))
    plain = VirtualCall(rough, sender=Sender(first_sequence=100, first_timestamp=50_000))
    wrapped.run(10)
    plain.run(10)
    assert rounded(wrapped.receiver.stats()) == rounded(plain.receiver.stats())


def test_a_new_ssrc_is_followed_after_one_hole() -> None:
    call = VirtualCall(LAN)
    call.run(4)
    call.sender = Sender(ssrc=0xABCDEF)
    call.run(5)
    stats = call.receiver.stats()
    assert call.receiver.ssrc == 0xABCDEF
    assert stats.restarts == 1
    assert stats.concealed_ms <= 80
    assert call.delay(5, 9) == pytest.approx(call.delay(2, 4), abs=0.02)


def test_a_stray_packet_of_another_source_changes_nothing() -> None:
    call = VirtualCall(LAN)
    other = Sender(ssrc=7)
    for _ in range(5):
        call.run(1)
        stray = other.push(call.source(0.0), 0.0)
        assert stray is not None
        call.receiver.feed(stray, call.now)
    stats = call.receiver.stats()
    assert (stats.restarts, stats.packets_ignored) == (0, 5)
    assert stats.played_ms == pytest.approx(5000, abs=100)


def test_stragglers_of_the_former_source_do_not_bring_it_back() -> None:
    call = VirtualCall(LAN)
    call.run(3)
    former = call.sender
    call.sender = Sender(ssrc=0xABCDEF)
    call.run(0.1)
    for _ in range(20):
        call.run(0.02)
        late = former.push(call.source(0.0), 0.0)
        assert late is not None
        call.receiver.feed(late, call.now)
    stats = call.receiver.stats()
    assert call.receiver.ssrc == 0xABCDEF
    assert stats.restarts == 1
    assert stats.packets_ignored >= 20


def test_a_source_that_comes_back_after_the_other_has_gone_is_heard() -> None:
    call = VirtualCall(LAN)
    first, second = call.sender, Sender(ssrc=0xABCDEF)
    for sender in (first, second, first):
        call.sender = sender
        call.run(2)
        call.pushing = False
        call.run(1.5)
        call.pushing = True
    assert call.receiver.ssrc == first.ssrc
    assert call.receiver.stats().restarts == 2


@pytest.mark.parametrize("jump", [20_000, 40_000, -5000])
def test_sequence_numbers_that_jump_are_followed(jump: int) -> None:
    call = VirtualCall(LAN)
    call.run(4)
    call.sender._sequence = (call.sender._sequence + jump) % 65536
    call.run(4)
    stats = call.receiver.stats()
    assert stats.restarts == 1
    assert stats.packets_lost <= 1
    assert stats.concealed_ms + stats.silence_ms <= 180
    assert call.delay(5, 8) == pytest.approx(call.delay(2, 4), abs=0.02)


@pytest.mark.parametrize("jump", [48_000 * 3600, 2**31 - 5000, -48_000 * 10, -4800])
def test_timestamps_that_jump_are_followed(jump: int) -> None:
    call = VirtualCall(LAN)
    call.run(4)
    call.sender._timestamp = (call.sender._timestamp + jump) % 2**32
    call.run(4)
    stats = call.receiver.stats()
    assert stats.restarts == 1
    assert stats.concealed_ms + stats.silence_ms <= 180
    assert call.delay(5, 8) == pytest.approx(call.delay(2, 4), abs=0.02)


def test_timestamps_that_jump_a_second_ahead_are_a_pause_that_was_none() -> None:
    call = VirtualCall(LAN)
    call.run(4)
    call.sender._timestamp += 48_000
    call.run(5)
    assert call.delay(6.5, 9) == pytest.approx(call.delay(2, 4), abs=0.02)
    assert call.receiver.stats().packets_discarded == 0


def test_packets_that_share_one_timestamp_are_played_one_after_the_other() -> None:
    call = VirtualCall(NetworkProfile(delay=0.02))
    send = call.network.send
    queue: list[RtpPacket] = []

    def as_aiortc_sends_frames_of_60_ms(data: bytes, now: float) -> None:
        queue.append(RtpPacket.parse(data))
        if len(queue) == 3:
            for packet in queue:
                send(msgspec.structs.replace(packet, timestamp=queue[0].timestamp).build(), now)
            queue.clear()

    call.network.send = as_aiortc_sends_frames_of_60_ms  # type: ignore[method-assign]
    call.run(8)
    stats = call.receiver.stats()
    assert stats.packets_late == 0
    assert stats.played_ms == pytest.approx(8000, abs=150)
    assert stats.concealed_ms < 100


def test_a_single_stray_packet_far_off_changes_nothing() -> None:
    call = VirtualCall(NetworkProfile(delay=0.02))
    call.run(3)
    stray = RtpPacket(payload_type=111, sequence_number=40_000, timestamp=9, ssrc=call.sender.ssrc, payload=b"\x08x")
    call.receiver.feed(stray.build(), call.now)
    call.run(3)
    stats = call.receiver.stats()
    assert stats.restarts == 0
    assert stats.packets_lost == 0
    assert call.delay(4, 6) == pytest.approx(call.delay(2, 3), abs=0.005)


def test_garbage_in_mid_call_is_counted_and_nothing_else_is_lost() -> None:
    rng = random.Random(1)
    call = VirtualCall(LAN)
    clean = VirtualCall(LAN)
    for _ in range(50):
        call.run(0.1)
        clean.run(0.1)
        for _ in range(20):
            call.receiver.feed(b"\x00" + rng.randbytes(rng.randrange(200)), call.now)
    stats = call.receiver.stats()
    assert stats.packets_malformed == 1000
    assert replace(stats, packets_malformed=0) == clean.receiver.stats()


def test_corrupt_opus_is_concealed_and_the_call_goes_on() -> None:
    rng = random.Random(2)
    call = VirtualCall(LAN)
    send = call.network.send

    def corrupt(data: bytes, now: float) -> None:
        packet = RtpPacket.parse(data)
        if packet.sequence_number % 10 == 0:
            packet = msgspec.structs.replace(packet, payload=b"\x03" + rng.randbytes(3))
        send(packet.build(), now)

    call.network.send = corrupt  # type: ignore[method-assign]
    call.run(10)
    stats = call.receiver.stats()
    assert stats.packets_malformed + stats.packets_late + stats.packets_ignored > 30
    assert stats.played_ms > 8000
    assert call.delay(5, 10) < 0.12


def test_packets_of_random_opus_never_stop_the_sound() -> None:
    rng = random.Random(3)
    call = VirtualCall()
    call.run(1)
    for i in range(3000):
        packet = RtpPacket(
            payload_type=111,
            sequence_number=rng.choice([rng.randrange(65536), (200 + i) % 65536]),
            timestamp=rng.choice([rng.randrange(2**32), i * 960]),
            ssrc=rng.choice([1, 2, call.sender.ssrc]),
            payload=rng.randbytes(rng.randrange(30)),
        )
        call.receiver.feed(packet.build(), call.now + i * 0.02)
        assert len(call.receiver.pull(call.now + i * 0.02)) == 960
