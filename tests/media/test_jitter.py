"""From arrivals to the target delay."""

import random

import pytest

from hullo.media.jitter import MAX_TARGET, ArrivalDelays, LossHistory


def observe(delays: ArrivalDelays, lateness: list[float], *, start: int = 0, packet: float = 0.02) -> None:
    """Packets in order, each late by so many seconds; none overtakes another."""
    arrival = 0.0
    for i, late in enumerate(lateness, start):
        arrival = max(arrival, i * packet + late)
        delays.add(arrival, arrival - i * packet, packet)


def test_a_clean_network_needs_no_delay() -> None:
    delays = ArrivalDelays()
    observe(delays, [0.05] * 100)
    assert delays.base == pytest.approx(0.05)
    assert delays.most < 0.002


def test_the_initial_target_gives_way_to_evidence() -> None:
    delays = ArrivalDelays()
    assert delays.most == pytest.approx(0.02)
    observe(delays, [0.0])
    assert 0.015 < delays.most <= 0.02
    observe(delays, [0.0] * 30, start=1)
    assert delays.most < 0.002


@pytest.mark.parametrize("packet", [0.02, 0.06])
def test_the_target_is_near_the_top_of_the_jitter(packet: float) -> None:
    rng = random.Random(1)
    delays = ArrivalDelays()
    observe(delays, [rng.uniform(0, 0.03) for _ in range(1000)], packet=packet)
    assert 0.025 < delays.most < 0.032
    assert 0.02 < delays.usual < delays.most


def test_a_stall_is_one_observation_and_not_fifty() -> None:
    delays = ArrivalDelays()
    stalled = [1.0 - i * 0.02 for i in range(50)]
    observe(delays, [0.0] * 200 + stalled + [0.0] * 20)
    assert delays.most < 0.005
    assert delays.base == pytest.approx(0.0)


def test_packets_that_always_come_three_at_a_time_are_waited_for() -> None:
    delays = ArrivalDelays()
    observe(delays, [0.04, 0.02, 0.0] * 60)
    assert delays.most == pytest.approx(0.041, abs=0.002)


def test_the_target_is_bounded() -> None:
    delays = ArrivalDelays()
    observe(delays, [0.0, 3.0] * 200)
    assert delays.most <= MAX_TARGET + 0.002


def test_a_longer_route_is_the_new_line_after_a_while_and_adds_no_target() -> None:
    delays = ArrivalDelays()
    observe(delays, [0.02] * 200 + [0.1] * 150)
    assert delays.base == pytest.approx(0.1)
    assert delays.most < 0.005


def test_a_much_longer_route_is_the_new_line_at_once() -> None:
    delays = ArrivalDelays()
    observe(delays, [0.02] * 200 + [0.5] * 8)
    assert delays.base == pytest.approx(0.5)
    assert delays.most < 0.005


def test_a_shorter_route_is_the_new_line_at_once() -> None:
    delays = ArrivalDelays()
    observe(delays, [0.1] * 200)
    observe(delays, [0.02] * 10, start=200)
    assert delays.base == pytest.approx(0.02)
    assert delays.most < 0.005


def test_after_a_restart_the_line_is_new_and_the_jitter_still_known() -> None:
    rng = random.Random(1)
    delays = ArrivalDelays()
    observe(delays, [rng.uniform(0, 0.03) for _ in range(300)])
    delays.restart()
    for i in range(20):
        late = rng.uniform(0, 0.03)
        delays.add(10 + i * 0.02 + late, 5000 + late, 0.02)
    assert delays.base == pytest.approx(5000, abs=0.01)
    assert 0.02 < delays.most < 0.04


def test_loss_counts_when_it_is_frequent_and_lately() -> None:
    losses = LossHistory()
    losses.add(0.0, 0.02)
    losses.update(0.0)
    assert not losses.repairing
    for i in range(10):
        losses.add(i * 0.2, 0.02)
    losses.update(2.0)
    assert losses.repairing
    losses.update(5.0)
    assert losses.repairing
    losses.update(20.0)
    assert not losses.repairing


def test_one_long_outage_is_not_frequent_loss() -> None:
    losses = LossHistory()
    losses.add(0.0, 1.0)
    losses.update(1.0)
    assert not losses.repairing
