"""Words in the sound of eSpeak NG's other voices, which are of the same family, and in sound that has none."""

import functools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hullo.media.pcm import Pcm
from hullo.speech.aligning.spectrum import RATE, speech_in
from hullo.speech.aligning.words import aligned
from hullo.speech.engines.espeak_aligner import EspeakAligner
from hullo.speech.errors import SpeechError
from hullo.speech.listening.resample import resample
from hullo.speech.ports import WordTiming
from tests.speech.support import espeak_in_process, silence, tone, white_noise

TEXT = "We have a table at 7:30, Dr. Smith, and another one at nine."


@functools.cache
def aligner() -> EspeakAligner:
    return EspeakAligner(espeak_in_process())


@functools.cache
def said(text: str, voice: str, speed: int = 160) -> tuple[Pcm, Sequence[WordTiming]]:
    engine = espeak_in_process()
    sound: list[bytes] = []
    told: list[WordTiming] = []

    def emit(block: bytes, words: Sequence[WordTiming] = (), /) -> bool:
        sound.append(block)
        told.extend(words)
        return True

    engine._speed, before = speed, engine._speed
    engine.synthesise(text, voice, None, emit)
    engine._speed = before
    return resample(np.frombuffer(b"".join(sound), dtype=np.int16), engine.rate, RATE), told


@pytest.mark.parametrize(("voice", "speed"), [("en-us+m3", 160), ("en+f4", 130), ("en-us+m7", 200)])
def test_words_are_found_in_another_voice(voice: str, speed: int) -> None:
    sound, truth = said(TEXT, voice, speed)
    found = aligner().align(TEXT, "en", sound, complete=True)
    assert [one.word for one in found] == [one.word for one in truth]
    errors = [abs(one.start_s - other.start_s) for one, other in zip(found, truth, strict=True)]
    assert np.quantile(errors, 0.8) <= 0.06


def test_a_pause_that_the_reader_does_not_make_belongs_to_no_word() -> None:
    sound, truth = said(TEXT, "en-us+m3")
    at = round(truth[4].start_s * RATE)
    paused = np.concatenate([sound[:at], silence(0.5, RATE), sound[at:]])
    found = aligner().align(TEXT, "en", paused, complete=True)
    assert found[4].start_s == pytest.approx(truth[4].start_s + 0.5, abs=0.06)
    assert found[3].start_s == pytest.approx(truth[3].start_s, abs=0.06)


def test_of_a_part_the_words_in_it_are_found() -> None:
    sound, truth = said(TEXT, "en-us+m3")
    found = aligner().align(TEXT, "en-US", sound[: 2 * RATE], complete=False)
    there = [one for one in truth if one.start_s < 1.7]
    assert [one.word for one in found][: len(there)] == [one.word for one in there]
    errors = [abs(one.start_s - other.start_s) for one, other in zip(found, there, strict=False)]
    assert np.median(errors) <= 0.03
    assert max(one.start_s for one in found) <= 2.0


def test_other_languages_are_read_in_theirs() -> None:
    text = "Der Tisch am Fenster ist um sieben noch frei, aber um neun nicht mehr."
    sound, truth = said(text, "de+m3")
    found = aligner().align(text, "de_DE", sound, complete=True)
    errors = [abs(one.start_s - other.start_s) for one, other in zip(found, truth, strict=True)]
    assert np.quantile(errors, 0.8) <= 0.06


@pytest.mark.parametrize("language", ["xx", "../en", ""])
def test_a_language_that_nobody_reads_is_refused(language: str) -> None:
    with pytest.raises(SpeechError, match=r"language|speak"):
        aligner().align("hello", language, tone(1.0, rate=RATE), complete=True)


@pytest.mark.parametrize(
    "sound",
    [
        silence(3.0, RATE),
        silence(0.0, RATE),
        tone(0.05, rate=RATE),
        tone(3.0, rate=RATE),
        white_noise(3.0, -30, RATE),
        white_noise(3.0, -80, RATE),
        tone(20.0, rate=RATE),
        tone(0.3, rate=RATE),
    ],
    ids=["silence", "nothing", "click", "tone", "noise", "hiss", "too long", "too short"],
)
@pytest.mark.parametrize("complete", [True, False])
def test_where_no_words_are_none_are_found(sound: Pcm, complete: bool) -> None:
    assert list(aligner().align(TEXT, "en", sound, complete=complete)) == []


def test_of_another_text_no_words_are_found() -> None:
    sound, _ = said("The museum shows paintings of the nineteenth century from all over the world.", "en-us+m3")
    assert list(aligner().align(TEXT, "en", sound, complete=True)) == []


@pytest.mark.parametrize("text", ["", "...", "\0", "♫"])
def test_a_text_without_words_has_none(text: str) -> None:
    sound, _ = said(TEXT, "en-us+m3")
    assert list(aligner().align(text, "en", sound, complete=True)) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 48_000), st.sampled_from([0, 800, 9_000])), max_size=5), st.booleans())
def test_words_come_in_order_and_inside_the_sound(gaps: list[tuple[int, int]], complete: bool) -> None:
    sound, _ = said(TEXT, "en-us+m3")
    for at, length in gaps:
        sound = np.concatenate([sound[:at], np.zeros(length, dtype=np.int16), sound[at + 500 :]])
    reference, words = said(TEXT, "en-us+f2")
    found = aligned(sound, reference, words, complete=complete) or ()
    times = [one.start_s for one in found]
    assert times == sorted(times)
    assert all(0 <= time <= len(sound) / RATE for time in times)
    assert [one.word for one in found] == [one.word for one in words][: len(found)]


def test_long_pauses_are_silences_and_short_ones_are_not() -> None:
    sound = np.concatenate([silence(0.3, RATE), tone(0.5, rate=RATE), silence(0.05, RATE), tone(0.5, rate=RATE)])
    speech = speech_in(np.concatenate([sound, silence(0.2, RATE), tone(0.5, rate=RATE)]))
    assert speech is not None
    assert [end - first for first, end in speech.silences] == pytest.approx([30, 20], abs=3)
    assert speech.after_silence(140) == pytest.approx(153, abs=3)
    assert speech.after_silence(60) == 60
