"""The measurement of turns, as far as it needs no synthesiser and no call."""

from typing import Any

import numpy as np
import pytest

from bench.ends.turns_caller import TalkingCaller
from bench.turn_script import PAUSES, callers
from bench.turns import Turns, add_turns
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SILENCE, Pcm

LOUD: Pcm = np.full(FRAME_SAMPLES, 5000, np.int16)
HUM: Pcm = np.zeros(10 * FRAME_SAMPLES, np.int16)


class Conversation:
    """A caller in virtual time, with an agent that begins to answer `answer_after` frames after the last word."""

    def __init__(self, turns: list[int], answer_after: int | None) -> None:
        self.caller = TalkingCaller([np.full(samples, 5000, np.int16) for samples in turns], HUM, patient=True)
        self.now = 100.0
        self.answer_after = answer_after

    def run(self, seconds: float) -> None:
        silent = 0
        self.caller._next_at = self.now
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.now += FRAME_SECONDS
            said = self.caller.say(self.now)
            silent = 0 if said.any() else silent + 1
            answers = self.answer_after is not None and 0 <= silent - self.answer_after < 20
            pcm = SILENCE.copy()
            if answers and self.caller.said:
                pcm[480:] = 5000
            self.caller.hear(pcm, self.now)


def test_a_caller_says_the_next_turn_when_the_answer_is_over() -> None:
    talk = Conversation([1500, 4800], answer_after=10)
    talk.run(6.0)
    first, second = talk.caller.said
    assert first.said_to - first.said_from == pytest.approx(1500 / 48_000)
    assert first.answer_at is not None
    # The frame of the last word, nine silent ones, and the half of the tenth in which the answer begins.
    assert first.answer_at - first.said_to == pytest.approx(0.04 - 1500 / 48_000 + 10 * 0.02 + 0.01, abs=1e-6)
    assert second.said_from - first.answer_at > 0.9
    assert talk.caller.finished.is_set()


def test_a_caller_who_gets_no_answer_goes_on_after_a_while() -> None:
    talk = Conversation([960, 960], answer_after=None)
    talk.run(30.0)
    assert [turn.answer_at for turn in talk.caller.said] == [None, None]
    assert talk.caller.finished.is_set()


def test_what_is_counted_of_a_turn() -> None:
    found = Turns()
    answer = {"recognition_ms": 150.0, "gateway_ms": 50.0, "pause_ms": 300.0}
    said: list[dict[str, Any]] = [
        {"said_from": 10.0, "said_to": 12.0, "answer_at": 12.6},
        {"said_from": 20.0, "said_to": 23.0, "answer_at": 24.0},
        {"said_from": 30.0, "said_to": 31.0, "answer_at": None},
        {"said_from": 40.0, "said_to": 41.0, "answer_at": 42.0},
    ]
    diary: list[dict[str, Any]] = [
        {"ended_at": 12.35}, {"answered_at": 12.4, **answer},
        {"ended_at": 21.0}, {"answered_at": 21.2, **answer}, {"ended_at": 23.4}, {"answered_at": 23.5, **answer},
        {"ended_at": 31.4}, {"answered_at": 41.9, **answer, "recognition_ms": 10_000.0},
    ]  # fmt: skip
    add_turns(found, said, diary)
    figures = found.figures()
    assert figures["overhead_p50_ms"] == pytest.approx(400)
    assert figures["answer_p50_ms"] == pytest.approx(600)
    assert figures["early_cut_share"] == pytest.approx(1 / 4)
    assert figures["unanswered_share"] == pytest.approx(2 / 4)


def test_the_script_has_fifty_turns_of_every_condition_the_same_every_time() -> None:
    script = callers()
    assert script == callers()
    turns = [turn for caller in script for turn in caller.turns]
    assert len({turn.text for turn in turns}) == len(turns) == 50
    assert {caller.condition for caller in script} == {"clean", "noise_20_db", "noise_10_db", "loss_5"}
    assert {caller.engine for caller in script} == {"flite", "festival", "espeak"}
    pauses = [pause for turn in turns for pause in turn.pauses]
    assert len(pauses) > 25
    assert all(PAUSES[0] <= pause <= PAUSES[1] for pause in pauses)
