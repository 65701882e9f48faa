import numpy as np
import pytest

from hullo.speech.endpointing.adaptive import AdaptivePause, AdaptiveSettings
from hullo.speech.endpointing.strategy import Pause
from tests.speech.endpointing.voices import FALLING, LEVEL, NOISE

SETTINGS = AdaptiveSettings(finished=-0.2)


def pause_after(strategy: AdaptivePause, speech: np.ndarray) -> float:
    return strategy.paused(Pause(speech=speech, spoken=len(speech) / 16_000))


def test_a_falling_voice_ends_a_turn_soonest_and_one_that_stays_up_latest() -> None:
    strategy = AdaptivePause(SETTINGS)
    fallen, unknown, level = (pause_after(strategy, speech) for speech in (FALLING, NOISE, LEVEL))
    assert fallen == SETTINGS.shortest < unknown == strategy.usual < level


def test_it_learns_from_a_person_who_hesitates_and_unlearns_from_one_who_does_not() -> None:
    strategy = AdaptivePause(SETTINGS)
    before = strategy.usual
    for _ in range(6):
        strategy.resumed(0.7)
    slow = strategy.usual
    assert slow == pytest.approx(0.73)
    for _ in range(20):
        strategy.resumed(0.22)
    assert strategy.usual < before < slow


def test_it_stays_within_its_bounds() -> None:
    strategy = AdaptivePause(SETTINGS)
    for _ in range(20):
        strategy.resumed(0.95)
        strategy.resumed(5.0)
    assert strategy.usual == pause_after(strategy, LEVEL) == SETTINGS.longest


def test_words_leave_its_decision_as_it_is() -> None:
    strategy = AdaptivePause(SETTINGS)
    for speech in (FALLING, NOISE, LEVEL):
        assert pause_after(strategy, speech) == strategy.understood("and")
