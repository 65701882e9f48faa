"""Decompression that a peer cannot turn against us."""

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.telegram.signaling.inflate import MAX_MESSAGE, InflateError, inflate

BOMB = gzip.compress(bytes(200 * MAX_MESSAGE), 9)


@given(st.binary(max_size=500))
def test_what_was_compressed_comes_back_and_the_rest_stays(data: bytes) -> None:
    assert inflate(gzip.compress(data)) == data
    assert inflate(zlib.compress(data)) == data
    assert inflate(b"{" + data) == b"{" + data


@pytest.mark.parametrize("bomb", [BOMB, zlib.compress(bytes(2 * MAX_MESSAGE)), bytes(MAX_MESSAGE + 1)])
def test_a_bomb_is_refused(bomb: bytes) -> None:
    with pytest.raises(InflateError, match="more than"):
        inflate(bomb)


def test_the_limit_is_a_limit() -> None:
    assert len(inflate(gzip.compress(bytes(MAX_MESSAGE)))) == MAX_MESSAGE


@given(st.sampled_from([b"\x1f\x8b", b"\x78\x9c"]), st.binary(max_size=300))
def test_random_data_under_a_known_header_is_an_error_or_small(header: bytes, data: bytes) -> None:
    with suppress(InflateError):
        assert len(inflate(header + data, limit=1000)) <= 1000


def test_a_stream_that_is_cut_short_is_an_error() -> None:
    whole = gzip.compress(b"something to say")
    for end in range(2, len(whole)):
        with pytest.raises(InflateError):
            inflate(whole[:end])
