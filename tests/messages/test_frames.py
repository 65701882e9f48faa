"""Frames of the data channel of a call: whole, damaged, made up, and of later programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.messages.direct.frames import (
    MAX_ASKED,
    PIECE_BYTES,
    Ask,
    Frame,
    FrameError,
    Piece,
    Stop,
    Whole,
    encode_frame,
    parse_frame,
)
from hullo.messages.envelope import CHUNK_BYTES

NUMBERS = st.integers(0, 2**32 - 1)
INDEXES = st.integers(0, 2**16 - 1)
FRAMES = st.one_of(
    st.builds(Ask, NUMBERS, st.lists(INDEXES, min_size=1, max_size=MAX_ASKED).map(tuple)),
    st.builds(
        Piece,
        NUMBERS,
        INDEXES,
        st.integers(0, CHUNK_BYTES - PIECE_BYTES),
        st.binary(min_size=1, max_size=PIECE_BYTES),
    ),
    st.builds(Whole, NUMBERS),
    st.builds(Stop, NUMBERS),
)


@given(FRAMES)
def test_a_frame_comes_as_it_went(frame: Frame) -> None:
    assert parse_frame(encode_frame(frame)) == frame


@pytest.mark.parametrize(
    "message",
    [
        b"",
        encode_frame(Whole(1))[:-1],
        encode_frame(Whole(1)) + b"x",
        encode_frame(Ask(1, ())),
        encode_frame(Ask(1, (1,))) + b"x",
        encode_frame(Ask(1, tuple(range(MAX_ASKED + 1)))),
        encode_frame(Piece(1, 0, 0, b"")),
        encode_frame(Piece(1, 0, CHUNK_BYTES - 1, b"xx")),
        encode_frame(Piece(1, 0, 0, bytes(PIECE_BYTES + 1))),
        bytes(200_000),
    ],
)
def test_what_makes_no_sense_is_one_typed_error(message: bytes) -> None:
    with pytest.raises(FrameError):
        parse_frame(message)


def test_a_kind_of_a_later_program_is_nothing() -> None:
    assert parse_frame(b"\x77" + bytes(20)) is None


@given(st.binary(max_size=PIECE_BYTES + 20))
def test_any_bytes_are_a_frame_or_nothing_or_that_error(message: bytes) -> None:
    try:
        frame = parse_frame(message)
    except FrameError:
        return
    assert frame is None or encode_frame(frame) == message
