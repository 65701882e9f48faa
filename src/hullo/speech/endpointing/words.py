"""The turn is over when what was said is complete, and not while it is not."""

import re
from typing import Protocol

from hullo.speech.endpointing.strategy import SHORTEST_PAUSE, Endpointing, Pause


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_UNFINISHED = _set(
    "a about also am an and are as at because but by can could did do does er erm for from had has have how i if in "
    "into is its just like may my no not of on or our please she should so some than that the their then there they "
    "this to uh um until was we well were what when where which while who will with would you your"
)
"""English words that hardly ever end a turn of several words."""
_ENDINGS = _set("please thanks thank not so you there then that this no too have do can will is are")
_NUMBERS = _set("zero oh one two three four five six seven eight nine ten eleven twelve hundred thousand double triple")
_QUESTION = _set(
    "who what when where which why how is are am was were do does did can could will would should may have has"
)
_FEWEST_OF_QUESTION = 4
_HESITATIONS = _set("um uh er erm hmm")


class TurnModel(Protocol):
    """Whatever can tell whether a turn is complete by its words: rules, a classifier, a language model."""

    def complete(self, text: str) -> float | None:
        """How likely nothing follows `text`, 0 to 1; None for no opinion. Returns within a few milliseconds."""


class EnglishRules:
    """A few rules that hold for English whatever the topic."""

    def complete(self, text: str) -> float | None:
        """Low after a conjunction, a hesitation or a digit; high after a whole question or a full stop."""
        words = re.findall(r"[\w']+", text.lower())
        if not words:
            return None
        last, mark = words[-1], text.rstrip()[-1]
        if mark in ",…-" or text.rstrip().endswith("..."):
            return 0.1
        if mark in ".?!":
            return 0.9
        if last in _HESITATIONS or last in _NUMBERS or last.isdigit():
            return 0.1
        if len(words) > 1 and last in _UNFINISHED - _ENDINGS:
            return 0.1
        if words[0] in _QUESTION and len(words) >= _FEWEST_OF_QUESTION:
            return 0.9
        return None


class WordsPause:
    """Lets `inner` decide until the words are known; then complete turns end soon and incomplete ones wait.

    `model` says how complete they are: at 0.75 or more the turn ends after `soon` seconds, at 0.25 or less after
    `late`, in between as `inner` says.
    """

    def __init__(
        self, inner: Endpointing, model: TurnModel | None = None, *, soon: float = 0.25, late: float = 0.8
    ) -> None:
        if not SHORTEST_PAUSE <= soon <= late:
            raise ValueError(f"Pauses after words are at least {SHORTEST_PAUSE:g} s and in order, not {soon}, {late}")
        self._inner = inner
        self._model = model or EnglishRules()
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
