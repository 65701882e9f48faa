"""How much of a question is measured."""

from enum import Enum


class Effort(Enum):
    """What a run is for; a benchmark that is short enough makes no difference between the last two."""

    FULL = "full"
    """The answer, of as many calls as it takes for its figures to come out alike the next time."""

    QUICK = "quick"
    """A rough answer: every figure, of fewer calls."""

    REHEARSAL = "rehearsal"
    """Everything once, as short as it can be: shows that the question can be measured here, and answers it not."""

    @property
    def is_full(self) -> bool:
        """Whether nothing is left out."""
        return self is Effort.FULL
