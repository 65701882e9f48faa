import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings as sodium

from hullo.messages.errors import SealBroken
from hullo.messages.sealing import CHUNK, KEY_BYTES, Opener, Sealer, new_key

KEY = bytes(range(KEY_BYTES))
HEADER = 24
PLAIN = CHUNK - 17
TEXT = random.Random(9).randbytes(4 * PLAIN + 1000)


def sealed(data: bytes, key: bytes = KEY, step: int = 10_000) -> bytes:
    sealer = Sealer(key)
    return b"".join([*(sealer.feed(data[at : at + step]) for at in range(0, len(data), step)), sealer.finish()])


def opened(data: bytes, key: bytes = KEY, step: int = 10_000) -> bytes:
    opener = Opener(key)
    return b"".join([*(opener.feed(data[at : at + step]) for at in range(0, len(data), step)), opener.finish()])


def chunks(data: bytes) -> list[bytes]:
    """The header, then each chunk."""
    return [data[:HEADER], *(data[at : at + CHUNK] for at in range(HEADER, len(data), CHUNK))]


@pytest.mark.parametrize("size", [0, 1, PLAIN - 1, PLAIN, PLAIN + 1, 2 * PLAIN, 3 * PLAIN + 17])
@pytest.mark.parametrize("step", [997, 1 << 20])
def test_what_was_sealed_is_opened(size: int, step: int) -> None:
    data = sealed(TEXT[:size], step=step)
    assert opened(data, step=step) == TEXT[:size]
    assert len(data) == HEADER + size + 17 * max(-(-size // PLAIN), 1)


def test_two_seals_of_the_same_have_nothing_in_common() -> None:
    assert new_key() != new_key()
    one, other = sealed(TEXT), sealed(TEXT)
    assert not {one[at : at + 16] for at in range(0, len(one), 16)} & {other[at : at + 16] for at in range(0, 99, 16)}


def test_libsodium_alone_can_open_it() -> None:
    header, *parts = chunks(sealed(TEXT))
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, header, KEY)
    found = [sodium.crypto_secretstream_xchacha20poly1305_pull(state, part, b"hullo voice message 1") for part in parts]
    assert b"".join(plain for plain, _ in found) == TEXT
    assert [tag for _, tag in found] == [0, 0, 0, 0, sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL]


@given(st.data())
def test_one_changed_bit_is_found_before_anything_of_its_chunk_comes_out(data: st.DataObject) -> None:
    changed = bytearray(sealed(TEXT))
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    opener = Opener(KEY)
    got = bytearray()
    with pytest.raises(SealBroken, match="is not what was sealed"):  # noqa: PT012 - whichever call is the one
        for begin in range(0, len(changed), 5000):
            got += opener.feed(bytes(changed[begin : begin + 5000]))
        opener.finish()
    assert TEXT.startswith(got)
    assert len(got) == max(at - HEADER, 0) // CHUNK * PLAIN
    with pytest.raises(SealBroken):
        opener.finish()


@given(st.integers(0, 4 * CHUNK + 1000))
def test_a_seal_that_is_cut_short_is_refused(size: int) -> None:
    with pytest.raises(SealBroken):
        opened(sealed(TEXT)[:size])


def swapped(parts: list[bytes]) -> list[bytes]:
    return [parts[0], parts[2], parts[1], *parts[3:]]


def repeated(parts: list[bytes]) -> list[bytes]:
    return [*parts[:2], parts[1], *parts[2:]]


def left_out(parts: list[bytes]) -> list[bytes]:
    return [parts[0], *parts[2:]]


def ended_early(parts: list[bytes]) -> list[bytes]:
    return parts[:-1]


def ended_twice(parts: list[bytes]) -> list[bytes]:
    return [*parts, parts[-1]]


def of_another_file(parts: list[bytes]) -> list[bytes]:
    return [*parts[:2], chunks(sealed(TEXT))[2], *parts[3:]]


def with_another_header(parts: list[bytes]) -> list[bytes]:
    return [sealed(TEXT)[:HEADER], *parts[1:]]


@pytest.mark.parametrize(
    "change", [swapped, repeated, left_out, ended_early, ended_twice, of_another_file, with_another_header]
)
def test_chunks_only_fit_where_they_were(change: object) -> None:
    assert callable(change)
    parts = change(chunks(sealed(TEXT)))
    with pytest.raises(SealBroken, match="can't be opened"):
        opened(b"".join(parts))


def test_another_key_and_what_is_no_key() -> None:
    with pytest.raises(SealBroken, match="chunk 0 is not what was sealed"):
        opened(sealed(TEXT), key=new_key())
    with pytest.raises(SealBroken, match="has 31 bytes instead of 32"):
        Opener(KEY[:-1])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SealBroken):
        opened(data)
