"""Fetching a sealed message chunk by chunk, from any place, in any order, over any number of connections.

No sockets and no clock here: whoever has a connection asks what to ask for, and says what came.
"""

from typing import Final

from hullo.messages.envelope import VoiceMessageEnvelope
from hullo.messages.errors import TransferFailed

MAX_REFUSED: Final = 16
"""Chunks that are not what was promised, after which the other side is not asked any more."""


class IncomingTransfer:
    """Which chunks are there, which to ask for next, and whether what comes is what was promised."""

    def __init__(self, envelope: VoiceMessageEnvelope, *, window: int = 8, patience: float = 10.0) -> None:
        """At most `window` chunks are asked for at once, and again after `patience` seconds without an answer."""
        self._envelope = envelope
        self._window = window
        self._patience = patience
        self._missing = set(range(envelope.chunks))
        self._asked: dict[int, float] = {}
        self._refused = 0

    @property
    def done(self) -> bool:
        """Whether all chunks are there."""
        return not self._missing

    @property
    def received(self) -> int:
        """Bytes that are there."""
        return self._envelope.size - sum(map(self._envelope.chunk_size, self._missing))

    def have(self, index: int) -> None:
        """A chunk was there already, and has been checked."""
        self._missing.discard(index)

    def requests(self, now: float) -> list[int]:
        """The chunks to ask for now, in order. Nothing while enough is on its way."""
        self._asked = {index: at for index, at in self._asked.items() if now - at < self._patience}
        free = self._window - len(self._asked)
        asked = sorted(self._missing - self._asked.keys())[: max(free, 0)]
        self._asked |= dict.fromkeys(asked, now)
        return asked

    def accept(self, index: int, data: bytes) -> bool:
        """Whether to keep a chunk that came: not if it is there already, or is not what was promised.

        Raises `TransferFailed` when that has been so too often.
        """
        if index not in self._missing:
            return False
        self._asked.pop(index, None)
        if self._envelope.is_chunk(index, data):
            self._missing.remove(index)
            return True
        self._refused += 1
        if self._refused >= MAX_REFUSED:
            raise TransferFailed(f"the voice message can't be fetched: {self._refused} chunks were not what was sent")
        return False

    def connection_lost(self) -> None:
        """What was asked for will not come."""
        self._asked.clear()
