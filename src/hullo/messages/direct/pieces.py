"""Both ends of a message that goes piece by piece over a data channel: what is given, and what is made of it. Pure."""

from typing import Final

from hullo.messages.direct.frames import PIECE_BYTES, Piece
from hullo.messages.envelope import VoiceMessageEnvelope
from hullo.messages.errors import TransferFailed
from hullo.messages.transfer import MAX_REFUSED, IncomingTransfer

MAX_AGAIN: Final = 16
"""Chunks that are given more than once; whoever asks for more gets nothing any more."""

WINDOW: Final = 2
"""Chunks that are asked for at once: the next one is on its way while the last one is written."""


class Giving:
    """What a peer asked for of a sealed message of ours, and which piece of it goes next.

    What is asked for again before it went counts once: nothing that a peer says makes more wait than there is.
    """

    def __init__(self, envelope: VoiceMessageEnvelope) -> None:
        self._envelope = envelope
        self._left = envelope.chunks + MAX_AGAIN
        self._wanted: dict[int, None] = {}
        self._offset = 0
        self._given: set[int] = set()

    @property
    def idle(self) -> bool:
        """Whether everything went that was asked for."""
        return not self._wanted

    @property
    def given(self) -> int:
        """Bytes of the chunks that went, each counted once."""
        return sum(map(self._envelope.chunk_size, self._given))

    def ask(self, indexes: tuple[int, ...]) -> None:
        """The peer wants these chunks. Raises `TransferFailed` for one that there is not, or for too many."""
        for index in indexes:
            if index >= self._envelope.chunks:
                raise TransferFailed("the peer asks for what is not part of the message")
            if index in self._wanted:
                continue
            if self._left == 0:
                raise TransferFailed("the peer asks for the same again and again")
            self._left -= 1
            self._wanted[index] = None

    def next_piece(self) -> tuple[int, int, int]:
        """The chunk, the offset in it, and the length of the piece that goes next; only while not `idle`."""
        index = next(iter(self._wanted))
        offset, whole = self._offset, self._envelope.chunk_size(index)
        size = min(PIECE_BYTES, whole - offset)
        self._offset += size
        if self._offset == whole:
            del self._wanted[index]
            self._given.add(index)
            self._offset = 0
        return index, offset, size


class Taking:
    """Makes chunks of the pieces that come. What nobody asked for is refused, and counted like wrong chunks."""

    def __init__(self, envelope: VoiceMessageEnvelope, transfer: IncomingTransfer) -> None:
        """`transfer` says what is missing; it should ask for no more than `WINDOW` chunks at once."""
        self._envelope = envelope
        self._transfer = transfer
        self._begun: dict[int, bytearray] = {}
        self._refused = 0

    def requests(self, now: float) -> tuple[int, ...]:
        """The chunks to ask for now; mostly none."""
        asked = tuple(self._transfer.requests(now))
        self._begun |= {index: bytearray() for index in asked}
        return asked

    def take(self, piece: Piece) -> bytes | None:
        """The chunk that this piece makes whole; it has still to be compared with what was promised.

        Raises `TransferFailed` when too much came that nobody had asked for.
        """
        begun = self._begun.get(piece.index)
        size = 0 if begun is None else self._envelope.chunk_size(piece.index)
        if begun is None or piece.offset != len(begun) or piece.offset + len(piece.data) > size:
            self._refused += 1
            if self._refused >= MAX_REFUSED:
                raise TransferFailed("the peer sends what nobody asked for")
            return None
        begun += piece.data
        if len(begun) < size:
            return None
        return bytes(self._begun.pop(piece.index))
