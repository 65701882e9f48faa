"""The turn is over after a pause that never changes."""

from hullo.speech.endpointing.strategy import LONGEST_PAUSE, SHORTEST_PAUSE, Pause


class FixedPause:
    """Every turn ends with a pause of `seconds`. Raises `ValueError` for one outside 0.2 to 10."""

    def __init__(self, seconds: float) -> None:
        if not SHORTEST_PAUSE <= seconds <= LONGEST_PAUSE:
            raise ValueError(f"The end pause is {SHORTEST_PAUSE:g} to {LONGEST_PAUSE:g} seconds, not {seconds}")
        self._seconds = seconds

    def paused(self, pause: Pause) -> float:
        """The one pause there is."""
        return self._seconds

    def understood(self, text: str) -> float:
        """The same, whatever was said."""
        return self._seconds

    def resumed(self, seconds: float) -> None:
        """Nothing to learn."""

    def ended(self) -> None:
        """Nothing to learn."""
