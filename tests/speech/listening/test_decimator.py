import numpy as np
import pytest
from numpy.typing import NDArray

from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm, level_dbfs
from hullo.speech.listening.decimator import Decimator
from hullo.speech.listening.resample import resample
from tests.speech.support import tone


def decimated(sound: Pcm) -> Pcm:
    stream = Decimator()
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return np.concatenate([stream.feed(frame) for frame in frames])


def noise(seconds: float) -> NDArray[np.int16]:
    return np.random.default_rng(7).normal(0, 4000, int(seconds * SAMPLE_RATE)).astype(np.int16)


def test_frames_come_out_at_a_constant_cadence_after_the_first() -> None:
    stream = Decimator()
    lengths = [len(stream.feed(frame)) for frame in noise(0.2).reshape(-1, FRAME_SAMPLES)]
    assert lengths[0] == 304
    assert set(lengths[1:]) == {320}


@pytest.mark.parametrize("hertz", [60, 440, 3_000, 6_500])
def test_a_tone_keeps_its_pitch_and_its_level(hertz: float) -> None:
    heard = decimated(tone(1.0, hertz))[1600:-1600]
    assert np.argmax(np.abs(np.fft.rfft(heard))) * 16_000 / len(heard) == pytest.approx(hertz, abs=2)
    assert level_dbfs(heard) == pytest.approx(-20.0, abs=0.1)


@pytest.mark.parametrize("hertz", [9_200, 10_000, 13_000, 16_000, 20_000])
def test_what_is_above_the_new_band_does_not_fold_back(hertz: float) -> None:
    assert level_dbfs(decimated(tone(1.0, hertz))[1600:-1600]) < -80


def test_it_hears_what_the_resampler_for_any_rates_hears_at_the_same_time() -> None:
    low = resample(resample(noise(1.0), SAMPLE_RATE, 12_000), 12_000, SAMPLE_RATE)
    ours, theirs = decimated(low), resample(low, SAMPLE_RATE, 16_000)
    length = min(len(ours), len(theirs))
    difference = ours[:length].astype(np.int32) - theirs[:length]
    assert level_dbfs(difference[200:-200]) < level_dbfs(ours) - 40


def test_the_loudest_sound_is_not_turned_over() -> None:
    square = np.where(np.arange(SAMPLE_RATE) // 480 % 2, 32767, -32768).astype(np.int16)
    heard = decimated(square)
    assert heard.max() == 32767  # ringing beyond full scale is cut
    assert heard.min() == -32768
    assert np.mean(heard[2000:] > 16_000) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("length", [1, 441, 960, 1000, 2880])
def test_sound_of_any_length_is_taken(length: int) -> None:
    sound, stream = noise(0.2), Decimator()
    pieces = [stream.feed(sound[start : start + length]) for start in range(0, len(sound), length)]
    assert np.array_equal(np.concatenate(pieces), decimated(sound))
