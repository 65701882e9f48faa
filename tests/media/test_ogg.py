import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media import ogg
from hullo.media.ogg import MAX_RUBBISH, OggError, OggPage, PacketJoiner, PageReader, crc, page_of


def bitwise_crc(data: bytes) -> int:
    """The definition (RFC 3533 6), bit by bit."""
    register = 0
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register & 0x80000000 else 0)) & 0xFFFFFFFF
    return register


def page(number: int, size: int = 60) -> OggPage:
    packets = [bytes((number & 0xFF,)) * size, bytes(size)]
    return page_of(packets, serial=7, sequence=number, granule=number * 960)


def read(data: bytes) -> list[OggPage]:
    reader = PageReader()
    return [found for _, found in (*reader.feed(data), *reader.finish())]


@given(st.binary(max_size=600))
def test_the_checksum_is_the_one_defined(data: bytes) -> None:
    assert crc(data) == bitwise_crc(data)


@given(st.lists(st.binary(max_size=1300), min_size=1, max_size=20), st.integers(1, 700))
def test_packets_come_back_as_they_were_however_the_bytes_arrive(packets: list[bytes], step: int) -> None:
    written = page_of(packets, serial=1, sequence=9, granule=960, first=True).encode()
    reader = PageReader()
    found = [one for at in range(0, len(written), step) for _, one in reader.feed(written[at : at + step])]
    assert [one.encode() for one in found] == [written]
    assert [piece for piece, ends in found[0].pieces() if ends] == packets
    assert reader.skipped == 0


def test_a_page_has_at_most_255_segments() -> None:
    page_of([bytes(254)] * 255, serial=1, sequence=0, granule=0)
    with pytest.raises(OggError, match="do not fit"):
        page_of([bytes(255)] * 128, serial=1, sequence=0, granule=0)


@given(st.data())
def test_damage_costs_the_pages_it_hit_and_no_others(data: st.DataObject) -> None:
    pages = [page(number, 200) for number in range(12)]
    written = bytearray(b"".join(one.encode() for one in pages))
    size = len(pages[0].encode())
    begin = data.draw(st.integers(0, len(written) - 1))
    damage = data.draw(st.binary(min_size=1, max_size=700))
    end = min(begin + len(damage), len(written))
    changed = [number for number, one in enumerate(pages) if begin < (number + 1) * size and end > number * size]
    written[begin:end] = damage[: end - begin]
    found = {one.sequence for one in read(bytes(written)) if one in pages}
    assert found >= {number for number in range(12) if number not in changed}


@given(st.lists(st.one_of(st.binary(max_size=300), st.just(b"OggS\0"), st.just(page(3).encode())), max_size=12))
def test_any_bytes_are_pages_or_skipped(parts: list[bytes]) -> None:
    data = b"".join(parts)
    reader = PageReader()
    found = [*reader.feed(data), *reader.finish()]
    assert sum(len(one.encode()) for _, one in found) + reader.skipped == len(data)
    for offset, one in found:
        assert data[offset:].startswith(one.encode())


def test_rubbish_without_end_is_given_up() -> None:
    noise = random.Random(5).randbytes(MAX_RUBBISH // 2 - 100)
    reader = PageReader()
    assert list(reader.feed(noise)) == []
    assert list(reader.feed(noise)) == []
    with pytest.raises(OggError, match="no Ogg page in"):
        list(reader.feed(noise))


def spread(packet: bytes, number: int, *, begins: bool, ends: bool) -> OggPage:
    """A page with 510 bytes of a long packet."""
    lacing = ogg.lacing_of([packet])[: 2 if not ends else None]
    return OggPage(serial=1, sequence=number, granule=0, lacing=lacing, body=packet, continued=not begins)


def test_a_packet_over_three_pages_is_joined() -> None:
    joiner = PacketJoiner(10_000)
    parts = [b"a" * 510, b"b" * 510, b"c" * 3]
    pages = [spread(part, number, begins=number == 0, ends=number == 2) for number, part in enumerate(parts)]
    assert [joiner.feed(one) for one in pages] == [([], False), ([], False), ([b"".join(parts)], False)]


def test_a_packet_whose_beginning_or_middle_is_lost_is_left_out() -> None:
    parts = [b"a" * 510, b"b" * 510, b"c" * 3]
    first, _, third = (spread(part, n, begins=n == 0, ends=n == 2) for n, part in enumerate(parts))
    joiner = PacketJoiner(10_000)
    assert joiner.feed(first) == ([], False)
    assert joiner.feed(third) == ([], True)
    assert PacketJoiner(10_000).feed(third) == ([], False)


def test_a_packet_that_is_too_long_is_cut() -> None:
    joiner = PacketJoiner(600)
    parts = [b"a" * 510, b"b" * 510, b"c" * 3]
    pages = [spread(part, number, begins=number == 0, ends=number == 2) for number, part in enumerate(parts)]
    [*_, (packets, _)] = [joiner.feed(one) for one in pages]
    assert packets == [b"a" * 510 + b"b" * 90]
