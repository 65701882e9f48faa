"""Clocks that differ, without any sound: only how much of it waits."""

import numpy as np
import pytest

from hullo.audio.devices.clock_matcher import MAX_TRIM, WINDOW_SECONDS, ClockMatcher
from hullo.audio.devices.ring import SampleRing
from tests.audio.devices.cards import Card, run

BLOCK = np.zeros(960, dtype=np.int16)


@pytest.mark.parametrize("ppm", [-300, 300])
@pytest.mark.parametrize("minutes", [8, pytest.param(60, marks=pytest.mark.soak)])
def test_a_ring_is_emptied_as_fast_as_it_is_filled(minutes: int, ppm: float) -> None:
    ring, matcher = SampleRing(24_000), ClockMatcher(0.02)
    slacks: list[float] = []
    state = {"window": 0.0, "owed": 0.0, "short": 0.0}

    def ticked(now: float) -> None:
        if now < 1.0:
            return
        if now >= state["window"]:
            state["window"] = now + WINDOW_SECONDS
            slack, gap = ring.measured()
            if slack is not None and gap is not None:
                matcher.update(slack, gap)
                slacks.append(slack)
        state["owed"] += 960 * matcher.speed
        count = int(state["owed"])
        state["owed"] -= count
        short = count - len(ring.read(count, now))
        state["short"] += short if now > 60 else 0

    run(Card(ppm, block=960), 60.0 * minutes, lambda now: ring.write(BLOCK, now), ticked)
    settled = slacks[round(240 / WINDOW_SECONDS) :]
    assert state["short"] == 0
    assert matcher.drift_ppm == pytest.approx(ppm, abs=15)
    assert max(settled) - min(settled) < 0.005


def test_a_single_late_block_costs_no_delay_and_a_second_one_does() -> None:
    matcher = ClockMatcher(0.02)
    before = matcher.target
    matcher.update(before, 0.06)
    assert matcher.target == before
    matcher.update(before, 0.06)
    assert matcher.target == pytest.approx(0.063)


def test_what_was_late_is_forgotten_after_ten_seconds() -> None:
    matcher = ClockMatcher(0.02)
    before = matcher.target
    for gap in (0.06, 0.06):
        matcher.update(before, gap)
    for _ in range(round(10 / WINDOW_SECONDS)):
        matcher.update(matcher.target, 0.025)
    assert matcher.target == pytest.approx(before)


def test_no_speed_is_heard_and_no_surplus_is_taken_for_drift() -> None:
    matcher = ClockMatcher(0.02)
    for _ in range(1000):
        matcher.update(0.2, 0.02)
    assert matcher.speed == 1 + MAX_TRIM
    assert matcher.drift_ppm == 0
