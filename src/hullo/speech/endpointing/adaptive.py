"""The turn is over after a pause that is long for this person, and sooner when the voice says so."""

from collections import deque
from dataclasses import dataclass

from hullo.speech.endpointing.pitch import final_fall
from hullo.speech.endpointing.strategy import Pause

_REMEMBERED = 12


@dataclass(frozen=True, kw_only=True)
class AdaptiveSettings:
    """Seconds, tuned on the conversations of `python -m bench turns`."""

    shortest: float = 0.25
    longest: float = 1.2
    assumed: tuple[float, ...] = (0.2, 0.25, 0.3, 0.35, 0.4)
    """Pauses that everybody is taken to have made before the call."""
    share: float = 0.85
    """The pause that ends a turn is longer than this share of those within turns."""
    margin: float = 0.03
    finished: float = 0.15
    """A pitch that falls so many semitones below all before it ends a turn after the shortest pause."""
    unfinished: float = -1.0
    """A pitch that stays so far above that asks for `patience`."""
    patience: float = 0.06
    """Seconds more for a voice that stays up."""


class AdaptivePause:
    """Learns how long this person pauses within a turn, and listens for the fall of the pitch at its end."""

    def __init__(self, settings: AdaptiveSettings | None = None) -> None:
        self._settings = settings or AdaptiveSettings()
        self._pauses: deque[float] = deque(self._settings.assumed, maxlen=_REMEMBERED)
        self._pause = self._settings.shortest

    @property
    def usual(self) -> float:
        """Seconds of the pause that ends a turn when the voice gives no hint."""
        settings = self._settings
        ordered = sorted(self._pauses)
        typical = ordered[min(int(settings.share * len(ordered)), len(ordered) - 1)]
        return self._bounded(typical + settings.margin)

    def paused(self, pause: Pause) -> float:
        """The usual pause; the shortest after a final fall of the pitch, a longer one when it stays up."""
        settings = self._settings
        fall = final_fall(pause.speech)
        if fall is None:
            self._pause = self.usual
        elif fall >= settings.finished:
            self._pause = settings.shortest
        else:
            self._pause = self._bounded(self.usual + (settings.patience if fall <= settings.unfinished else 0.0))
        return self._pause

    def understood(self, text: str) -> float:
        """Words change nothing here."""
        return self._pause

    def resumed(self, seconds: float) -> None:
        """One more pause that did not end a turn."""
        self._pauses.append(seconds)

    def ended(self) -> None:
        """Nothing to learn: only the next words tell whether it really was the end."""

    def _bounded(self, seconds: float) -> float:
        return min(max(seconds, self._settings.shortest), self._settings.longest)
