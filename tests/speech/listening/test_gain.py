import numpy as np
import pytest

from hullo.media.pcm import level_dbfs
from hullo.speech.listening.gain import levelled
from tests.speech.support import silence, tone, white_noise


@pytest.mark.parametrize("dbfs", [-50.0, -35.0, -22.0, -10.0])
def test_soft_and_loud_speech_come_out_alike(dbfs: float) -> None:
    said = np.concatenate([silence(0.3, 16_000), tone(1.0, dbfs=dbfs, rate=16_000), silence(0.2, 16_000)])
    out = levelled(said)
    assert len(out) == len(said)
    assert level_dbfs(out[6_000:18_000]) == pytest.approx(-22.0, abs=0.6)


def test_nothing_is_clipped_and_nothing_is_made_of_silence() -> None:
    click = np.concatenate([tone(1.0, dbfs=-40.0, rate=16_000), np.array([-30_000], np.int16)])
    assert np.max(np.abs(levelled(click).astype(int))) <= 0.9 * 32768 + 1
    assert not levelled(silence(1.0, 16_000)).any()
    assert np.array_equal(levelled(silence(0.01, 16_000)), silence(0.01, 16_000))
    faint = white_noise(1.0, -90.0, rate=16_000)
    assert np.array_equal(levelled(faint), faint)


def test_the_gain_has_a_limit() -> None:
    assert level_dbfs(levelled(tone(1.0, dbfs=-60.0, rate=16_000))) == pytest.approx(-30.0, abs=0.5)
