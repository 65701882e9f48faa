"""Strategies by the names that settings and gateways use."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

from hullo.speech.endpointing.adaptive import AdaptivePause
from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.endpointing.strategy import Endpointing
from hullo.speech.endpointing.words import WordsPause

ADAPTIVE = "adaptive"
FIXED = "fixed"
WORDS = "words"
GROUP = "hullo.endpointing"
"""Entry points of this group are other strategies: a callable without arguments that makes one for a call."""

_DEFAULT_FIXED = 0.7

_OURS: Mapping[str, Callable[[], Endpointing]] = MappingProxyType(
    {ADAPTIVE: AdaptivePause, WORDS: lambda: WordsPause(AdaptivePause())}
)


def strategy(name: str, end_pause: float | None = None) -> Endpointing:
    """A new strategy for one call. Raises `ValueError` for a name or pause that cannot be."""
    if name == FIXED:
        return FixedPause(_DEFAULT_FIXED if end_pause is None else end_pause)
    if end_pause is not None:
        raise ValueError(f"An end pause is for endpointing '{FIXED}'; '{name}' finds its own: leave one of them out")
    if name in _OURS:
        return _OURS[name]()
    found = entry_points(group=GROUP, name=name)
    if not found:
        installed = [FIXED, *_OURS, *sorted(point.name for point in entry_points(group=GROUP))]
        raise ValueError(f"There is no endpointing '{name[:40]}'; there is {', '.join(installed)}")
    made: Endpointing = next(iter(found)).load()()
    return made
