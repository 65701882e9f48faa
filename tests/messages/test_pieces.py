"""A message that goes piece by piece, to and from a peer that follows the rules, and one that does not."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.messages.direct.frames import PIECE_BYTES, Piece
from hullo.messages.direct.pieces import MAX_AGAIN, WINDOW, Giving, Taking
from hullo.messages.envelope import CHUNK_BYTES, VoiceMessageEnvelope, chunk_digest
from hullo.messages.errors import TransferFailed
from hullo.messages.transfer import MAX_REFUSED, IncomingTransfer

SEALED = random.Random(1).randbytes(3 * CHUNK_BYTES + 1500)
CHUNKS = [SEALED[begin : begin + CHUNK_BYTES] for begin in range(0, len(SEALED), CHUNK_BYTES)]
ENVELOPE = VoiceMessageEnvelope(
    id="0" * 16,
    key=bytes(32),
    size=len(SEALED),
    digest=bytes(32),
    chunk_digests=b"".join(map(chunk_digest, CHUNKS)),
    duration=1.0,
    waveform=bytes(63),
)


def incoming() -> tuple[IncomingTransfer, Taking]:
    transfer = IncomingTransfer(ENVELOPE, window=WINDOW, patience=math.inf)
    return transfer, Taking(ENVELOPE, transfer)


def next_piece(giving: Giving) -> Piece:
    index, offset, size = giving.next_piece()
    return Piece(1, index, offset, CHUNKS[index][offset : offset + size])


@pytest.mark.parametrize("there", [(), (0,), (1, 3)])
def test_what_is_missing_comes_and_no_more(there: tuple[int, ...]) -> None:
    giving, (transfer, taking) = Giving(ENVELOPE), incoming()
    for index in there:
        transfer.have(index)
    got, pieces = dict[int, bytes](), 0
    while not transfer.done:
        asked = taking.requests(0.0)
        assert len(asked) <= WINDOW
        giving.ask(asked)
        piece = next_piece(giving)
        pieces += 1
        chunk = taking.take(piece)
        if chunk is not None and transfer.accept(piece.index, chunk):
            got[piece.index] = chunk
    assert giving.idle
    assert got == {index: chunk for index, chunk in enumerate(CHUNKS) if index not in there}
    assert giving.given == sum(map(len, got.values()))
    assert pieces == sum(-(-len(chunk) // PIECE_BYTES) for chunk in got.values())


def test_what_is_asked_for_again_before_it_went_goes_once() -> None:
    giving = Giving(ENVELOPE)
    for _ in range(1000):
        giving.ask((3,))
    sizes = []
    while not giving.idle:
        sizes.append(giving.next_piece()[2])
    assert sum(sizes) == len(CHUNKS[3])


def test_a_peer_that_asks_for_what_is_not_there_gets_nothing() -> None:
    with pytest.raises(TransferFailed, match="not part"):
        Giving(ENVELOPE).ask((0, len(CHUNKS)))


def test_a_peer_that_asks_for_ever_is_left() -> None:
    giving = Giving(ENVELOPE)
    for _ in range(len(CHUNKS) + MAX_AGAIN):
        giving.ask((3,))
        while not giving.idle:
            giving.next_piece()
    with pytest.raises(TransferFailed, match="again and again"):
        giving.ask((3,))


WRONG = [Piece(1, 3, 0, b"x"), Piece(1, 9, 0, b"x"), Piece(1, 0, 7, b"x"), Piece(1, 65_535, 32_767, b"x")]


@pytest.mark.parametrize("piece", WRONG)
def test_a_peer_that_sends_what_nobody_asked_for_is_left(piece: Piece) -> None:
    transfer, taking = incoming()
    assert taking.requests(0.0) == (0, 1)
    for _ in range(MAX_REFUSED - 1):
        assert taking.take(piece) is None
    with pytest.raises(TransferFailed, match="nobody asked for"):
        taking.take(piece)
    assert transfer.received == 0


def wrong_chunk(taking: Taking) -> tuple[int, bytes]:
    """One that comes whole, piece by piece, and is another one."""
    [index] = taking.requests(0.0)
    chunks = [taking.take(Piece(1, index, offset, bytes(PIECE_BYTES))) for offset in range(0, CHUNK_BYTES, PIECE_BYTES)]
    assert chunks == [None] * 31 + [bytes(CHUNK_BYTES)]
    return index, bytes(CHUNK_BYTES)


def test_a_chunk_that_is_another_one_is_asked_for_again_and_then_the_peer_is_left() -> None:
    transfer = IncomingTransfer(ENVELOPE, window=1, patience=math.inf)
    taking = Taking(ENVELOPE, transfer)
    for _ in range(MAX_REFUSED - 1):
        assert not transfer.accept(*wrong_chunk(taking))
    last = wrong_chunk(taking)
    with pytest.raises(TransferFailed, match="not what was sent"):
        transfer.accept(*last)
    assert transfer.received == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, CHUNK_BYTES), st.integers(1, PIECE_BYTES)), max_size=60))
def test_whatever_comes_no_more_is_kept_than_was_asked_for(pieces: list[tuple[int, int, int]]) -> None:
    _, taking = incoming()
    taking.requests(0.0)
    try:
        for index, offset, size in pieces:
            chunk = taking.take(Piece(1, index, offset, bytes(size)))
            assert chunk is None or len(chunk) == CHUNK_BYTES
    except TransferFailed:
        pass
    assert sum(map(len, taking._begun.values())) <= WINDOW * CHUNK_BYTES


@given(st.lists(st.lists(st.integers(0, 70_000), min_size=1, max_size=8), max_size=40))
def test_whatever_is_asked_for_goes_or_is_refused(asked: list[list[int]]) -> None:
    giving, gone = Giving(ENVELOPE), 0
    try:
        for indexes in asked:
            giving.ask(tuple(indexes))
            for _ in range(min(40, 1000)):
                if not giving.idle:
                    index, offset, size = giving.next_piece()
                    assert offset + size <= len(CHUNKS[index])
                    gone += size
    except TransferFailed:
        pass
    assert gone <= (len(CHUNKS) + MAX_AGAIN) * CHUNK_BYTES
