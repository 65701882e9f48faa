"""Ogg pages (RFC 3533): packets laid into pages, and found again in bytes that may be damaged."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MAX_SEGMENTS: Final = 255
MAX_PAGE_BYTES: Final = 27 + MAX_SEGMENTS + MAX_SEGMENTS * 255

MAX_RUBBISH: Final = 1 << 20
"""Bytes in a row without a page after which the rest is not searched any more."""

_CAPTURE: Final = b"OggS"
_HEADER: Final = struct.Struct("<4sBBqIIIB")
_CRC_AT: Final = 22
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class OggError(ValueError):
    """Bytes that are no Ogg stream, or packets that can't be put into one."""


def crc(data: bytes) -> int:
    """The checksum of a page: polynomial 0x04C11DB7, nothing reflected, no start value (RFC 3533 6).

    That of zlib is the same but reflected, so bits are turned round before and after.
    """
    reflected = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class OggPage:
    """A page: segments of `body` as long as the bytes of `lacing` say; a packet ends in each that is below 255."""

    serial: int
    sequence: int
    granule: int
    """Position after the last packet that ends here, in the codec's units; -1 if none does."""
    lacing: bytes
    body: bytes
    continued: bool = False
    """The first packet began in an earlier page."""
    first: bool = False
    last: bool = False

    def encode(self) -> bytes:
        """The page as it stands in a file, checksum included."""
        flags = _CONTINUED * self.continued | _FIRST * self.first | _LAST * self.last
        page = bytearray(
            _HEADER.pack(_CAPTURE, 0, flags, self.granule, self.serial, self.sequence, 0, len(self.lacing))
        )
        page += self.lacing
        page += self.body
        struct.pack_into("<I", page, _CRC_AT, crc(bytes(page)))
        return bytes(page)

    def pieces(self) -> Iterator[tuple[bytes, bool]]:
        """The packets and parts of packets in it, each with whether it ends here."""
        begin = end = 0
        for length in self.lacing:
            end += length
            if length < 255:
                yield self.body[begin:end], True
                begin = end
        if self.lacing and self.lacing[-1] == 255:
            yield self.body[begin:], False


def lacing_of(packets: Sequence[bytes]) -> bytes:
    """The lengths of the segments of whole packets (RFC 3533 5)."""
    return b"".join(b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets)


def page_of(
    packets: Sequence[bytes], *, serial: int, sequence: int, granule: int, first: bool = False, last: bool = False
) -> OggPage:
    """A page of whole packets. Raises `OggError` if they do not fit into one."""
    lacing = lacing_of(packets)
    if len(lacing) > MAX_SEGMENTS:
        raise OggError(f"{len(packets)} packets of {sum(map(len, packets))} bytes do not fit into one Ogg page")
    return OggPage(
        serial=serial,
        sequence=sequence,
        granule=granule,
        lacing=lacing,
        body=b"".join(packets),
        first=first,
        last=last,
    )


class PageReader:
    """Finds pages in bytes as they come. What is between valid ones is skipped, and counted in `skipped`."""

    def __init__(self, offset: int = 0) -> None:
        """`offset` is where in the file the first byte fed stands."""
        self.skipped = 0
        self._buffer = bytearray()
        self._offset = offset
        self._rubbish = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, OggPage]]:
        """Every page that `data` completes, with the offset of its first byte. Iterate to the end before feeding more.

        Raises `OggError` after `MAX_RUBBISH` bytes without a page.
        """
        self._buffer += data
        while (found := self._next()) is not None:
            size, page = found
            if page is None:
                self._skip(size)
                continue
            offset = self._offset
            self._drop(size)
            self._rubbish = 0
            yield offset, page

    def _next(self) -> tuple[int, OggPage | None] | None:
        """The page at the beginning of the buffer and its size, or how much to skip; None if more must come first."""
        begin = self._buffer.find(_CAPTURE)
        if begin != 0:
            skip = begin if begin > 0 else max(len(self._buffer) - len(_CAPTURE) + 1, 0)
            return (skip, None) if skip else None
        if len(self._buffer) < _HEADER.size:
            return None
        _, version, flags, granule, serial, sequence, checksum, segments = _HEADER.unpack_from(self._buffer)
        if version != 0 or flags & ~(_CONTINUED | _FIRST | _LAST):
            return len(_CAPTURE), None
        body = _HEADER.size + segments
        if len(self._buffer) < body:
            return None
        size = body + sum(self._buffer[_HEADER.size : body])
        if len(self._buffer) < size:
            return None
        page = bytes(self._buffer[:size])
        if crc(page[:_CRC_AT] + bytes(4) + page[_CRC_AT + 4 :]) != checksum:
            return len(_CAPTURE), None
        return size, OggPage(
            serial=serial,
            sequence=sequence,
            granule=granule,
            lacing=page[_HEADER.size : body],
            body=page[body:],
            continued=bool(flags & _CONTINUED),
            first=bool(flags & _FIRST),
            last=bool(flags & _LAST),
        )

    def finish(self) -> Iterator[tuple[int, OggPage]]:
        """The pages in what is left when nothing more comes: a torn page may have hidden whole ones."""
        while self._buffer:
            self._skip(min(len(_CAPTURE), len(self._buffer)))
            yield from self.feed(b"")

    def _skip(self, size: int) -> None:
        self._drop(size)
        self.skipped += size
        self._rubbish += size
        if self._rubbish > MAX_RUBBISH:
            raise OggError(f"no Ogg page in {self._rubbish} bytes")

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._offset += size


class PacketJoiner:
    """The packets of one logical stream, joined where they go over several pages."""

    def __init__(self, max_packet: int) -> None:
        """A packet longer than `max_packet` bytes comes cut to that length."""
        self._max_packet = max_packet
        self._part: bytearray | None = None
        self._sequence: int | None = None

    def feed(self, page: OggPage) -> tuple[list[bytes], bool]:
        """The packets that end in `page`, and whether pages before it are missing."""
        lost = self._sequence is not None and page.sequence != (self._sequence + 1) & 0xFFFFFFFF
        self._sequence = page.sequence
        if lost or not page.continued:
            self._part = None
        packets = []
        orphan = page.continued and self._part is None
        for piece, ends in page.pieces():
            if not orphan:
                packets += self._join(piece, ends)
            orphan = orphan and not ends
        return packets, lost

    def _join(self, piece: bytes, ends: bool) -> list[bytes]:
        part = self._part if self._part is not None else bytearray()
        part += piece[: max(self._max_packet - len(part), 0)]
        self._part = None if ends else part
        return [bytes(part)] if ends else []
