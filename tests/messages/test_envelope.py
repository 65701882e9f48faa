import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.messages.envelope import CHUNK_BYTES, MAX_SIZE, EnvelopeError, VoiceMessageEnvelope, chunk_digest
from hullo.messages.errors import MessageError

SEALED = bytes(range(256)) * 300
CHUNKS = [SEALED[at : at + CHUNK_BYTES] for at in range(0, len(SEALED), CHUNK_BYTES)]

ENVELOPE = VoiceMessageEnvelope(
    id="a1",
    key=b"k" * 32,
    size=len(SEALED),
    digest=bytes(32),
    chunk_digests=b"".join(map(chunk_digest, CHUNKS)),
    duration=12.5,
    waveform=bytes(63),
)


def test_an_envelope_is_small_and_comes_back_as_it_was() -> None:
    data = ENVELOPE.encode()
    assert VoiceMessageEnvelope.decode(data) == ENVELOPE
    assert len(data) < 250 + 16 * len(CHUNKS)


def test_the_key_is_never_printed() -> None:
    assert "kkk" not in repr(ENVELOPE)
    assert "kkk" not in str([ENVELOPE])


def test_a_chunk_is_known_by_its_place_and_content() -> None:
    assert [ENVELOPE.chunk_size(index) for index in range(3)] == [CHUNK_BYTES, CHUNK_BYTES, len(CHUNKS[2])]
    assert all(ENVELOPE.is_chunk(index, chunk) for index, chunk in enumerate(CHUNKS))
    assert not ENVELOPE.is_chunk(0, CHUNKS[2])
    assert not ENVELOPE.is_chunk(2, CHUNKS[2] + b"x")
    assert not ENVELOPE.is_chunk(2, b"")


NESTED = b"\x82\xa7version\x01\xa7unknown" + b"\x91" * 10_000 + b"\x01"
"""A map with the right version, and a member of which nothing is known but that it holds lists within lists."""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 2}, "version 2, which this program does not know"),
        ({"key": b"short"}, "key of the voice message has 5 bytes instead of 32"),
        ({"digest": b""}, "digest"),
        ({"waveform": bytes(64)}, "waveform"),
        ({"size": 0}, "0 bytes"),
        ({"size": -5}, "-5 bytes"),
        ({"size": MAX_SIZE + 1}, "at most"),
        ({"size": 1 << 62}, "at most"),
        ({"chunk_digests": bytes(32)}, "list of chunks of the voice message has 32 bytes instead of 48"),
        ({"duration": -1.0}, "not possible"),
        ({"duration": float("nan")}, "not possible"),
        ({"duration": float("inf")}, "not possible"),
    ],
)
def test_an_envelope_that_does_not_hold_together_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(EnvelopeError, match=says):
        VoiceMessageEnvelope.decode(msgspec.structs.replace(ENVELOPE, **change).encode())


@given(st.one_of(st.binary(max_size=300), st.integers(0, len(ENVELOPE.encode())).map(lambda n: ENVELOPE.encode()[:n])))
def test_any_bytes_are_an_envelope_or_a_clear_error(data: bytes) -> None:
    try:
        assert VoiceMessageEnvelope.decode(data) == ENVELOPE
    except MessageError as error:
        assert "voice message" in str(error)  # noqa: PT017


def test_what_is_nested_without_end_is_a_clear_error_too() -> None:
    with pytest.raises(EnvelopeError, match="no voice message"):
        VoiceMessageEnvelope.decode(NESTED)
