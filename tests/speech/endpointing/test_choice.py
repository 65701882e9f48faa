from importlib.metadata import EntryPoint, EntryPoints

import pytest

from hullo.speech.endpointing import choice
from hullo.speech.endpointing.adaptive import AdaptivePause
from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.endpointing.words import WordsPause


def test_strategies_by_name() -> None:
    assert isinstance(choice.strategy("adaptive"), AdaptivePause)
    assert isinstance(choice.strategy("words"), WordsPause)
    assert choice.strategy("fixed").understood("") == 0.7
    assert choice.strategy("fixed", 1.5).understood("") == 1.5


def test_each_call_has_its_own() -> None:
    assert choice.strategy("adaptive") is not choice.strategy("adaptive")


def test_an_end_pause_that_would_be_ignored_and_a_name_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="is for endpointing 'fixed'"):
        choice.strategy("adaptive", 0.7)
    with pytest.raises(ValueError, match="no endpointing 'clever'; there is fixed, adaptive, words"):
        choice.strategy("clever")


def test_an_installed_package_adds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("clever", "tests.speech.endpointing.test_choice:clever", choice.GROUP)
    monkeypatch.setattr(choice, "entry_points", lambda **wanted: EntryPoints([point]).select(**wanted))
    assert isinstance(choice.strategy("clever"), FixedPause)


def clever() -> FixedPause:
    return FixedPause(0.3)
