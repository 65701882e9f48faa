import pytest

from hullo.speech.errors import SpeechError
from hullo.speech.listening.hearing import HearingChange
from hullo.speech.settings import SpeechSettings


def test_what_is_not_named_stays() -> None:
    fixed = SpeechSettings(endpointing="fixed", end_pause=1.0)
    assert not HearingChange()
    assert HearingChange().applied(fixed) == fixed
    assert HearingChange(end_pause=0.4).applied(fixed).end_pause == 0.4
    assert HearingChange(noise_suppression=True).applied(fixed) == SpeechSettings(
        endpointing="fixed", end_pause=1.0, noise_suppression=True
    )


def test_another_strategy_forgets_the_pause_of_the_fixed_one() -> None:
    fixed = SpeechSettings(endpointing="fixed", end_pause=1.0)
    assert HearingChange(endpointing="words").applied(fixed) == SpeechSettings(endpointing="words")
    assert HearingChange(endpointing="fixed").applied(fixed) == fixed


def test_a_change_that_would_be_ignored_is_refused() -> None:
    with pytest.raises(SpeechError, match="is for endpointing 'fixed'"):
        HearingChange(end_pause=0.5).applied(SpeechSettings())
    with pytest.raises(SpeechError, match="no endpointing"):
        HearingChange(endpointing="clever").applied(SpeechSettings())
