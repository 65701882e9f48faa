"""Records: what was encoded is parsed, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.telegram.signaling.records import NEEDS_ACK, Kind, Record, RecordError, encode_records, parse_records

counters = st.integers(1, NEEDS_ACK - 1)
customs = st.builds(lambda counter, payload: Record(Kind.CUSTOM, counter | NEEDS_ACK, payload), counters, st.binary())
empties = st.builds(lambda counter: Record(Kind.EMPTY, counter), counters)
acks = st.builds(lambda counter: Record(Kind.ACK, counter | NEEDS_ACK), counters)


@given(customs | empties, st.lists(customs | empties | acks))
def test_packets_come_back(first: Record, others: list[Record]) -> None:
    records = [first, *others]
    plaintext = encode_records(records)
    assert parse_records(plaintext) == records
    assert len(plaintext) == sum(record.size for record in records)


@given(st.binary(max_size=300))
def test_random_plaintext_is_an_error_or_comes_back_the_same(plaintext: bytes) -> None:
    try:
        records = parse_records(plaintext)
    except RecordError:
        return
    assert encode_records(records) == plaintext


@given(customs | empties, st.lists(customs | empties | acks, max_size=4), st.data())
def test_a_packet_with_some_bytes_replaced_is_an_error_or_comes_back_the_same(
    first: Record, others: list[Record], data: st.DataObject
) -> None:
    plaintext = encode_records([first, *others])
    begin = data.draw(st.integers(0, len(plaintext)))
    end = data.draw(st.integers(begin, min(begin + 5, len(plaintext))))
    changed = plaintext[:begin] + data.draw(st.binary(max_size=5)) + plaintext[end:]
    try:
        records = parse_records(changed)
    except RecordError:
        return
    assert encode_records(records) == changed


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        bytes.fromhex("40000001ff"),  # begins with an acknowledgement
        bytes.fromhex("00000001aa"),  # unknown kind
        bytes.fromhex("00000000fe"),  # counts from 1
        bytes.fromhex("80000001fe"),  # a single-message packet
        bytes.fromhex("400000017f00000002aa"),  # cut short
        bytes.fromhex("400000017fffffffff"),
        bytes.fromhex("00000001fe40"),
    ],
)
def test_malformed_plaintext_is_an_error(plaintext: bytes) -> None:
    with pytest.raises(RecordError):
        parse_records(plaintext)
