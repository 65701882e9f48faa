"""The message of a voice is changed in one place, and words find their phonemes."""

import contextlib
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.speech.engines.piper_timing import telling_times, word_starts
from tests.speech.models.piper import make_piper


def outputs(model: bytes) -> list[str]:
    return [output.name for output in onnx.load_from_string(model).graph.output]


def test_the_durations_become_one_more_output_and_nothing_else_changes(tmp_path: Path) -> None:
    before = make_piper(tmp_path / "a.onnx", keeps_times=True).read_bytes()
    after = onnx.load_from_string(telling_times(before))
    assert [output.name for output in after.graph.output] == ["output", "durations"]
    del after.graph.output[1]
    assert after == onnx.load_from_string(before)


@pytest.mark.parametrize("options", [{}, {"aligned": True}])
def test_other_voices_stay_as_they_are(tmp_path: Path, options: dict[str, bool]) -> None:
    model = make_piper(tmp_path / "a.onnx", **options).read_bytes()
    assert telling_times(model) is model


@given(st.binary(max_size=200))
def test_what_is_no_voice_is_refused_or_left_alone(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert telling_times(data) is data


def test_a_word_begins_with_its_first_sound_or_behind_the_word_before() -> None:
    said = [("^", 0.0), ("ə", 0.1), ("v", 0.2), ("ð", 0.3), ("ə", 0.4), (" ", 0.5), ("d", 0.6), ("e", 0.7), (".", 0.8)]
    assert word_starts([["ʌ", "v"], ["ð", "ə"], ["d", "ˈ", "e"]], said) == [None, 0.3, 0.6]
    assert word_starts([["d", "e"], ["z"]], said) == [0.6, None]
    assert word_starts([], said) == []
