"""What a call can be joined to in place of an agent, and how sound gets from one tick to another."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hullo.media.pcm import Ear, Mouth, Pcm

MOST_FRAMES = 3
"""Frames of 20 ms that wait between two ticks; the oldest goes first."""

_SPARE_TICKS = 50


@dataclass(frozen=True, eq=False, kw_only=True)
class Patch:
    """The other end of a call's sound: `ear` takes what the peer says, `mouth` gives what the peer is to hear.

    `released` is called once, when the call ends (True) or is joined to something else (False).
    """

    to: str
    """What it is, for those who watch the call: the id of another call, or such as `page`."""
    ear: Ear
    mouth: Mouth
    released: Callable[[bool], None]


class Passage:
    """Sound on its way from the tick of one leg to that of another.

    Both are ticked by one clock, so nothing drifts; a frame that was not needed for a second is given up.
    """

    def __init__(self) -> None:
        self._frames: deque[Pcm] = deque(maxlen=MOST_FRAMES)
        self._spare_ticks = 0

    def ear(self, pcm: Pcm, now: float) -> None:
        """An `Ear`: the next frame."""
        self._frames.append(pcm)

    def mouth(self, now: float) -> Pcm | None:
        """A `Mouth`: the oldest frame, None if there is none."""
        frame = self._frames.popleft() if self._frames else None
        self._spare_ticks = self._spare_ticks + 1 if self._frames else 0
        if self._spare_ticks >= _SPARE_TICKS:
            self._frames.popleft()
            self._spare_ticks = 0
        return frame
