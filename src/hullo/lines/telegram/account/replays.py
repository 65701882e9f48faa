"""Updates that come twice."""

from hashlib import blake2b

import msgspec

from hullo.lines.telegram.account.voice_note import NoteUpdate, ReceivedNote
from hullo.lines.telegram.port import PhoneUpdate, UpdatePhoneCall

_REMEMBERED = 4096


class Replays:
    """Tells a new update from one that was already handed on.

    After a reconnect the server repeats what was not acknowledged, and a difference repeats what is still true. An
    equal update says nothing new: a call never returns to an earlier state, and no two signaling packets are equal,
    since each carries a counter. A voice note is known by its message: told again, it has another file reference.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, None] = {}
        self.dropped = 0

    def is_new(self, update: PhoneUpdate | NoteUpdate) -> bool:
        """Whether the update has not been seen, among the last few thousand."""
        mark = _mark(update)
        if mark in self._seen:
            self.dropped += 1
            return False
        self._seen[mark] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True


def _mark(update: PhoneUpdate | NoteUpdate) -> bytes:
    """A digest, so that what is remembered of a call is small and no secret."""
    said = update.phone_call if isinstance(update, UpdatePhoneCall) else update
    told = said.message_id if isinstance(said, ReceivedNote) else said
    return blake2b(type(said).__name__.encode() + msgspec.msgpack.encode(told), digest_size=16).digest()
