"""The turn is over when what was said is complete, and not while it is not."""

import re
from typing import Protocol

from hullo.speech.endpointing.strategy import SHORTEST_PAUSE, Endpointing, Pause
from hullo.speech.endpointing.turn_words import TurnWords

_FEWEST_OF_QUESTION = 4


class TurnModel(Protocol):
    """Whatever can tell whether a turn is complete by its words: rules, a classifier, a language model."""

    def complete(self, text: str) -> float | None:
        """How likely nothing follows `text`, 0 to 1; None for no opinion. Returns within a few milliseconds."""


class WordRules:
    """A few rules that hold whatever the topic, with the words of one language."""

    def __init__(self, words: TurnWords) -> None:
        self._words = words

    def complete(self, text: str) -> float | None:
        """Low after a conjunction, a hesitation or a digit; high after a whole question or a full stop."""
        said = re.findall(r"[\w']+", text.lower().replace("’", "'"))
        if not said:
            return None
        last, mark = said[-1], text.rstrip()[-1]
        if mark in ",…-" or text.rstrip().endswith("..."):
            return 0.1
        if mark in ".?!":
            return 0.9
        if last in self._words.hesitations or last in self._words.numbers or last.isdigit():
            return 0.1
        if len(said) > 1 and last in self._words.unfinished:
            return 0.1
        if said[0] in self._words.questions and len(said) >= _FEWEST_OF_QUESTION:
            return 0.9
        return None


class WordsPause:
    """Lets `inner` decide until the words are known; then complete turns end soon and incomplete ones wait.

    `model` says how complete they are: at 0.75 or more the turn ends after `soon` seconds, at 0.25 or less after
    `late`, in between as `inner` says.
    """

    def __init__(self, inner: Endpointing, model: TurnModel, *, soon: float = 0.25, late: float = 0.8) -> None:
        if not SHORTEST_PAUSE <= soon <= late:
            raise ValueError(f"Pauses after words are at least {SHORTEST_PAUSE:g} s and in order, not {soon}, {late}")
        self._inner = inner
        self._model = model
        self._soon, self._late = soon, late

    def paused(self, pause: Pause) -> float:
        """As the inner strategy says."""
        return self._inner.paused(pause)

    def understood(self, text: str) -> float:
        """By the words, else as the inner strategy says."""
        usual = self._inner.understood(text)
        complete = self._model.complete(text)
        if complete is None or 0.25 < complete < 0.75:
            return usual
        return min(self._soon, usual) if complete >= 0.75 else max(self._late, usual)

    def resumed(self, seconds: float) -> None:
        """For the inner strategy."""
        self._inner.resumed(seconds)

    def ended(self) -> None:
        """For the inner strategy."""
        self._inner.ended()
