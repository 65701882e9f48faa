"""Tones at other speeds: nothing is added to them."""

import numpy as np
import pytest

from hullo.audio.devices.resampler import Resampler

AMPLITUDE = 10_000


@pytest.mark.parametrize("speed", [0.995, 0.9997, 1.0, 1.0003, 1.005])
@pytest.mark.parametrize("hertz", [300, 3_000, 10_000])
def test_a_tone_stays_a_tone(hertz: int, speed: float) -> None:
    resampler = Resampler()
    tone = np.asarray(AMPLITUDE * np.sin(2 * np.pi * hertz * np.arange(60_000) / 48_000), dtype=np.int16)
    given, taken = [], 0
    for _ in range(50):
        needed = resampler.needed(960, speed)
        resampler.feed(tone[taken : taken + needed])
        taken += needed
        given.append(resampler.give(960, speed))
    sound = np.concatenate(given)[100:].astype(float)
    at = np.arange(len(sound)) * speed * 2 * np.pi * hertz / 48_000
    parts = np.stack([np.sin(at), np.cos(at)], axis=1)
    fit, *_ = np.linalg.lstsq(parts, sound, rcond=None)
    noise = np.mean((sound - parts @ fit) ** 2)
    assert np.hypot(*fit) == pytest.approx(AMPLITUDE, rel=0.002)
    assert 10 * np.log10(np.mean(sound**2) / noise) > 60


@pytest.mark.parametrize("speed", [0.995, 1.0, 1.005])
def test_as_much_comes_out_as_the_speed_says(speed: float) -> None:
    resampler = Resampler()
    frame = np.zeros(960, dtype=np.int16)
    given = sum(len(resampler.convert(frame, speed)) for _ in range(500))
    assert given == pytest.approx(500 * 960 / speed, abs=2)


def test_convert_and_give_are_the_same_sound() -> None:
    rng = np.random.default_rng(3)
    sound = rng.integers(-20_000, 20_000, 9_600).astype(np.int16)
    one, other = Resampler(), Resampler()
    pushed = np.concatenate([one.convert(sound[i : i + 960], 1.001) for i in range(0, 9_600, 960)])
    other.feed(sound)
    whole = other.give(len(pushed), 1.001)
    assert np.abs(pushed.astype(int) - whole).max() <= 60  # of 20,000: a phase that is rounded the other way
