"""What goes over the data channel of a call: pieces of sealed messages, and what is asked for. Big-endian.

| frame | bytes |
|---|---|
| ask | 1, number (4), indexes of chunks (2 each, 1 to 64) |
| piece | 2, number (4), index (2), offset in the chunk (2), 1 to 1024 bytes |
| whole | 3, number (4): the message is safe where it was to go |
| stop | 4, number (4): it is not taken over this call |

The number stands for the message and was told in its letter. Frames of other kinds are of later programs.
"""

import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

from hullo.messages.envelope import CHUNK_BYTES

PIECE_BYTES: Final = 1024
"""So that a piece is one packet, and sound never waits behind more than one; a chunk is 32 of them."""
MAX_ASKED: Final = 64

_ASK, _PIECE, _WHOLE, _STOP = 1, 2, 3, 4
_HEAD: Final = struct.Struct(">BI")
_WHERE: Final = struct.Struct(">HH")
_PIECE_HEAD: Final = _HEAD.size + _WHERE.size


class FrameError(ValueError):
    """Bytes that are no frame; the text says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Ask:
    """These chunks are wanted, in this order."""

    number: int
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a chunk."""

    number: int
    index: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Whole:
    """Who asked has the message, safe on its disk."""

    number: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Who asked does not take it over this call (any more)."""

    number: int


Frame: TypeAlias = Ask | Piece | Whole | Stop


def encode_frame(frame: Frame) -> bytes:
    """The frame as a message of the data channel."""
    match frame:
        case Ask(number, indexes):
            return _HEAD.pack(_ASK, number) + struct.pack(f">{len(indexes)}H", *indexes)
        case Piece(number, index, offset, data):
            return _HEAD.pack(_PIECE, number) + _WHERE.pack(index, offset) + data
        case Whole(number):
            return _HEAD.pack(_WHOLE, number)
        case Stop(number):
            return _HEAD.pack(_STOP, number)


def parse_frame(message: bytes) -> Frame | None:
    """Read a message of the peer; None if it is of a kind that a later program has added. Raises `FrameError`."""
    if not _HEAD.size <= len(message) <= _PIECE_HEAD + PIECE_BYTES:
        raise FrameError(f"a frame of {len(message)} bytes")
    kind, number = _HEAD.unpack_from(message)
    if kind == _ASK:
        return _parse_ask(number, message[_HEAD.size :])
    if kind == _PIECE:
        return _parse_piece(number, message)
    if kind not in (_WHOLE, _STOP):
        return None
    if len(message) > _HEAD.size:
        raise FrameError("a frame with more behind it")
    return Whole(number) if kind == _WHOLE else Stop(number)


def _parse_ask(number: int, body: bytes) -> Ask:
    count, odd = divmod(len(body), 2)
    if odd or not 1 <= count <= MAX_ASKED:
        raise FrameError(f"{len(body)} bytes of what is asked for")
    return Ask(number, struct.unpack(f">{count}H", body))


def _parse_piece(number: int, message: bytes) -> Piece:
    data = message[_PIECE_HEAD:]
    if not data:
        raise FrameError("a piece with nothing in it")
    index, offset = _WHERE.unpack_from(message, _HEAD.size)
    if offset + len(data) > CHUNK_BYTES:
        raise FrameError(f"a piece that goes on behind the end of its chunk: {len(data)} bytes at {offset}")
    return Piece(number, index, offset, data)
