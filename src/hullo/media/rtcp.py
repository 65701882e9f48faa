"""RTCP (RFC 3550 6): sender and receiver reports, source descriptions and goodbyes, in compound packets."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

_SENDER_REPORT: Final = 200
_RECEIVER_REPORT: Final = 201
_SOURCE_DESCRIPTION: Final = 202
_GOODBYE: Final = 203

_CNAME: Final = 1
_MAX_COUNT: Final = 31

_HEADER: Final = struct.Struct("!BBH")
_SENDER_INFO: Final = struct.Struct("!IQIII")
_BLOCK: Final = struct.Struct("!IIIIII")


class RtcpError(ValueError):
    """The bytes are not a compound RTCP packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlock:
    """What a receiver says of one source (RFC 3550 6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Since the last report, in 256ths."""
    packets_lost: int
    """Since the beginning; negative when there were duplicates."""
    highest_sequence: int
    """Extended: the cycles in the upper 16 bits."""
    jitter: int
    """In timestamp units."""
    last_sr: int = 0
    """The middle 32 bits of the NTP time in the last sender report; 0 when there was none."""
    delay_since_last_sr: int = 0
    """In units of 1/65536 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderReport:
    """What a sender says of its stream, and of those it receives."""

    ssrc: int
    ntp_time: int
    """64 bits: seconds since 1900 in the upper half, the fraction in the lower."""
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverReport:
    """What someone who sends nothing says of the streams it receives."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDescription:
    """The canonical names of sources, as (SSRC, CNAME)."""

    cnames: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodbye:
    """Sources that have left, and why."""

    sources: tuple[int, ...]
    reason: str = ""


RtcpPacket: TypeAlias = SenderReport | ReceiverReport | SourceDescription | Goodbye


def is_rtcp(data: bytes) -> bool:
    """Whether a packet that shares its port with RTP is RTCP (RFC 5761 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


def parse_compound(data: bytes) -> list[RtcpPacket]:
    """The packets in a compound packet; types that are not known here are skipped. Raises `RtcpError`.

    Reduced-size packets (RFC 5506) are taken too: the first need not be a report.
    """
    packets: list[RtcpPacket] = []
    for kind, count, body in _split(data):
        if kind == _SENDER_REPORT:
            packets.append(_parse_sender_report(count, body))
        elif kind == _RECEIVER_REPORT:
            packets.append(_parse_receiver_report(count, body))
        elif kind == _SOURCE_DESCRIPTION:
            packets.append(SourceDescription(cnames=tuple(_parse_chunks(count, body))))
        elif kind == _GOODBYE:
            packets.append(_parse_goodbye(count, body))
    return packets


def build_compound(packets: Sequence[RtcpPacket]) -> bytes:
    """The bytes of a compound packet. Raises `RtcpError` when a field does not fit its place."""
    return b"".join(map(_build, packets))


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(type, count, body) of each packet, the padding cut off."""
    if not data:
        raise RtcpError("an empty packet")
    at = 0
    while at < len(data):
        if len(data) - at < _HEADER.size:
            raise RtcpError("an RTCP header is cut off")
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2:
            raise RtcpError(f"version {first >> 6}: RTCP is version 2")
        if end > len(data):
            raise RtcpError(f"a packet of type {kind} is cut off")
        body = data[at + 4 : end]
        if first & 0x20:
            body = _without_padding(body, last=end == len(data))
        yield kind, first & 0x1F, body
        at = end


def _without_padding(body: bytes, *, last: bool) -> bytes:
    padding = body[-1] if body else 0
    if not last or not 0 < padding <= len(body):
        raise RtcpError("padding where none may be, or longer than its packet")
    return body[:-padding]


def _parse_sender_report(count: int, body: bytes) -> SenderReport:
    if len(body) < _SENDER_INFO.size:
        raise RtcpError("a sender report is cut off")
    ssrc, ntp_time, rtp_timestamp, packet_count, octet_count = _SENDER_INFO.unpack_from(body)
    return SenderReport(
        ssrc=ssrc,
        ntp_time=ntp_time,
        rtp_timestamp=rtp_timestamp,
        packet_count=packet_count,
        octet_count=octet_count,
        reports=_parse_blocks(count, body, _SENDER_INFO.size),
    )


def _parse_receiver_report(count: int, body: bytes) -> ReceiverReport:
    if len(body) < 4:
        raise RtcpError("a receiver report is cut off")
    return ReceiverReport(ssrc=int.from_bytes(body[:4]), reports=_parse_blocks(count, body, 4))


def _parse_blocks(count: int, body: bytes, at: int) -> tuple[ReportBlock, ...]:
    if len(body) < at + count * _BLOCK.size:
        raise RtcpError(f"a report says {count} blocks and is too short for them")
    return tuple(_parse_block(body, at + i * _BLOCK.size) for i in range(count))


def _parse_block(body: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest_sequence, jitter, last_sr, delay = _BLOCK.unpack_from(body, at)
    lost = loss & 0xFFFFFF
    return ReportBlock(
        ssrc=ssrc,
        fraction_lost=loss >> 24,
        packets_lost=lost - 0x1000000 if lost & 0x800000 else lost,
        highest_sequence=highest_sequence,
        jitter=jitter,
        last_sr=last_sr,
        delay_since_last_sr=delay,
    )


def _parse_chunks(count: int, body: bytes) -> Iterator[tuple[int, str]]:
    """RFC 3550 6.5: for each source its items, ended by a zero and padded to a whole word."""
    at = 0
    for _ in range(count):
        if at + 5 > len(body):
            raise RtcpError("a source description is cut off")
        ssrc = int.from_bytes(body[at : at + 4])
        at += 4
        while at < len(body) and body[at]:
            end = at + 2 + body[at + 1] if at + 1 < len(body) else len(body) + 1
            if end > len(body):
                raise RtcpError("an item of a source description is cut off")
            if body[at] == _CNAME:
                yield ssrc, body[at + 2 : end].decode("utf-8", "replace")
            at = end
        if at >= len(body):
            raise RtcpError("a source description has no end")
        at += 4 - at % 4


def _parse_goodbye(count: int, body: bytes) -> Goodbye:
    if len(body) < 4 * count:
        raise RtcpError(f"a goodbye of {count} sources is too short for them")
    sources = struct.unpack_from(f"!{count}I", body)
    rest = body[4 * count :]
    if rest and len(rest) < 1 + rest[0]:
        raise RtcpError("the reason of a goodbye is cut off")
    reason = rest[1 : 1 + rest[0]].decode("utf-8", "replace") if rest else ""
    return Goodbye(sources=sources, reason=reason)


def _build(packet: RtcpPacket) -> bytes:
    try:
        kind, count, body = _body(packet)
        body += bytes(-len(body) % 4)
        if count > _MAX_COUNT:
            raise RtcpError(f"{count} entries: an RTCP packet has at most {_MAX_COUNT}")
        return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body
    except struct.error as error:
        raise RtcpError(f"a field of {type(packet).__name__} is out of range: {error}") from error


def _body(packet: RtcpPacket) -> tuple[int, int, bytes]:
    """(type, count, body) of a packet, the body not yet filled up to a whole word."""
    match packet:
        case SenderReport():
            info = _SENDER_INFO.pack(
                packet.ssrc, packet.ntp_time, packet.rtp_timestamp, packet.packet_count, packet.octet_count
            )
            return _SENDER_REPORT, len(packet.reports), info + b"".join(map(_build_block, packet.reports))
        case ReceiverReport():
            blocks = b"".join(map(_build_block, packet.reports))
            return _RECEIVER_REPORT, len(packet.reports), struct.pack("!I", packet.ssrc) + blocks
        case SourceDescription():
            return _SOURCE_DESCRIPTION, len(packet.cnames), b"".join(_build_chunk(*named) for named in packet.cnames)
        case Goodbye():
            sources = struct.pack(f"!{len(packet.sources)}I", *packet.sources)
            return _GOODBYE, len(packet.sources), sources + (_text(packet.reason) if packet.reason else b"")


def _build_block(block: ReportBlock) -> bytes:
    if not -0x800000 <= block.packets_lost <= 0x7FFFFF or not 0 <= block.fraction_lost <= 255:
        raise RtcpError("a report block holds a loss that does not fit 24 and 8 bits")
    loss = block.fraction_lost << 24 | block.packets_lost & 0xFFFFFF
    return _BLOCK.pack(block.ssrc, loss, block.highest_sequence, block.jitter, block.last_sr, block.delay_since_last_sr)


def _build_chunk(ssrc: int, cname: str) -> bytes:
    chunk = struct.pack("!IB", ssrc, _CNAME) + _text(cname)
    return chunk + bytes(4 - len(chunk) % 4)


def _text(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 255:
        raise RtcpError(f"a text of {len(encoded)} bytes: RTCP has room for 255")
    return bytes([len(encoded)]) + encoded
