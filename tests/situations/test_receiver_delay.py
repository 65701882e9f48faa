"""What delay there is, and that what was taken on in trouble is given back within 2 s."""

import numpy as np
import pytest

from hullo.media.netsim import NetworkProfile
from hullo.media.sender import Sender
from tests.situations.virtual_call import VirtualCall, rising_tone

GIVEN_BACK = 0.020
"""Seconds that the delay may be longer than before, 2 s after trouble."""

LAN = NetworkProfile(delay=0.0005, jitter=0.0003)


def test_on_a_clean_network_the_delay_is_framing_look_ahead_and_phase() -> None:
    delays = []
    for phase in np.arange(0.0, 0.02, 0.002):
        call = VirtualCall(LAN, phase=float(phase))
        call.run(5)
        delays.append(call.delay(2, 5))
        stats = call.receiver.stats()
        assert stats.concealed_ms == 0
        assert stats.silence_ms <= 60
    # 20 ms of framing, 6.5 ms of Opus' look-ahead, then up to one pull and what jitter there is.
    assert min(delays) < 0.033
    assert np.median(delays) < 0.040
    assert max(delays) < 0.053


def test_after_one_lost_packet_nothing_has_changed() -> None:
    call = VirtualCall(NetworkProfile(outages=((3.99, 0.02),)))
    call.run(8)
    assert call.receiver.stats().packets_lost == 1
    assert call.delay(4.2, 5) == pytest.approx(call.delay(2, 4), abs=0.003)
    assert call.receiver.stats().concealed_ms == 20


def test_after_the_consumer_stalled_400_ms() -> None:
    call = VirtualCall(LAN)
    call.run(4)
    call.pulling = False
    call.run(0.4)
    call.pulling = True
    call.run(4)
    before = call.delay(2, 4)
    assert call.delay(4.4, 4.5) > before + 0.3
    assert max(call.delays(6.4, 8.4)) < before + GIVEN_BACK
    stats = call.receiver.stats()
    assert stats.packets_discarded == stats.packets_late == 0
    assert stats.concealed_ms == 0


def test_after_the_network_stalled_1_s() -> None:
    call = VirtualCall(NetworkProfile(delay=0.03, jitter=0.002, stalls=((3.99, 1.0),)))
    call.run(9)
    before = call.delay(2, 4)
    assert call.delay(5.05, 5.15) > before + 0.8
    assert max(call.delays(7.0, 9)) < before + GIVEN_BACK
    stats = call.receiver.stats()
    assert stats.packets_discarded == stats.packets_late == 0
    assert stats.accelerated_ms == pytest.approx(1000, abs=60)


def test_after_the_network_stalled_3_s_the_oldest_is_given_up() -> None:
    call = VirtualCall(NetworkProfile(delay=0.03, stalls=((3.99, 3.0),)))
    call.run(11)
    before = call.delay(2, 4)
    assert max(call.delays(9.03, 11)) < before + GIVEN_BACK
    assert call.receiver.stats().discarded_ms == pytest.approx(1900, abs=100)


def test_after_an_outage_of_1_s_the_sound_goes_on_where_it_is() -> None:
    call = VirtualCall(NetworkProfile(delay=0.03, outages=((4.01, 1.0),)))
    call.run(8)
    assert call.delay(5.1, 5.6) == pytest.approx(call.delay(2, 4), abs=0.005)
    stats = call.receiver.stats()
    assert stats.packets_lost == 50
    assert stats.concealed_ms == pytest.approx(160, abs=20)


def test_a_burst_of_loss_does_not_add_to_the_delay() -> None:
    outages = tuple((3.99 + i, 0.06) for i in range(5))
    call = VirtualCall(NetworkProfile(delay=0.03, outages=outages))
    call.run(20)
    assert call.delay(18, 20) == pytest.approx(call.delay(2, 4), abs=0.005)


def test_when_the_route_gets_80_ms_longer() -> None:
    call = VirtualCall(NetworkProfile(delay=0.02, jitter=0.001))
    call.run(4)
    call.network.profile = NetworkProfile(delay=0.10, jitter=0.001)
    call.run(10)
    before = call.delay(2, 4)
    assert call.delay(4.5, 6) == pytest.approx(before + 0.08, abs=GIVEN_BACK)
    assert call.delay(12, 14) == pytest.approx(before + 0.08, abs=GIVEN_BACK)
    assert call.receiver.stats().concealed_ms <= 120


def test_when_the_route_gets_80_ms_shorter() -> None:
    call = VirtualCall(NetworkProfile(delay=0.10, jitter=0.001))
    call.run(4)
    call.network.profile = NetworkProfile(delay=0.02, jitter=0.001)
    call.run(4)
    assert max(call.delays(6, 8)) < call.delay(2, 4) - 0.08 + GIVEN_BACK


def test_a_sender_that_sends_three_packets_at_a_time() -> None:
    call = VirtualCall()
    burst: list[bytes] = []
    send = call.network.send

    def hold_back(data: bytes, now: float) -> None:
        burst.append(data)
        if len(burst) == 3:
            for packet in burst:
                send(packet, now)
            burst.clear()

    call.network.send = hold_back  # type: ignore[method-assign]
    call.run(10)
    # The first of the three is 40 ms old when it leaves.
    assert call.delay(5, 10) == pytest.approx(0.0265 + 0.040 + 0.010, abs=0.015)
    assert call.receiver.stats().concealed_ms <= 60
    assert call.receiver.stats().packets_late == 0


@pytest.mark.parametrize("frame_ms", [40, 60])
def test_long_packets_cost_their_framing_and_no_more(frame_ms: int) -> None:
    sender = Sender(frame_ms=60 if frame_ms == 60 else 40, bitrate=64_000)
    call = VirtualCall(LAN, sender=sender)
    call.run(8)
    assert call.delay(3, 8) == pytest.approx(frame_ms / 1000 + 0.0065 + 0.007, abs=0.008)
    assert call.receiver.stats().concealed_ms == 0


def test_jitter_of_30_ms_is_bridged_and_left_again() -> None:
    call = VirtualCall(NetworkProfile(delay=0.04))
    call.run(4)
    call.network.profile = NetworkProfile(delay=0.04, jitter=0.03)
    call.run(10)
    call.network.profile = NetworkProfile(delay=0.04)
    call.run(12)
    before = call.delay(2, 4)
    assert call.delay(10, 14) > before + 0.02
    assert call.delay(24, 26) < before + GIVEN_BACK


def test_pulls_that_scatter_do_not_add_to_the_delay() -> None:
    steady, scattered = VirtualCall(LAN), VirtualCall(LAN)
    steady.run(6)
    rng = np.random.default_rng(1)
    pull = scattered.receiver.pull
    scattered.receiver.pull = lambda now: pull(now + rng.exponential(0.002))  # type: ignore[method-assign]
    scattered.run(6)
    assert scattered.delay(3, 6) == pytest.approx(steady.delay(3, 6), abs=0.003)


def test_a_caller_is_heard_from_the_first_word() -> None:
    call = VirtualCall(LAN, source=lambda start: rising_tone(start + 0.5))
    call.run(1)
    first = next(now for now, frame in call.heard if np.abs(frame).max() > 1000)
    assert first < 0.12
