import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.speech.ports import WordTiming
from hullo.speech.speaking.playback import Playback
from hullo.speech.speaking.wording import TimingSource
from tests.speech.support import silence, tone


def take(playback: Playback, frames: int, now: float = 0.0) -> float:
    for _ in range(frames):
        now += 0.02
        assert playback.take(now) is not None
    return now


@given(st.lists(st.integers(0, 3000), max_size=30))
def test_pieces_of_any_length_become_frames_and_nothing_is_lost(lengths: list[int]) -> None:
    sound = np.arange(sum(lengths), dtype=np.int64).astype(np.int16)
    playback = Playback()
    start = 0
    for length in lengths:
        playback.add(sound[start : start + length])
        start += length
    playback.finish()
    taken = []
    while not playback.over:
        frame = playback.take(0.0)
        assert frame is not None
        assert len(frame) == 960
        taken.append(frame)
    together = np.concatenate([*taken, silence(0)])
    assert np.array_equal(together[: len(sound)], sound)
    assert not together[len(sound) :].any()


def test_a_late_voice_is_a_gap_only_in_the_middle() -> None:
    playback = Playback()
    assert playback.take(0.0) is None
    assert playback.gap_frames == 0
    playback.add(tone(0.02))
    take(playback, 1)
    assert playback.take(0.04) is None
    assert playback.gap_frames == 1
    playback.finish()
    assert playback.take(0.06) is None
    assert playback.gap_frames == 1


def test_what_is_under_way_has_not_been_heard() -> None:
    playback = Playback()
    playback.add(tone(2.0))
    now = take(playback, 50)
    assert playback.sent_ms == pytest.approx(1000)
    assert playback.heard_ms(now, 0.0) == pytest.approx(1000)
    assert playback.heard_ms(now, 0.15) == pytest.approx(850, abs=20)
    assert playback.heard_ms(now + 0.1, 0.15) == pytest.approx(950, abs=20)
    assert playback.heard_ms(now, 3.0) == 0


def test_the_words_heard_are_those_whose_sound_is_over() -> None:
    playback = Playback()
    playback.begin_sentence("one two three four")
    playback.add(tone(1.9))
    playback.end_sentence()
    playback.begin_sentence("Five.")
    playback.add(tone(0.5))
    playback.finish()
    assert playback.heard_text(0) == ""
    assert playback.heard_text(900) == "one two"
    assert playback.heard_text(1900) == "one two three four"
    assert playback.heard_text(2420) == "one two three four Five."
    assert playback.word_timing is TimingSource.ESTIMATE


def test_a_pause_goes_on_at_the_word_that_it_cut() -> None:
    playback = Playback()
    playback.begin_sentence("one two three four")
    playback.mark_words([WordTiming(word, at / 2) for at, word in enumerate(("one", "two", "three", "four"))])
    sound = np.arange(96_000, dtype=np.int32).astype(np.int16)
    playback.add(sound)
    playback.end_sentence()
    now = take(playback, 60)
    assert playback.word_timing is TimingSource.VOICE
    assert playback.rewind_to_word() == pytest.approx(200)
    assert playback.sent_ms == pytest.approx(1000)
    assert playback.heard_text(playback.sent_ms) == "one two"
    assert playback.heard_ms(now, 0.0) == pytest.approx(1000)
    first, second = playback.take(now), playback.take(now)
    assert first is not None
    assert first[0] == 0, "it fades in"
    assert np.array_equal(first[240:], sound[48_240:48_960])
    assert second is not None
    assert np.array_equal(second, sound[48_960:49_920])


def test_without_times_of_words_a_pause_goes_on_at_the_last_break() -> None:
    playback = Playback()
    playback.begin_sentence("one two three")
    for _ in range(4):
        playback.add(tone(0.3))
        playback.add(silence(0.04))
    take(playback, 43)
    assert playback.rewind_to_word() == pytest.approx(180)
    assert Playback().rewind_to_word() == 0


def test_a_fade_out_goes_to_silence_in_5_ms_without_a_jump() -> None:
    playback = Playback()
    playback.add(tone(1.0, dbfs=-6))
    assert playback.fade_out() is None, "nothing was sounding yet"
    last = playback.take(0.02)
    fade = playback.fade_out()
    assert last is not None
    assert fade is not None
    joined = np.concatenate([last, fade]).astype(np.int32)
    assert np.abs(np.diff(joined)).max() <= np.abs(np.diff(last.astype(np.int32))).max() + 100
    assert not fade[240:].any()
    assert fade[:120].any()
