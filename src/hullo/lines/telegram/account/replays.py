"""Updates that come twice."""

from hashlib import blake2b
from typing import TypeAlias

from hullo.lines.telegram.port import PhoneUpdate, UpdateSignalingData

_REMEMBERED = 4096

_Mark: TypeAlias = PhoneUpdate | tuple[int, bytes]


class Replays:
    """Tells a new update from one that was already handed on.

    After a reconnect the server repeats what was not acknowledged, and a difference repeats what is still true. An
    equal update says nothing new: a call never returns to an earlier state, and no two signaling packets are equal,
    since each carries a counter.
    """

    def __init__(self) -> None:
        self._seen: dict[_Mark, None] = {}
        self.dropped = 0

    def is_new(self, update: PhoneUpdate) -> bool:
        """Whether the update has not been seen, among the last few thousand."""
        mark = _mark(update)
        if mark in self._seen:
            self.dropped += 1
            return False
        self._seen[mark] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True


def _mark(update: PhoneUpdate) -> _Mark:
    if isinstance(update, UpdateSignalingData):
        return update.phone_call_id, blake2b(update.data, digest_size=16).digest()
    return update
