"""The measurement of pauses with an instant recogniser, as far as it needs no synthesiser."""

import numpy as np
import pytest

from bench.endpointing import Heard, ends, figures
from hullo.media.pcm import Pcm
from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.listening.vad import CHUNK_SAMPLES, CHUNK_SECONDS

LOUD, QUIET = (np.full(CHUNK_SAMPLES, level, dtype=np.int16) for level in (5000, 5))


def call(*spans: tuple[float, bool]) -> Heard:
    """Seconds of speech and of silence, all of which but the pauses of less than a second are one turn."""
    chunks: list[tuple[Pcm, float, float]] = []
    for seconds, spoken in spans:
        for _ in range(round(seconds / CHUNK_SECONDS)):
            at = (len(chunks) + 1) * CHUNK_SECONDS
            chunks.append((LOUD if spoken and len(chunks) % 3 else QUIET, 1.0 if spoken else 0.0, at))
    first, last = (round(sum(seconds for seconds, _ in part), 3) for part in (spans[:1], spans[:-1]))
    return Heard(chunks, [(first, last)])


HESITANT = call((1.0, False), (1.0, True), (0.45, False), (1.0, True), (2.0, False))
FLUENT = call((1.0, False), (1.5, True), (2.0, False))


def test_a_pause_that_is_taken_for_the_end_is_a_cut() -> None:
    found = figures([HESITANT, FLUENT], lambda: FixedPause(0.3))
    assert (found["early_cut_share"], found["turns_n"]) == (0.5, 2)
    assert found["wait_p50_ms"] == pytest.approx(300, abs=60)


def test_the_wait_is_that_from_the_last_word_to_the_decision() -> None:
    found = figures([HESITANT], lambda: FixedPause(0.6))
    assert found["early_cut_share"] == 0
    assert found["wait_p50_ms"] == pytest.approx(600, abs=60)
    assert len(ends(HESITANT, FixedPause(0.6))) == 1
