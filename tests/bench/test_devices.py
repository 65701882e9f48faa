"""What was said into a microphone is found again in what a speaker played."""

import numpy as np
import pytest

from bench.chirps import chirp_track
from bench.devices import chirp_delays
from hullo.media.pcm import SAMPLE_RATE


def test_the_delay_between_two_channels_is_found_and_what_is_lost_is_counted() -> None:
    mouth = chirp_track(1, 6.0).pcm
    ear = np.concatenate([np.zeros(4_800, np.int16), mouth])[: len(mouth)]
    ear[3 * SAMPLE_RATE : 4 * SAMPLE_RATE] = 0
    said, delays = chirp_delays(mouth, ear)
    assert delays == [pytest.approx(0.1, abs=1e-4)] * len(delays)
    assert 2 <= said - len(delays) <= 5


def test_what_never_comes_has_no_delay() -> None:
    mouth = chirp_track(1, 4.0).pcm
    said, delays = chirp_delays(mouth, np.zeros_like(mouth))
    assert said > 5
    assert delays == []
