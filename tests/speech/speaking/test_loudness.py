import numpy as np
import pytest

from hullo.speech.speaking.loudness import LOWER_DB, Loudness
from tests.speech.support import frames, tone


def levels(loudness: Loudness, count: int) -> list[float]:
    return [float(np.abs(loudness.applied(frame)).max()) for frame in frames(tone(count / 50, dbfs=-20.0))]


def test_at_its_own_level_nothing_is_touched() -> None:
    frame = tone(0.02)
    assert Loudness().applied(frame) is frame


def test_it_goes_down_and_up_again_without_a_click() -> None:
    loudness = Loudness()
    loudness.lower()
    sound = [loudness.applied(frame) for frame in frames(np.full(4800, 10_000, dtype=np.int16))]
    lower = 10_000 * 10 ** (LOWER_DB / 20)
    assert sound[2] == pytest.approx(lower, abs=1)
    loudness.normal()
    sound += [loudness.applied(frame) for frame in frames(np.full(4800, 10_000, dtype=np.int16))]
    assert sound[-1] == pytest.approx(10_000)
    steps = np.abs(np.diff(np.concatenate(sound).astype(np.int64)))
    assert steps.max() < 10, "8,000 in 40 ms are 5 a sample"


def test_who_changes_his_mind_on_the_way_is_followed() -> None:
    loudness = Loudness()
    loudness.lower()
    half = levels(loudness, 1)
    loudness.normal()
    assert levels(loudness, 2)[-1] > half[-1] * 0.99
    assert levels(loudness, 1) == pytest.approx(levels(Loudness(), 1))
