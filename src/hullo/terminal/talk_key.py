"""Push-to-talk in a terminal, which tells that a key repeats and never that it was released. Pure."""

from typing import Final

FIRST_SECONDS: Final = 0.75
"""A held key counts as held for so long before its first repeat: keyboards wait up to 0.66 s."""
REPEAT_SECONDS: Final = 0.25
"""And for so long after each repeat, which come 10 to 40 times a second, over a slow connection in bursts."""


class TalkKey:
    """A key that is held as long as it repeats."""

    def __init__(self) -> None:
        self._until = 0.0

    def pressed(self, now: float) -> bool:
        """The key came; whether that begins to hold it."""
        begins = now >= self._until
        self._until = now + (FIRST_SECONDS if begins else max(self._until - now, REPEAT_SECONDS))
        return begins

    def left(self, now: float) -> float:
        """Seconds until it counts as released, unless it comes again; 0 when it is."""
        return max(self._until - now, 0.0)
