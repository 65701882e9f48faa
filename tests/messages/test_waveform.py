import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media.pcm import SAMPLE_RATE
from hullo.messages.waveform import HIGHEST, LEVELS, WaveformMeter, pack, unpack
from tests.messages.sounds import quiet


@given(st.lists(st.integers(0, 31), max_size=120))
def test_levels_are_packed_byte_for_byte_as_telethon_does(levels: list[int]) -> None:
    telethon = importlib.import_module("telethon.utils")
    assert pack(levels) == telethon.encode_waveform(bytes(levels))
    assert unpack(pack(levels))[: len(levels)] == levels


def test_a_hundred_levels_are_63_bytes() -> None:
    assert len(pack([31] * LEVELS)) == 63
    assert len(unpack(bytes(63))) == LEVELS


@pytest.mark.parametrize("seconds", [0.5, 1.0, 7.7, 61.0, 300.0])
def test_the_picture_of_a_rising_sound_rises(seconds: float) -> None:
    meter = WaveformMeter()
    samples = round(seconds * SAMPLE_RATE)
    for begin in range(0, samples, 9600):
        place = np.arange(begin, min(begin + 9600, samples)) / samples
        meter.feed((place * 20_000 * np.where(np.arange(len(place)) % 2, 1, -1)).astype(np.int16))
    levels = meter.levels()
    assert len(levels) == LEVELS
    assert levels == sorted(levels)
    assert levels[-1] == HIGHEST
    assert levels[0] <= 2


def test_silence_looks_silent_and_nothing_looks_like_silence() -> None:
    meter = WaveformMeter()
    assert meter.levels() == [0] * LEVELS
    meter.feed(quiet(3.0))
    assert meter.levels() == [0] * LEVELS
    meter.feed(np.full(48_000, 60, np.int16))
    assert max(meter.levels()) == 0


def test_the_loudest_negative_sample_counts() -> None:
    meter = WaveformMeter()
    meter.feed(np.full(4800, -32768, np.int16))
    assert meter.levels() == [HIGHEST * 5 // 9] * LEVELS  # all alike: as loud as the average


def test_the_picture_can_end_before_the_sound_does() -> None:
    meter = WaveformMeter()
    meter.feed(np.full(SAMPLE_RATE, 20_000, np.int16))
    meter.feed(quiet(1.0))
    assert min(meter.levels(SAMPLE_RATE)) > 0
    assert meter.levels()[:50] == [HIGHEST] * 50
    assert meter.levels()[50:] == [0] * 50


def test_it_does_not_matter_how_the_sound_is_cut() -> None:
    rng = np.random.default_rng(3)
    pcm = rng.integers(-20_000, 20_000, 700_000).astype(np.int16)
    whole, cut = WaveformMeter(), WaveformMeter()
    whole.feed(pcm)
    for piece in np.array_split(pcm, np.sort(rng.integers(0, len(pcm), 60))):
        cut.feed(piece)
    assert whole.levels() == cut.levels()
