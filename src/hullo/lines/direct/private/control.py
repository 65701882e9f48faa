"""What the channels of two devices tell each other inside their sessions: its first byte says for whom it is."""

from collections.abc import Iterable

MESSAGE = b"\1"
"""Followed by a message for whoever uses the channel."""
NOTHING = b"\0"
"""Only the session that it comes in is news."""
UNREAD = b"\2"
"""Followed by the hashes of letters that the sender could not read, and asks for again."""

MAX_UNREAD = 100
"""Hashes in one message; it is as long as any other then."""

_BYTES = 32


def encode_unread(digests: Iterable[bytes]) -> bytes:
    """Ask for letters again."""
    return UNREAD + b"".join(digests)


def parse_unread(message: bytes) -> tuple[bytes, ...]:
    """The hashes, of what begins with `UNREAD`; none if it makes no sense."""
    listed = message[len(UNREAD) :]
    if len(listed) % _BYTES or len(listed) > MAX_UNREAD * _BYTES:
        return ()
    return tuple(listed[at : at + _BYTES] for at in range(0, len(listed), _BYTES))
