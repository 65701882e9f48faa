import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media.pcm import Pcm
from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.endpointing.strategy import Pause
from hullo.speech.events import SpeechEnded, SpeechStarted
from hullo.speech.listening.segmenter import Segment, Segmenter, SegmenterOutput, SegmenterSettings, ShortPause, WentOn
from hullo.speech.listening.vad import CHUNK_SAMPLES, CHUNK_SECONDS

LOUD: Pcm = np.tile(np.array([6000, -6000], dtype=np.int16), CHUNK_SAMPLES // 2)
QUIET: Pcm = np.tile(np.array([3, -3], dtype=np.int16), CHUNK_SAMPLES // 2)


class Stream:
    """Feeds a segmenter by seconds of likelihood."""

    def __init__(self, settings: SegmenterSettings | None = None, end_pause: float = 0.6) -> None:
        self.segmenter = Segmenter(settings or SegmenterSettings(), FixedPause(end_pause))
        self.now = 0.0
        self.outputs: list[SegmenterOutput] = []

    def feed(self, seconds: float, probability: float, sound: Pcm | None = None) -> "Stream":
        for index in range(round(seconds / CHUNK_SECONDS)):
            self.now += CHUNK_SECONDS
            # Speech is never of one loudness: every eighth chunk is a gap between syllables.
            syllable = LOUD if probability > 0.2 and index % 8 else QUIET
            self.outputs += self.segmenter.feed(syllable if sound is None else sound, probability, self.now)
        return self

    @property
    def segments(self) -> list[Segment]:
        return [output for output in self.outputs if isinstance(output, Segment)]


def test_speech_has_a_beginning_an_end_and_a_sound() -> None:
    stream = Stream().feed(1.024, 0.02).feed(0.96, 0.9).feed(1.0, 0.02)
    started, paused, ended, segment = stream.outputs
    assert isinstance(started, SpeechStarted)
    assert started.at == pytest.approx(1.024, abs=CHUNK_SECONDS)
    assert isinstance(ended, SpeechEnded)
    assert ended.at == pytest.approx(1.984, abs=CHUNK_SECONDS)
    assert isinstance(segment, Segment)
    assert isinstance(paused, ShortPause)
    assert np.array_equal(paused.segment.samples, segment.samples)
    assert (segment.started_at, segment.ended_at, segment.continues) == (started.at, ended.at, False)
    assert segment.decided_at - segment.ended_at == pytest.approx(0.6, abs=CHUNK_SECONDS)
    assert len(segment.samples) / 16_000 == pytest.approx(0.3 + 0.96 + 0.2, abs=2 * CHUNK_SECONDS)


def test_a_turn_that_nothing_follows_is_over() -> None:
    stream = Stream().feed(1.024, 0.02).feed(0.96, 0.9)
    ended, segment = stream.segmenter.finish()
    assert isinstance(ended, SpeechEnded)
    assert isinstance(segment, Segment)
    assert segment.ended_at == segment.decided_at == pytest.approx(1.984, abs=CHUNK_SECONDS)
    assert len(segment.samples) / 16_000 == pytest.approx(0.3 + 0.96, abs=2 * CHUNK_SECONDS)
    assert stream.segmenter.finish() == []
    assert not stream.segmenter.speaking


def test_the_onset_is_told_after_64_ms_and_not_before() -> None:
    stream = Stream().feed(1.0, 0.02).feed(0.064, 0.9, LOUD)
    assert [type(output) for output in stream.outputs] == [SpeechStarted]
    assert Stream().feed(1.0, 0.02).feed(0.032, 0.9, LOUD).feed(1.0, 0.02).outputs == []


def test_speech_that_weakens_goes_on_and_weak_sound_alone_does_not_begin() -> None:
    assert Stream().feed(1.0, 0.02).feed(2.0, 0.42).outputs == []
    stream = Stream().feed(1.0, 0.02).feed(0.5, 0.9).feed(1.5, 0.42).feed(1.0, 0.02)
    assert len(stream.segments) == 1
    assert stream.segments[0].ended_at == pytest.approx(3.0, abs=2 * CHUNK_SECONDS)


def test_a_pause_shorter_than_the_end_pause_joins_and_a_longer_one_parts() -> None:
    def spoken_twice(pause: float) -> int:
        return len(Stream().feed(0.5, 0.02).feed(1, 0.9).feed(pause, 0.02).feed(1, 0.9).feed(1, 0.02).segments)

    assert spoken_twice(0.5) == 1
    assert spoken_twice(0.8) == 2


def test_each_short_pause_is_told_and_that_it_was_not_the_end() -> None:
    stream = (
        Stream().feed(0.5, 0.02).feed(1, 0.9).feed(0.3, 0.02).feed(1, 0.9).feed(0.1, 0.02).feed(1, 0.9).feed(1, 0.02)
    )
    kinds = [type(output) for output in stream.outputs]
    assert kinds == [SpeechStarted, ShortPause, WentOn, ShortPause, SpeechEnded, Segment]


def paused_stream() -> Stream:
    return Stream().feed(0.5, 0.02).feed(1, 0.9).feed(0.256, 0.02)


def test_a_turn_whose_words_are_awaited_is_not_over_before_they_are_known() -> None:
    stream = paused_stream()
    stream.segmenter.await_words()
    stream.feed(0.7, 0.02)
    assert stream.segments == []
    [ended, segment] = stream.segmenter.understood("that was all")
    assert isinstance(ended, SpeechEnded)
    assert isinstance(segment, Segment)
    assert segment.decided_at - segment.ended_at == pytest.approx(0.6)  # the rest was waiting for the recogniser


def test_words_that_come_early_leave_the_end_to_the_pause_and_late_ones_are_not_awaited_for_ever() -> None:
    early = paused_stream()
    early.segmenter.await_words()
    assert early.segmenter.understood("yes") == []
    assert len(early.feed(0.5, 0.02).segments) == 1
    late = paused_stream()
    late.segmenter.await_words()
    assert late.feed(0.8, 0.02).segments == []
    assert len(late.feed(0.3, 0.02).segments) == 1
    assert late.segmenter.understood("too late") == []


class AnyPause:
    """0.8 s, and after any words 0.2 s."""

    def paused(self, pause: Pause) -> float:
        return 0.8

    def understood(self, text: str) -> float:
        return 0.2

    def resumed(self, seconds: float) -> None:
        pass

    def ended(self) -> None:
        pass


def test_words_of_a_turn_that_is_over_do_not_end_the_next_one() -> None:
    stream = paused_stream()
    stream.segmenter.endpointing = AnyPause()
    stream.segmenter.await_words()
    stream.feed(1.5, 0.02)
    assert len(stream.segments) == 1  # nobody waited for ever
    stream.feed(1, 0.9).feed(0.256, 0.02)
    assert stream.segmenter.understood("what the first turn was about") == []
    assert len(stream.feed(0.3, 0.02).segments) == 1
    assert len(stream.feed(0.4, 0.02).segments) == 2


def test_whoever_goes_on_while_the_words_are_awaited_is_not_cut() -> None:
    stream = paused_stream()
    stream.segmenter.await_words()
    stream.feed(0.7, 0.02).feed(1.0, 0.9).feed(1.0, 0.02)
    assert len(stream.segments) == 1


def test_the_strategy_learns_pauses_within_turns_also_those_that_it_took_for_the_end() -> None:
    learned: list[float] = []

    class Learning(FixedPause):
        def resumed(self, seconds: float) -> None:
            learned.append(seconds)

    stream = Stream()
    stream.segmenter.endpointing = Learning(0.4)
    stream.feed(0.5, 0.02).feed(1, 0.9).feed(0.3, 0.02).feed(1, 0.9).feed(0.8, 0.02).feed(1, 0.9).feed(3, 0.02)
    stream.feed(1, 0.9)
    assert learned == [pytest.approx(0.3, abs=CHUNK_SECONDS), pytest.approx(0.8, abs=2 * CHUNK_SECONDS)]


def test_speech_in_the_very_first_chunks_has_what_pre_roll_there_is() -> None:
    stream = Stream().feed(0.96, 0.9, LOUD).feed(1.0, 0.02)
    assert stream.segments[0].started_at == 0.0
    assert np.array_equal(stream.segments[0].samples[:CHUNK_SAMPLES], LOUD)


def test_no_sound_is_in_two_segments() -> None:
    stream = Stream(end_pause=0.3)
    for index in range(400):
        probability = 0.9 if index % 40 < 20 else 0.02
        chunk = np.full(CHUNK_SAMPLES, 5000 if index % 8 else index, dtype=np.int16)
        chunk[0] = index
        stream.feed(CHUNK_SECONDS, probability, chunk)
    marks = [int(mark) for segment in stream.segments for mark in segment.samples[::CHUNK_SAMPLES]]
    assert len(stream.segments) >= 5
    assert marks == sorted(set(marks))


def test_endless_speech_is_cut_at_its_best_pause_and_goes_on() -> None:
    stream = Stream(SegmenterSettings(max_segment=10.0))
    stream.feed(1.0, 0.02).feed(6.4, 0.9).feed(0.32, 0.4).feed(8.0, 0.9).feed(1.0, 0.02)
    first, second = stream.segments
    assert first.continues
    assert not second.continues
    assert 1.0 + 6.4 < first.ended_at < 1.0 + 6.4 + 0.32
    assert second.started_at == first.ended_at
    assert len(first.samples) + len(second.samples) == pytest.approx(16_000 * (0.3 + 14.72 + 0.2), abs=2048)
    assert sum(isinstance(output, SpeechStarted) for output in stream.outputs) == 1


def test_steady_noise_that_the_model_takes_for_speech_neither_keeps_speech_open_nor_begins_it() -> None:
    stream = Stream().feed(1.0, 0.02).feed(1.0, 0.9).feed(10.0, 0.9, LOUD)
    assert [type(output) for output in stream.outputs] == [SpeechStarted, ShortPause, SpeechEnded, Segment]
    count = len(stream.outputs)
    stream.feed(60.0, 0.9, LOUD)
    assert len(stream.outputs) == count


@given(st.lists(st.floats(0, 1), max_size=600), st.sampled_from([0.2, 0.6, 2.0]))
def test_starts_and_ends_alternate_and_memory_is_bounded(probabilities: list[float], end_pause: float) -> None:
    stream = Stream(SegmenterSettings(max_segment=4.0), end_pause)
    for index, probability in enumerate(probabilities):
        stream.feed(CHUNK_SECONDS, probability, LOUD if index % 5 else QUIET)
    told = [type(output) for output in stream.outputs if isinstance(output, SpeechStarted | SpeechEnded)]
    assert told == ([SpeechStarted, SpeechEnded] * len(told))[: len(told)]
    assert stream.segmenter.speaking == (len(told) % 2 == 1)
    for segment in stream.segments:
        assert len(segment.samples) <= 4.1 * 16_000
        assert segment.started_at <= segment.ended_at <= segment.decided_at


@pytest.mark.parametrize(
    "wrong",
    [{"onset": 0.2}, {"offset": 0.0}, {"hang_over": 0.3}, {"max_segment": 1.0}],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not"):
        SegmenterSettings(**wrong)
