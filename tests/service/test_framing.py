"""Messages are found in a stream of bytes however it is cut, and a client breaks nothing but its own messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.service.framing import HEADER_LIMIT, MESSAGE_LIMIT, Deframer, Framing, FramingError, frame

messages = st.lists(
    st.binary(min_size=1, max_size=200)
    .map(lambda raw: b"{" + raw.replace(b"\n", b" ").replace(b"\r", b" ") + b"}")
    .filter(lambda message: message.strip() == message),
    min_size=1,
    max_size=6,
)


def cut(stream: bytes, sizes: list[int]) -> list[bytes]:
    """`stream` in pieces of `sizes`, and the rest."""
    pieces = []
    for size in sizes:
        pieces.append(stream[:size])
        stream = stream[size:]
    return [*pieces, stream]


def feed_all(deframer: Deframer, pieces: list[bytes]) -> list[bytes | FramingError]:
    return [item for piece in pieces for item in deframer.feed(piece)]


@given(messages, st.sampled_from(Framing), st.lists(st.integers(0, 50)))
def test_every_framing_gives_its_messages_back_however_the_stream_is_cut(
    sent: list[bytes], framing: Framing, sizes: list[int]
) -> None:
    stream = b"".join(frame(message, framing) for message in sent)
    deframer = Deframer()
    assert feed_all(deframer, cut(stream, sizes)) == sent
    assert deframer.framing is framing
    assert not deframer.partial


@given(st.binary(max_size=3000), st.lists(st.integers(0, 100)))
def test_random_bytes_give_the_same_messages_and_errors_however_they_are_cut(stream: bytes, sizes: list[int]) -> None:
    whole = feed_all(Deframer(limit=64), [stream])
    pieces = feed_all(Deframer(limit=64), cut(stream, sizes))
    assert [str(item) for item in pieces] == [str(item) for item in whole]


@given(st.sampled_from([b"\x00", b"C", b"Content-Length: ", b"{"]), st.binary(max_size=300))
def test_no_message_in_garbage_is_longer_than_the_limit(start: bytes, rest: bytes) -> None:
    deframer = Deframer(limit=16)
    for item in deframer.feed(start + rest):
        assert isinstance(item, FramingError) or 0 < len(item) <= 16


@pytest.mark.parametrize("framing", Framing)
def test_a_message_that_is_too_long_costs_one_error_and_the_next_one_is_read(framing: Framing) -> None:
    deframer = Deframer(limit=10)
    stream = frame(b"x" * 5000, framing) + frame(b"[1]", framing)
    found = feed_all(deframer, [stream[i : i + 7] for i in range(0, len(stream), 7)])
    assert [type(item) for item in found] == [FramingError, bytes]
    assert found[1] == b"[1]"
    assert "10 bytes" in str(found[0])
    assert isinstance(found[0], FramingError)
    assert not found[0].fatal


@pytest.mark.parametrize("framing", Framing)
def test_a_message_of_exactly_the_limit_passes(framing: Framing) -> None:
    message = b"7" * MESSAGE_LIMIT
    assert Deframer().feed(frame(message, framing)) == [message]


def test_a_line_that_never_ends_is_not_kept() -> None:
    deframer = Deframer(limit=100)
    found = feed_all(deframer, [b"x" * 60] * 1000)
    assert len(found) == 1
    assert deframer.partial
    assert deframer.feed(b"\n{}\n") == [b"{}"]


def test_blank_lines_and_carriage_returns_are_no_messages() -> None:
    assert Deframer().feed(b"\r\n\n  {}\r\n\n[]\n") == [b"{}", b"[]"]


def test_half_a_message_is_known_to_be_one() -> None:
    deframer = Deframer()
    assert not deframer.partial
    assert deframer.feed(b'{"jsonrpc"') == []
    assert deframer.partial


def test_an_absurd_length_ends_the_stream_with_one_error() -> None:
    deframer = Deframer()
    found = deframer.feed(frame(b"{}", Framing.LENGTH) + b"\xff\xff\xff\xff" + frame(b"{}", Framing.LENGTH))
    assert found[0] == b"{}"
    assert isinstance(found[1], FramingError)
    assert found[1].fatal
    assert len(found) == 2
    assert deframer.feed(frame(b"{}", Framing.LENGTH)) == []


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.HEADERS])
def test_an_empty_message_is_one_error(framing: Framing) -> None:
    found = Deframer().feed(frame(b"", framing) + frame(b"{}", framing))
    assert str(found[0]) == "an empty message"
    assert found[1] == b"{}"


def test_headers_may_come_in_any_order_and_case() -> None:
    stream = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:2\r\n\r\n{}"
    assert Deframer().feed(stream) == [b"{}"]


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Type: application/json\r\n\r\n",
        b"Content-Length: many\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"C" * (HEADER_LIMIT + 1),
    ],
)
def test_headers_without_a_length_end_the_stream(headers: bytes) -> None:
    deframer = Deframer()
    (error,) = deframer.feed(headers + b"{}")
    assert isinstance(error, FramingError)
    assert error.fatal
    assert not deframer.partial
