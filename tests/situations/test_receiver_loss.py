"""What is missing is repaired or covered, and costs nothing else."""

import numpy as np
import pytest

from hullo.media.netsim import PROFILES, NetworkProfile
from hullo.media.receiver import ReceiverStats
from hullo.media.sender import Sender
from tests.situations.virtual_call import VirtualCall, loudness


def lost_to_anything_but_concealment(stats: ReceiverStats, start_ms: float = 60) -> float:
    """Share of the playout time that is late, discarded or silent; the first wait for the buffer is no loss."""
    silence = max(stats.silence_ms - start_ms, 0.0)
    return (20 * stats.packets_late + stats.discarded_ms + silence) / stats.played_ms


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_percent_loss_and_30_ms_jitter(seed: int) -> None:
    call = VirtualCall(NetworkProfile(delay=0.04, jitter=0.03, loss=0.10), seed=seed)
    call.run(60)
    stats = call.receiver.stats()
    assert lost_to_anything_but_concealment(stats) <= 0.01
    assert stats.packets_recovered > 0.75 * stats.packets_lost
    assert stats.played_ms + stats.recovered_ms + stats.concealed_ms > 0.99 * 60_000


def test_redundancy_costs_delay_only_while_it_is_needed() -> None:
    call = VirtualCall(NetworkProfile(delay=0.03))
    call.run(5)
    call.network.profile = NetworkProfile(delay=0.03, loss=0.1)
    call.run(15)
    call.network.profile = NetworkProfile(delay=0.03)
    call.run(15)
    before = call.delay(2, 5)
    assert call.delay(10, 20) == pytest.approx(before + 0.02, abs=0.005)
    assert call.delay(32, 35) == pytest.approx(before, abs=0.005)
    assert call.receiver.stats().packets_recovered > 40


def test_without_redundancy_no_delay_is_spent_on_it() -> None:
    call = VirtualCall(NetworkProfile(delay=0.03, loss=0.1), sender=Sender(fec=False))
    call.run(20)
    assert call.receiver.stats().target_ms < 5
    assert call.delay(10, 20) < 0.03 + 0.0265 + 0.0205
    assert call.receiver.stats().packets_recovered == 0


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "satellite"])
def test_every_named_network_is_bridged(name: str) -> None:
    call = VirtualCall(PROFILES[name], seed=4)
    call.run(40)
    stats = call.receiver.stats()
    assert lost_to_anything_but_concealment(stats) <= 0.02
    assert stats.buffer_ms < 250


@pytest.mark.parametrize("frame_ms", [40, 60])
def test_long_packets_are_covered_and_repaired_too(frame_ms: int) -> None:
    sender = Sender(frame_ms=60 if frame_ms == 60 else 40)
    call = VirtualCall(NetworkProfile(delay=0.04, jitter=0.01, loss=0.08), sender=sender, seed=2)
    call.run(30)
    stats = call.receiver.stats()
    assert lost_to_anything_but_concealment(stats, 120) <= 0.01
    assert stats.packets_recovered > 0.5 * stats.packets_lost


def test_reordered_packets_are_played_in_order() -> None:
    call = VirtualCall(NetworkProfile(delay=0.05, jitter=0.025))
    call.run(20)
    stats = call.receiver.stats()
    assert stats.packets_lost == 0
    assert 20 * stats.packets_late + stats.concealed_ms < 0.015 * stats.played_ms


def test_duplicates_are_played_once() -> None:
    call = VirtualCall(NetworkProfile(delay=0.02, jitter=0.01, duplication=0.3))
    call.run(20)
    stats = call.receiver.stats()
    assert stats.packets_duplicate == pytest.approx(300, abs=60)
    assert stats.packets_lost == 0
    assert stats.played_ms + stats.concealed_ms + stats.silence_ms == pytest.approx(20_000, abs=40)


def test_concealment_fades_to_silence_and_sound_comes_back_without_a_bang() -> None:
    call = VirtualCall(NetworkProfile(outages=((2.99, 0.6),)))
    call.run(5)
    levels = loudness(frame for _, frame in call.heard)
    usual = float(np.median(levels))
    gone = [level for (now, _), level in zip(call.heard, levels, strict=True) if 3.25 < now < 3.6]
    assert max(gone) < 0.02 * usual
    assert max(levels) < 1.5 * usual
    back = [level for (now, _), level in zip(call.heard, levels, strict=True) if 3.7 < now < 4.5]
    assert min(back) > 0.5 * usual


def test_a_late_packet_that_nothing_has_overtaken_is_played() -> None:
    call = VirtualCall(NetworkProfile(stalls=((2.99, 0.03),)))
    call.run(6)
    stats = call.receiver.stats()
    assert stats.packets_late == 0
    assert stats.played_ms == pytest.approx(6000 - 20 - 20 - stats.silence_ms + stats.accelerated_ms, abs=60)
    assert stats.concealed_ms <= 40
