"""Packets wait in the order of their sequence, and not too many of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media.packetbuffer import MediaPacket, PacketBuffer


def packet(sequence: int, timestamp: int | None = None) -> MediaPacket:
    return MediaPacket(1, sequence, sequence * 960 if timestamp is None else timestamp, 960, b"x")


@given(st.permutations(list(range(30))))
def test_packets_come_out_in_order(order: list[int]) -> None:
    buffer = PacketBuffer()
    for sequence in order:
        buffer.insert(packet(sequence))
    assert buffer.first == packet(0)
    assert buffer.last == packet(29)
    assert [buffer.pop().sequence for _ in range(len(buffer))] == list(range(30))
    assert buffer.first is buffer.last is None


def test_the_oldest_go_first() -> None:
    buffer = PacketBuffer()
    for sequence in range(100):
        buffer.insert(packet(sequence))
    trimmed = buffer.trim(10 * 960)
    assert [old.sequence for old in trimmed] == list(range(90))
    assert len(buffer) == 10
    assert buffer.trim(10 * 960) == []


def test_one_packet_is_always_kept() -> None:
    buffer = PacketBuffer()
    buffer.insert(packet(1))
    assert buffer.trim(0) == []
    assert len(buffer) == 1


def test_packets_of_one_moment_are_bounded_too() -> None:
    buffer = PacketBuffer()
    for sequence in range(5000):
        buffer.insert(packet(sequence, timestamp=0))
        buffer.trim(960)
    assert len(buffer) == 1024


def test_an_empty_buffer_has_nothing_to_give() -> None:
    buffer = PacketBuffer()
    assert buffer.trim(0) == []
    with pytest.raises(IndexError):
        buffer.pop()
