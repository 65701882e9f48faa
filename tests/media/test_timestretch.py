"""Shortened and lengthened sound keeps its pitch and has no clicks."""

import numpy as np
import pytest

from hullo.media.pcm import Pcm
from hullo.media.timestretch import OVERLAP, SHORTEST_PERIOD, cross_fade, lengthen, shorten
from tests.situations.virtual_call import largest_step


def sine(hertz: float, samples: int, start: int = 0) -> Pcm:
    at = (start + np.arange(samples)) / 48_000
    return (10_000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def pitch(pcm: Pcm) -> float:
    """The frequency of the strongest line."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), 1 << 18))
    return float(np.argmax(spectrum)) * 48_000 / (1 << 18)


@pytest.mark.parametrize("hertz", [110.0, 150.0, 233.0, 300.0, 1000.0, 3100.0])
def test_a_shortened_tone_is_the_same_tone(hertz: float) -> None:
    tone = sine(hertz, 4800)
    shorter = shorten(tone, 240, 960, 0.9)
    assert shorter is not None
    assert 240 <= len(tone) - len(shorter) <= 960
    assert pitch(shorter) == pytest.approx(hertz, rel=0.01)
    assert largest_step(shorter) <= 1.05 * largest_step(tone) + 2
    assert np.array_equal(shorter[-2000:], tone[-2000:])
    assert abs(int(shorter[0]) - int(tone[0])) < 50


@pytest.mark.parametrize("hertz", [110.0, 150.0, 233.0, 300.0, 1000.0, 3100.0])
def test_a_lengthened_tone_is_the_same_tone(hertz: float) -> None:
    history, tone = sine(hertz, 960), sine(hertz, 3840, start=960)
    longer = lengthen(history, tone, 240, 960, 0.9)
    assert longer is not None
    assert 240 <= len(longer) - len(tone) <= 960
    whole = np.concatenate([history, longer])
    assert pitch(whole) == pytest.approx(hertz, rel=0.01)
    assert largest_step(whole) <= 1.05 * largest_step(tone) + 2
    assert np.array_equal(longer[-2000:], tone[-2000:])


def test_noise_is_not_alike_and_is_left_alone() -> None:
    noise = (np.random.default_rng(1).normal(size=4800) * 3000).astype(np.int16)
    assert shorten(noise, 240, 960, 0.75) is None
    assert lengthen(noise[:960], noise[960:], 240, 960, 0.75) is None


def test_what_must_go_goes_and_the_level_stays() -> None:
    noise = (np.random.default_rng(1).normal(size=9600) * 3000).astype(np.int16)
    shorter = shorten(noise, 240, 960, -1.0)
    assert shorter is not None
    level = np.std(shorter[:OVERLAP].astype(float)) / np.std(noise.astype(float))
    assert 0.6 < level < 1.1


def test_an_exact_length_can_be_asked_for() -> None:
    silence = np.zeros(2000, dtype=np.int16)
    for samples in (24, SHORTEST_PERIOD, 777):
        shorter = shorten(silence, samples, samples, -1.0)
        longer = lengthen(silence[:960], silence, samples, samples, -1.0)
        assert shorter is not None
        assert longer is not None
        assert (len(shorter), len(longer)) == (2000 - samples, 2000 + samples)


def test_the_shortest_input_that_is_allowed() -> None:
    tone = sine(400, 480 + OVERLAP)
    shorter = shorten(tone, 120, 480, 0.5)
    assert shorter is not None
    longer = lengthen(sine(400, 480), sine(400, OVERLAP, start=480), 120, 480, 0.5)
    assert longer is not None
    assert len(longer) > OVERLAP


def test_a_loud_sound_does_not_overflow() -> None:
    square = np.where(sine(200, 4800) > 0, 32767, -32768).astype(np.int16)
    shorter = shorten(square, 240, 960, 0.5)
    assert shorter is not None
    assert set(np.sign(shorter[shorter != 0]).tolist()) == {-1, 1}
    assert largest_step(cross_fade(square[:240], square[:240])) <= 65535


def test_a_cross_fade_begins_with_the_one_and_ends_with_the_other() -> None:
    faded = cross_fade(np.full(100, 1000, np.int16), np.full(100, -500, np.int16))
    assert faded[0] == 1000
    assert faded[-1] == -500
    assert largest_step(faded) < 20
