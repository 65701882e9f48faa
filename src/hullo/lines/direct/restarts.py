"""Which ICE restart of a call counts. Pure.

* Numbers grow: a restart has a higher one than any that either side has heard of.
* Both sides offer the same number at once: the caller's counts, and the callee drops its own and answers.
* What comes late is ignored; an offer that comes again is answered again, since the answer may have been lost.
"""

from enum import Enum, auto

from hullo.lines.direct.messages import MAX_RESTARTS


class Verdict(Enum):
    """What to do about a restart that the peer offers."""

    TAKE = auto()
    REPEAT_ANSWER = auto()
    IGNORE = auto()


class Restarts:
    """The restarts of one call at one end."""

    def __init__(self, *, is_caller: bool) -> None:
        self._is_caller = is_caller
        self._latest = 0
        self._ours = False

    def offer(self) -> int | None:
        """We offer one: its number, None when they are used up."""
        if self._latest >= MAX_RESTARTS:
            return None
        self._latest, self._ours = self._latest + 1, True
        return self._latest

    def offered(self, number: int) -> Verdict:
        """The peer offers one."""
        if number > self._latest or (number == self._latest and self._ours and not self._is_caller):
            self._latest, self._ours = number, False
            return Verdict.TAKE
        return Verdict.REPEAT_ANSWER if number == self._latest and not self._ours else Verdict.IGNORE

    def answered(self, number: int) -> bool:
        """The peer answers one; whether that is the one we wait for."""
        return self._ours and number == self._latest
