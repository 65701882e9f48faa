"""RTCP: vectors, round trips, and bytes that are not RTCP."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpError,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    build_compound,
    is_rtcp,
    parse_compound,
)

RECEIVER_REPORT = bytes.fromhex(
    "81c90007" + "00000001" + "00000002" + "80ffffff" + "00011234" + "0000000a" + "01020304" + "00008000"
)


def test_the_fields_of_a_receiver_report() -> None:
    assert parse_compound(RECEIVER_REPORT) == [
        ReceiverReport(
            ssrc=1,
            reports=(
                ReportBlock(
                    ssrc=2,
                    fraction_lost=128,
                    packets_lost=-1,
                    highest_sequence=0x11234,
                    jitter=10,
                    last_sr=0x01020304,
                    delay_since_last_sr=0x8000,
                ),
            ),
        )
    ]


def test_the_fields_of_a_sender_report_and_what_follows_it() -> None:
    data = bytes.fromhex("80c80006" + "00000001" + "e000000080000000" + "000003e8" + "00000005" + "000000fa")
    data += bytes.fromhex("81ca0003" + "00000001" + "01046e616d65" + "0000")
    data += bytes.fromhex("81cb0002" + "00000001" + "03627965")
    assert parse_compound(data) == [
        SenderReport(ssrc=1, ntp_time=0xE000000080000000, rtp_timestamp=1000, packet_count=5, octet_count=250),
        SourceDescription(cnames=((1, "name"),)),
        Goodbye(sources=(1,), reason="bye"),
    ]


def test_unknown_types_are_skipped() -> None:
    feedback = bytes.fromhex("81cd0002" + "0000000100000002")
    assert parse_compound(feedback + RECEIVER_REPORT + feedback) == parse_compound(RECEIVER_REPORT)


def test_padding_of_the_last_packet_is_cut_off() -> None:
    padded = bytes.fromhex("a1cb0002" + "00000001" + "00000004")
    assert parse_compound(RECEIVER_REPORT + padded)[1:] == [Goodbye(sources=(1,))]


def test_rtcp_is_told_from_rtp_by_its_second_byte() -> None:
    assert is_rtcp(RECEIVER_REPORT)
    assert not is_rtcp(bytes.fromhex("80ef0001"))
    assert not is_rtcp(bytes.fromhex("806f0001"))
    assert not is_rtcp(b"\x80")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        RECEIVER_REPORT[:-1],
        RECEIVER_REPORT[:3],
        b"\x41" + RECEIVER_REPORT[1:],
        b"\x82" + RECEIVER_REPORT[1:],
        b"\xa1" + RECEIVER_REPORT[1:] + RECEIVER_REPORT,
        bytes.fromhex("80c80001" + "00000001"),
        bytes.fromhex("80c90000"),
        bytes.fromhex("81ca0001" + "00000001"),
        bytes.fromhex("81ca0002" + "00000001" + "01090000"),
        bytes.fromhex("81ca0002" + "00000001" + "01026161"),
        bytes.fromhex("82cb0001" + "00000001"),
        bytes.fromhex("81cb0002" + "00000001" + "09000000"),
        bytes.fromhex("a0c90000"),
    ],
)
def test_malformed_packets_are_refused(data: bytes) -> None:
    with pytest.raises(RtcpError):
        parse_compound(data)


word = st.integers(0, 0xFFFFFFFF)
text = st.text(max_size=60)
blocks = st.builds(
    ReportBlock,
    ssrc=word,
    fraction_lost=st.integers(0, 255),
    packets_lost=st.integers(-0x800000, 0x7FFFFF),
    highest_sequence=word,
    jitter=word,
    last_sr=word,
    delay_since_last_sr=word,
)
reports = st.lists(blocks, max_size=31).map(tuple)
packets: st.SearchStrategy[RtcpPacket] = st.one_of(
    st.builds(
        SenderReport,
        ssrc=word,
        ntp_time=st.integers(0, 2**64 - 1),
        rtp_timestamp=word,
        packet_count=word,
        octet_count=word,
        reports=reports,
    ),
    st.builds(ReceiverReport, ssrc=word, reports=reports),
    st.builds(SourceDescription, cnames=st.lists(st.tuples(word, text), max_size=31).map(tuple)),
    st.builds(Goodbye, sources=st.lists(word, max_size=31).map(tuple), reason=text),
)


@given(st.lists(packets, min_size=1, max_size=4))
def test_what_is_built_is_parsed(compound: list[RtcpPacket]) -> None:
    assert parse_compound(build_compound(compound)) == compound


@given(
    st.lists(
        st.tuples(st.integers(0x80, 0xBF), st.integers(199, 205), st.binary(max_size=32)), min_size=1, max_size=4
    ).map(lambda parts: b"".join(bytes([a, b]) + (len(c) // 4).to_bytes(2) + c[: len(c) // 4 * 4] for a, b, c in parts))
    | st.binary(max_size=64)
)
def test_random_bytes_raise_nothing_but_rtcp_error(data: bytes) -> None:
    with contextlib.suppress(RtcpError):
        parse_compound(data)


@pytest.mark.parametrize(
    "packet",
    [
        ReceiverReport(ssrc=2**32),
        Goodbye(sources=tuple(range(32))),
        Goodbye(sources=(), reason="x" * 256),
        ReceiverReport(
            ssrc=1,
            reports=(ReportBlock(ssrc=1, fraction_lost=0, packets_lost=2**23, highest_sequence=0, jitter=0),),
        ),
    ],
)
def test_fields_that_do_not_fit_are_refused(packet: RtcpPacket) -> None:
    with pytest.raises(RtcpError):
        build_compound([packet])
