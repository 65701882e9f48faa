"""MTProto's TCP transports: where a packet begins and ends (core.telegram.org/mtproto/mtproto-transports)."""

import asyncio
import struct
import zlib
from typing import Protocol

LONGEST = 1 << 20


class FramingError(ValueError):
    """What came is no packet of this transport."""


class Framing(Protocol):
    """One transport on one connection."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """The next packet. Raises `FramingError`, and `asyncio.IncompleteReadError` at the end."""

    def frame(self, packet: bytes) -> bytes:
        """A packet as it goes over the wire."""


class Abridged:
    """One byte of length in words, or 0x7f and three bytes."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        words = (await reader.readexactly(1))[0]
        if words >= 0x7F:
            words = int.from_bytes(await reader.readexactly(3), "little")
        return await reader.readexactly(_checked(words * 4))

    def frame(self, packet: bytes) -> bytes:
        words = len(packet) // 4
        return (bytes([words]) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")) + packet


class Intermediate:
    """Four bytes of length."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        (length,) = struct.unpack("<I", await reader.readexactly(4))
        return await reader.readexactly(_checked(length))

    def frame(self, packet: bytes) -> bytes:
        return struct.pack("<I", len(packet)) + packet


class PaddedIntermediate(Intermediate):
    """Intermediate with up to 15 random bytes behind each packet; we receive them and send none."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        packet = await super().read(reader)
        encrypted = packet[:8] != bytes(8)
        # Encrypted packets are 24 bytes and whole AES blocks; the others say their length.
        length = 24 + (len(packet) - 24) // 16 * 16 if encrypted else 20 + struct.unpack_from("<I", packet, 16)[0]
        return packet[:length]


class Full:
    """Length, sequence number and CRC-32."""

    def __init__(self, first: bytes = b"") -> None:
        self._first = first  # bytes that were read to find out which transport it is
        self._sent = 0

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        head = self._first or await reader.readexactly(4)
        self._first = b""
        (length,) = struct.unpack("<I", head)
        rest = await reader.readexactly(_checked(length - 4))
        if length < 12 or zlib.crc32(head + rest[:-4]) != struct.unpack("<I", rest[-4:])[0]:
            raise FramingError("wrong CRC")
        return rest[4:-4]

    def frame(self, packet: bytes) -> bytes:
        head = struct.pack("<II", len(packet) + 12, self._sent)
        self._sent += 1
        return head + packet + struct.pack("<I", zlib.crc32(head + packet))


async def recognise(reader: asyncio.StreamReader) -> Framing:
    """The transport that a client chose, by the first bytes it sent. Raises as `Framing.read` does."""
    first = await reader.readexactly(1)
    if first == b"\xef":
        return Abridged()
    head = first + await reader.readexactly(3)
    match head:
        case b"\xee\xee\xee\xee":
            return Intermediate()
        case b"\xdd\xdd\xdd\xdd":
            return PaddedIntermediate()
        case _:
            return Full(head)


def _checked(length: int) -> int:
    if not 4 <= length <= LONGEST:
        raise FramingError(f"a packet of {length} bytes")
    return length
