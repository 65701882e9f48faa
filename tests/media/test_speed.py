import numpy as np
import pytest

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.media.speed import SpeedChanger


def voiced(seconds: float, pitch: float = 120.0) -> Pcm:
    """Like a vowel: a low pitch with many overtones."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return sum(2500 / n * np.sin(2 * np.pi * n * pitch * time) for n in range(1, 12)).astype(np.int16)  # type: ignore[union-attr]


def changed(pcm: Pcm, speed: float, step: int = 960) -> Pcm:
    changer = SpeedChanger(speed)
    pieces = [changer.feed(pcm[at : at + step]) for at in range(0, len(pcm), step)]
    return np.concatenate([*pieces, changer.finish()])


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("pitch", [85.0, 120.0, 240.0])
def test_it_takes_that_much_less_time_at_the_same_pitch(speed: float, pitch: float) -> None:
    said = voiced(2.0, pitch)
    heard = changed(said, speed)
    assert len(heard) == pytest.approx(len(said) / speed, abs=1)
    middle = heard[len(heard) // 4 : 3 * len(heard) // 4].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    peak = np.argmax(spectrum[: int(1.5 * pitch * (1 << 18) / SAMPLE_RATE)]) * SAMPLE_RATE / (1 << 18)
    assert peak == pytest.approx(pitch, rel=0.01)


@pytest.mark.parametrize("speed", [1.5, 2.0])
def test_there_are_no_clicks_at_the_seams(speed: float) -> None:
    said = voiced(1.0)
    steepest = np.abs(np.diff(said.astype(int))).max()
    assert np.abs(np.diff(changed(said, speed)[:-4000].astype(int))).max() < 1.5 * steepest


@pytest.mark.parametrize("step", [1, 333, 960, 100_000])
def test_it_does_not_matter_how_the_sound_is_cut(step: int) -> None:
    said = voiced(0.3)
    assert np.array_equal(changed(said, 1.5, step), changed(said, 1.5, 960))


@pytest.mark.parametrize("samples", [0, 1, 100, 2000])
def test_short_sounds(samples: int) -> None:
    assert len(changed(voiced(1.0)[:samples], 2.0)) == round(samples / 2)


@pytest.mark.parametrize("speed", [0.0, -1.0, 4.1, float("nan")])
def test_a_speed_that_makes_no_sense(speed: float) -> None:
    with pytest.raises(ValueError, match="a speed of"):
        SpeedChanger(speed)
