import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.speech.endpointing.adaptive import AdaptivePause, AdaptiveSettings, likely_finished
from hullo.speech.endpointing.strategy import Pause
from tests.speech.endpointing.voices import FALLING, LEVEL, NOISE

SETTINGS = AdaptiveSettings()


def pause_after(strategy: AdaptivePause, speech: np.ndarray, spoken: float = 2.0) -> float:
    return strategy.paused(Pause(speech=speech, spoken=spoken))


def test_a_falling_voice_ends_a_turn_soonest_and_one_that_stays_up_latest() -> None:
    strategy = AdaptivePause()
    fallen, unknown, level = (pause_after(strategy, speech) for speech in (FALLING, NOISE, LEVEL))
    assert fallen == SETTINGS.shortest < unknown <= level == strategy.usual


def test_after_a_word_or_two_more_may_well_come() -> None:
    strategy = AdaptivePause()
    assert pause_after(strategy, FALLING, spoken=0.3) == strategy.usual


@given(st.floats(-5, 5), st.floats(0.0, 30.0))
def test_the_likelihood_grows_with_the_fall_and_with_what_was_said(fall: float, spoken: float) -> None:
    likely = likely_finished(fall, spoken)
    assert 0 < likely < 1
    assert likely <= likely_finished(fall + 0.5, spoken)
    assert likely <= likely_finished(fall, spoken + 1.0)


def test_it_learns_from_a_person_who_hesitates_and_unlearns_from_one_who_does_not() -> None:
    strategy = AdaptivePause()
    before = strategy.usual
    for _ in range(6):
        strategy.resumed(0.7)
    slow = strategy.usual
    assert slow == pytest.approx(0.73)
    for _ in range(20):
        strategy.resumed(0.35)
    assert strategy.usual < before < slow


def test_it_stays_within_its_bounds() -> None:
    strategy = AdaptivePause()
    for _ in range(20):
        strategy.resumed(0.95)
        strategy.resumed(5.0)
    assert strategy.usual == pause_after(strategy, LEVEL) == SETTINGS.longest
    for _ in range(20):
        strategy.resumed(0.2)
    assert strategy.usual == pause_after(strategy, LEVEL) == SETTINGS.shortest


def test_words_leave_its_decision_as_it_is() -> None:
    strategy = AdaptivePause()
    for speech in (FALLING, NOISE, LEVEL):
        assert pause_after(strategy, speech) == strategy.understood("and")
