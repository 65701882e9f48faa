"""What a strategy is told of the peer's pauses, and what it decides."""

from dataclasses import dataclass, field
from typing import Protocol

from hullo.media.pcm import Pcm

SHORTEST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
"""Seconds that may be asked for."""


@dataclass(frozen=True, kw_only=True)
class Pause:
    """The peer has just fallen silent: `speech` is the newest 2 s (at most) of the turn so far, 16 kHz mono.

    `spoken` is how long the turn has lasted until the pause, seconds.
    """

    speech: Pcm = field(repr=False)
    spoken: float


class Endpointing(Protocol):
    """Decides by which pause the turn of one peer is over. One object a call, kept from turn to turn.

    For each pause of 0.2 s comes `paused`, then `understood` if the words so far become known while it lasts, and
    then either `resumed` or `ended`. Called in the media tick: everything returns within a millisecond or two.
    """

    def paused(self, pause: Pause) -> float:
        """A pause has begun; the turn is over when it has lasted so many seconds."""

    def understood(self, text: str) -> float:
        """The words of the turn up to this pause; the turn is over when the pause has lasted so many seconds."""

    def resumed(self, seconds: float) -> None:
        """The peer went on after a pause of `seconds`, also when the turn had been taken to be over by then."""

    def ended(self) -> None:
        """The turn was taken to be over."""
