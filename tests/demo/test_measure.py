import numpy as np
import pytest

from hullo.demo.measure import (
    Recording,
    Signal,
    answer_gaps,
    mouth_to_ear,
    speech_stretches,
    word_error_rate,
)

RATE = 8000


def noise_at(total: float, *stretches: tuple[float, float], seed: int = 1) -> Signal:
    signal = np.zeros(int(total * RATE), np.float32)
    generator = np.random.default_rng(seed)
    for began, ended in stretches:
        signal[int(began * RATE) : int(ended * RATE)] = generator.normal(0, 3000, int(ended * RATE) - int(began * RATE))
    return signal


def shifted(signal: Signal, seconds: float) -> Signal:
    return np.concatenate([np.zeros(int(seconds * RATE), np.float32), signal])[: len(signal)]


SILENT = np.zeros(RATE * 10, np.float32)


def test_stretches_are_found_and_short_pauses_do_not_part_them() -> None:
    found = speech_stretches(noise_at(10, (1.0, 1.5), (1.7, 2.5), (4.0, 5.0)))
    assert [(round(s.began, 2), round(s.ended, 2)) for s in found] == [(1.0, 2.5), (4.0, 5.0)]
    assert speech_stretches(SILENT) == []


@pytest.mark.parametrize("delay_ms", [5, 30, 250])
@pytest.mark.parametrize("offset", [0.0, 0.731])
def test_mouth_to_ear_is_what_it_was_made(delay_ms: int, offset: float) -> None:
    said = noise_at(10, (1.0, 1.5), (4.0, 5.0))
    heard = shifted(said, offset + delay_ms / 1000)
    speaker = Recording(said, SILENT, began=100.0 + offset)
    listener = Recording(SILENT, heard, began=100.0)
    spread = mouth_to_ear(speaker, listener)
    assert spread is not None
    assert spread.count == 3
    assert spread.median == pytest.approx(delay_ms + 20, abs=0.3)


def test_speech_that_never_arrived_is_not_measured() -> None:
    said = noise_at(10, (1.0, 1.5))
    other = noise_at(10, (1.0, 1.5), seed=2)
    assert mouth_to_ear(Recording(said, SILENT, 0.0), Recording(SILENT, other, 0.0)) is None


def test_answers_are_timed_at_the_asker() -> None:
    asker = Recording(noise_at(10, (1.0, 2.0), (5.0, 6.0), (8.0, 8.5)), noise_at(10, (2.8, 4.0), (8.9, 9.5)), 0.0)
    gaps = answer_gaps(asker, [0.9, 4.9, 7.9])
    assert gaps[0] == pytest.approx(800, abs=11)
    assert gaps[1] is None
    assert gaps[2] == pytest.approx(400, abs=11)


def test_a_line_that_is_recorded_before_it_was_begun_is_still_answered() -> None:
    asker = Recording(noise_at(10, (1.0, 2.0), (5.0, 6.0)), noise_at(10, (2.8, 4.0), (6.5, 7.0)), 0.0)
    gaps = answer_gaps(asker, [1.08, 5.2])
    assert gaps == [pytest.approx(800, abs=11), pytest.approx(500, abs=11)]


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        ("What time is it?", "what time is it", 0.0),
        ("what time is it", "what is it", 0.25),
        ("hello", "", 1.0),
        ("a b c d", "a x c d e", 0.5),
    ],
)
def test_word_error_rate(said: str, heard: str, rate: float) -> None:
    assert word_error_rate(said, heard) == rate
