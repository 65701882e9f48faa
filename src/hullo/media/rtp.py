"""RTP packets (RFC 3550 5.1) with header extensions (RFC 8285), and counters that wrap around."""

import struct
from typing import Final

import msgspec

_FIXED: Final = struct.Struct("!BBHII")
_ONE_BYTE_PROFILE: Final = 0xBEDE
_TWO_BYTE_PROFILE: Final = 0x1000


class RtpError(ValueError):
    """The bytes are not an RTP packet."""


class RtpPacket(msgspec.Struct, frozen=True, kw_only=True):
    """One RTP packet; `timestamp` counts samples of the payload's clock, `padding` bytes."""

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extensions: tuple[tuple[int, bytes], ...] = ()
    """Header extension elements as (id, data), in their order; those of unknown profiles are left out."""
    padding: int = 0

    @classmethod
    def parse(cls, data: bytes) -> "RtpPacket":
        """Read one packet, already decrypted. Raises `RtpError` for anything malformed."""
        if len(data) < _FIXED.size:
            raise RtpError(f"{len(data)} bytes: an RTP header has at least {_FIXED.size}")
        first, second, sequence_number, timestamp, ssrc = _FIXED.unpack_from(data)
        if first >> 6 != 2:
            raise RtpError(f"version {first >> 6}: RTP is version 2")
        start = _FIXED.size
        csrcs: tuple[int, ...] = ()
        if count := first & 0x0F:
            if len(data) < start + 4 * count:
                raise RtpError("the list of contributing sources is cut off")
            csrcs = struct.unpack_from(f"!{count}I", data, start)
            start += 4 * count
        extensions: tuple[tuple[int, bytes], ...] = ()
        if first & 0x10:
            extensions, start = _parse_extensions(data, start)
        padding = _parse_padding(data, start) if first & 0x20 else 0
        return cls(
            payload_type=second & 0x7F,
            sequence_number=sequence_number,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=bytes(data[start : len(data) - padding]),
            marker=second >= 0x80,
            csrcs=csrcs,
            extensions=extensions,
            padding=padding,
        )

    def build(self) -> bytes:
        """The packet's bytes. Raises `RtpError` when a field does not fit its place in the header."""
        if len(self.csrcs) > 15 or not 0 <= self.padding <= 255:
            raise RtpError("an RTP packet has at most 15 contributing sources and 255 bytes of padding")
        flags = 0x80 | bool(self.padding) << 5 | bool(self.extensions) << 4 | len(self.csrcs)
        second = self.marker << 7 | self.payload_type
        try:
            header = _FIXED.pack(flags, second, self.sequence_number, self.timestamp, self.ssrc)
            sources = struct.pack(f"!{len(self.csrcs)}I", *self.csrcs)
        except struct.error as error:
            raise RtpError(f"a header field is out of range: {error}") from error
        tail = bytes(self.padding - 1) + bytes([self.padding]) if self.padding else b""
        return header + sources + _build_extensions(self.extensions) + self.payload + tail


def plain_packet(
    payload_type: int, sequence_number: int, timestamp: int, ssrc: int, payload: bytes, *, marker: bool
) -> bytes:
    """The bytes of a packet without sources, extensions and padding, as a sender makes fifty in a second.

    Fields are in range already: `RtpPacket.build` checks them.
    """
    return _FIXED.pack(0x80, marker << 7 | payload_type, sequence_number, timestamp, ssrc) + payload


def _parse_padding(data: bytes, start: int) -> int:
    padding = data[-1] if len(data) > start else 0
    if not 0 < padding <= len(data) - start:
        raise RtpError("the padding is longer than the packet, or of no length")
    return padding


def _parse_extensions(data: bytes, start: int) -> tuple[tuple[tuple[int, bytes], ...], int]:
    """The elements of the extension block at `start`, and where the block ends."""
    if len(data) < start + 4:
        raise RtpError("the header extension is cut off")
    profile, words = struct.unpack_from("!HH", data, start)
    start += 4
    end = start + 4 * words
    if len(data) < end:
        raise RtpError("the header extension is cut off")
    block = data[start:end]
    if profile == _ONE_BYTE_PROFILE:
        return _parse_one_byte(block), end
    if profile & 0xFFF0 == _TWO_BYTE_PROFILE:
        return _parse_two_byte(block), end
    return (), end


def _parse_one_byte(block: bytes) -> tuple[tuple[int, bytes], ...]:
    """RFC 8285 4.2: four bits of id, four bits of length less one; id 0 pads, id 15 ends."""
    elements = []
    at = 0
    while at < len(block):
        if block[at] == 0:
            at += 1
            continue
        identifier, end = block[at] >> 4, at + 2 + (block[at] & 0x0F)
        if identifier == 15:
            break
        if end > len(block):
            raise RtpError(f"header extension element {identifier} is cut off")
        if identifier:
            elements.append((identifier, bytes(block[at + 1 : end])))
        at = end
    return tuple(elements)


def _parse_two_byte(block: bytes) -> tuple[tuple[int, bytes], ...]:
    """RFC 8285 4.3: a byte of id, a byte of length; id 0 pads."""
    elements = []
    at = 0
    while at < len(block):
        if block[at] == 0:
            at += 1
            continue
        end = at + 2 + block[at + 1] if at + 1 < len(block) else len(block) + 1
        if end > len(block):
            raise RtpError(f"header extension element {block[at]} is cut off")
        elements.append((block[at], bytes(block[at + 2 : end])))
        at = end
    return tuple(elements)


def _build_extensions(elements: tuple[tuple[int, bytes], ...]) -> bytes:
    """The extension block, in the one-byte form where everything fits it."""
    if not elements:
        return b""
    if any(not 1 <= identifier <= 255 or len(data) > 255 for identifier, data in elements):
        raise RtpError("header extension elements have an id of 1 to 255 and at most 255 bytes")
    if all(identifier <= 14 and 1 <= len(data) <= 16 for identifier, data in elements):
        profile = _ONE_BYTE_PROFILE
        body = b"".join(bytes([identifier << 4 | len(data) - 1]) + data for identifier, data in elements)
    else:
        profile = _TWO_BYTE_PROFILE
        body = b"".join(bytes([identifier, len(data)]) + data for identifier, data in elements)
    body += bytes(-len(body) % 4)
    if len(body) > 4 * 0xFFFF:
        raise RtpError("the header extension is longer than its length field can say")
    return struct.pack("!HH", profile, len(body) // 4) + body


class Unwrapper:
    """Turns a counter that wraps around into one that does not: each value is taken nearest to the highest so far."""

    def __init__(self, bits: int) -> None:
        """`bits` is the width of the counter: 16 for sequence numbers, 32 for timestamps."""
        self._half = 1 << (bits - 1)
        self._mask = (1 << bits) - 1
        self._highest: int | None = None

    def unwrap(self, value: int) -> int:
        """The value without wrap-around; those from before the first seen may be negative."""
        if self._highest is None:
            self._highest = value
            return value
        ahead = (value - self._highest + self._half & self._mask) - self._half
        unwrapped = self._highest + ahead
        if ahead > 0:
            self._highest = unwrapped
        return unwrapped
