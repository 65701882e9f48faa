"""Strategies by the names that settings and gateways use."""

from importlib.metadata import entry_points

from hullo.speech.endpointing.adaptive import AdaptivePause
from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.endpointing.strategy import Endpointing
from hullo.speech.endpointing.turn_words import turn_words
from hullo.speech.endpointing.words import WordRules, WordsPause

ADAPTIVE = "adaptive"
FIXED = "fixed"
WORDS = "words"
GROUP = "hullo.endpointing"
"""Entry points of this group are other strategies: a callable without arguments that makes one for a call."""

_DEFAULT_FIXED = 0.7


def strategy(name: str, end_pause: float | None = None, language: str | None = None) -> Endpointing:
    """A new strategy for one call, in which `language` is spoken. Raises `ValueError` for what cannot be."""
    if name == FIXED:
        return FixedPause(_DEFAULT_FIXED if end_pause is None else end_pause)
    if end_pause is not None:
        raise ValueError(f"An end pause is for endpointing '{FIXED}'; '{name}' finds its own: leave one of them out")
    if name == ADAPTIVE:
        return AdaptivePause()
    if name == WORDS:
        return WordsPause(AdaptivePause(), WordRules(turn_words(language)))
    found = entry_points(group=GROUP, name=name)
    if not found:
        installed = [FIXED, ADAPTIVE, WORDS, *sorted(point.name for point in entry_points(group=GROUP))]
        raise ValueError(f"There is no endpointing '{name[:40]}'; there is {', '.join(installed)}")
    made: Endpointing = next(iter(found)).load()()
    return made
