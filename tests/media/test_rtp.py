"""RTP: vectors, round trips, and bytes that are not RTP."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media.rtp import RtpError, RtpPacket, Unwrapper, plain_packet

PLAIN = bytes.fromhex("80 ef 1234 89abcdef deadbeef".replace(" ", "")) + b"opus"


def test_the_fields_of_a_plain_packet() -> None:
    assert RtpPacket.parse(PLAIN) == RtpPacket(
        payload_type=111,
        sequence_number=0x1234,
        timestamp=0x89ABCDEF,
        ssrc=0xDEADBEEF,
        payload=b"opus",
        marker=True,
    )


def test_one_byte_extensions_of_rfc_8285() -> None:
    block = bytes.fromhex("bede 0003 10aa 21bbbb 00 33ccccccf0 f7".replace(" ", ""))
    packet = RtpPacket.parse(bytes.fromhex("906f00010000000200000003") + block[:4] + block[4:].ljust(12, b"\0") + b"x")
    assert packet.extensions[:2] == ((1, b"\xaa"), (2, b"\xbb\xbb"))
    assert packet.payload == b"x"


def test_id_15_ends_the_one_byte_extensions() -> None:
    data = bytes.fromhex("906f00010000000200000003" + "bede0002" + "10aa" + "f0ff" + "20bb0000") + b"x"
    assert RtpPacket.parse(data).extensions == ((1, b"\xaa"),)


def test_two_byte_extensions_with_padding_between() -> None:
    data = bytes.fromhex("906f00010000000200000003" + "10050002" + "0100" + "00" + "c803aabbcc") + b"x"
    assert RtpPacket.parse(data).extensions == ((1, b""), (200, b"\xaa\xbb\xcc"))


def test_extensions_of_an_unknown_profile_are_left_out() -> None:
    data = bytes.fromhex("906f00010000000200000003" + "abcd0001" + "01020304") + b"x"
    packet = RtpPacket.parse(data)
    assert packet.extensions == ()
    assert packet.payload == b"x"


def test_a_packet_of_padding_only_has_no_payload() -> None:
    packet = RtpPacket.parse(bytes.fromhex("a06f00010000000200000003") + bytes(3) + b"\x04")
    assert packet.payload == b""
    assert packet.padding == 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:11],
        b"\x40" + PLAIN[1:],
        bytes.fromhex("816f00010000000200000003"),
        bytes.fromhex("906f00010000000200000003"),
        bytes.fromhex("906f00010000000200000003bede0001"),
        bytes.fromhex("906f00010000000200000003bede00011f000000"),
        bytes.fromhex("906f000100000002000000031000000101090000"),
        bytes.fromhex("906f000100000002000000031000000100000001"),
        bytes.fromhex("a06f00010000000200000003"),
        bytes.fromhex("a06f0001000000020000000300"),
        bytes.fromhex("a06f0001000000020000000302"),
    ],
)
def test_malformed_packets_are_refused(data: bytes) -> None:
    with pytest.raises(RtpError):
        RtpPacket.parse(data)


elements = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=20)), max_size=4).map(tuple)
packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence_number=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=50),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extensions=elements,
    padding=st.integers(0, 255),
)


@given(packets)
def test_what_is_built_is_parsed(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.build()) == packet


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"\xb3\x6f" + tail))
def test_random_bytes_raise_nothing_but_rtp_error(data: bytes) -> None:
    with contextlib.suppress(RtpError):
        RtpPacket.parse(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sequence_number": 65536},
        {"timestamp": -1},
        {"payload_type": 500},
        {"padding": 256},
        {"csrcs": tuple(range(16))},
        {"extensions": ((0, b"x"),)},
        {"extensions": ((1, bytes(256)),)},
    ],
)
def test_fields_that_do_not_fit_are_refused(wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"payload_type": 111, "sequence_number": 1, "timestamp": 2, "ssrc": 3}
    with pytest.raises(RtpError):
        RtpPacket(**(fields | wrong)).build()  # type: ignore[arg-type]


def test_a_sequence_number_that_wraps_goes_on() -> None:
    unwrapper = Unwrapper(16)
    assert [unwrapper.unwrap(value) for value in (65534, 65535, 0, 65533, 2, 65535)] == [
        65534,
        65535,
        65536,
        65533,
        65538,
        65535,
    ]


def test_what_came_before_the_first_is_negative() -> None:
    unwrapper = Unwrapper(32)
    assert [unwrapper.unwrap(value) for value in (5, 0xFFFFFFFF, 10)] == [5, -1, 10]


@given(st.integers(0, 0xFFFFFFFF), st.lists(st.integers(-1000, 10000), max_size=50))
def test_unwrapping_gives_back_the_steps(start: int, steps: list[int]) -> None:
    unwrapper = Unwrapper(16)
    true = start % 65536
    assert unwrapper.unwrap(true) == true
    highest = true
    for step in steps:
        true = highest + step
        assert unwrapper.unwrap(true % 65536) == true
        highest = max(highest, true)


@given(st.integers(0, 127), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.binary(max_size=40), st.booleans())
def test_a_plain_packet_is_what_the_general_one_is(
    payload_type: int, sequence: int, number: int, payload: bytes, marker: bool
) -> None:
    general = RtpPacket(
        payload_type=payload_type,
        sequence_number=sequence,
        timestamp=number,
        ssrc=number,
        payload=payload,
        marker=marker,
    )
    assert plain_packet(payload_type, sequence, number, number, payload, marker=marker) == general.build()
