import numpy as np
import pytest

from hullo.media.pcm import level_dbfs
from hullo.speech.listening.resample import Resampler, resample
from tests.speech.support import tone


@pytest.mark.parametrize(("source", "target"), [(48_000, 16_000), (22_050, 48_000), (16_000, 48_000), (8_000, 48_000)])
def test_a_tone_keeps_its_pitch_its_level_and_its_length(source: int, target: int) -> None:
    heard = resample(tone(1.0, 440.0, rate=source), source, target)
    assert abs(len(heard) - target) <= 2
    spectrum = np.abs(np.fft.rfft(heard[target // 10 :]))
    assert np.argmax(spectrum) * target / (len(heard) - target // 10) == pytest.approx(440.0, abs=2)
    assert level_dbfs(heard) == pytest.approx(-20.0, abs=0.3)


def test_frames_come_out_at_a_constant_cadence() -> None:
    stream = Resampler(48_000, 16_000)
    sound = tone(1.0)
    lengths = [len(stream.feed(sound[start : start + 960])) for start in range(0, len(sound), 960)]
    assert lengths[0] >= 300
    assert set(lengths[1:]) == {320}


def test_what_is_above_the_new_band_does_not_fold_back() -> None:
    assert level_dbfs(resample(tone(1.0, 10_000.0), 48_000, 16_000)[1600:-1600]) < -80


def test_nothing_in_nothing_out() -> None:
    stream = Resampler(48_000, 16_000)
    assert len(stream.feed(np.zeros(0, dtype=np.int16))) == 0
    assert len(stream.finish()) == 0


def test_the_same_rate_passes_through() -> None:
    sound = tone(0.1)
    assert np.array_equal(resample(sound, 48_000, 48_000), sound)


@pytest.mark.parametrize("rate", [0, -1, 10**9])
def test_a_rate_that_cannot_be_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="cannot be resampled"):
        Resampler(rate, 48_000)
