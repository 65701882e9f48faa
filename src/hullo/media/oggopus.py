"""Opus in Ogg (RFC 7845): the two headers, and a stream written page by page and read as it comes.

Positions are samples at 48 kHz. A granule position counts from the first sample that the decoder gives, so playing
begins `pre_skip` later; the granule position of the last page may cut the end of its last packet away.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hullo.media.ogg import OggError, OggPage, PacketJoiner, PageReader, page_of
from hullo.media.opus import OpusError, packet_samples
from hullo.media.pcm import SAMPLE_RATE

PAGE_SAMPLES: Final = SAMPLE_RATE // 2
"""How much sound a page gets if nothing else is asked for: half a second."""

PRE_ROLL: Final = 3840
"""Samples, 80 ms, that a decoder needs before it is right again after a jump (RFC 7845 4.6)."""

MAX_TAGS: Final = 61_440
"""Bytes of the comment header that are read; comments beyond are left out (RFC 7845 5.2)."""

_HEAD: Final = struct.Struct("<8sBBHIhB")
_MAX_PACKET: Final = MAX_TAGS
_LONGEST_GAP: Final = 10 * SAMPLE_RATE
_LAST_GRANULE: Final = 1 << 48
"""A page that says it ends later, after 186 years, or before the beginning, is damaged (RFC 7845 4.1)."""


class NotOpus(OggError):
    """An Ogg stream without an Opus stream in it that can be decoded here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpusHead:
    """The identification header (RFC 7845 5.1)."""

    channels: int = 1
    pre_skip: int
    """Samples to discard at the beginning."""
    input_rate: int = SAMPLE_RATE
    """Of the sound before it was encoded, in Hz: for information only."""
    gain: float = 0.0
    """To apply after decoding, in dB."""

    def encode(self) -> bytes:
        """The packet."""
        return _HEAD.pack(b"OpusHead", 1, self.channels, self.pre_skip, self.input_rate, round(self.gain * 256), 0)

    @classmethod
    def decode(cls, packet: bytes) -> "OpusHead":
        """Raises `NotOpus` for anything but one or two channels of a version that is known."""
        if not packet.startswith(b"OpusHead") or len(packet) < _HEAD.size:
            raise NotOpus("its first packet is no Opus header")
        _, version, channels, pre_skip, rate, gain, family = _HEAD.unpack_from(packet)
        if version >= 16:
            raise NotOpus(f"its Opus header has version {version}, which is newer than this program")
        if family != 0 or channels not in (1, 2):
            raise NotOpus(f"it has {channels} channels in mapping family {family}: only mono and stereo are known")
        return cls(channels=channels, pre_skip=pre_skip, input_rate=rate, gain=gain / 256)


@dataclass(frozen=True, slots=True)
class OpusTags:
    """The comment header (RFC 7845 5.2): names are ASCII and without case, values any text."""

    vendor: str
    comments: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The packet. Raises `OggError` if it is too long for one page."""
        texts = [self.vendor.encode(), *(f"{name}={value}".encode() for name, value in self.comments.items())]
        head, *others = [struct.pack("<I", len(text)) + text for text in texts]
        packet = b"OpusTags" + head + struct.pack("<I", len(others)) + b"".join(others)
        if len(packet) > MAX_TAGS:
            raise OggError(f"comments of {len(packet)} bytes: at most {MAX_TAGS} are allowed")
        return packet

    @classmethod
    def decode(cls, packet: bytes) -> "OpusTags":
        """What can be read of it: comments that are cut off or without a name are left out. Raises `NotOpus`."""
        if not packet.startswith(b"OpusTags"):
            raise NotOpus("its second packet is no Opus comment header")
        vendor, at = _text(packet, 8)
        count = int.from_bytes(packet[at : at + 4], "little")
        at += 4
        comments = {}
        while count and at < len(packet):
            text, at = _text(packet, at)
            name, equals, value = text.partition("=")
            if name and equals:
                comments[name.upper()] = value
            count -= 1
        return cls(vendor, comments)


def _text(packet: bytes, at: int) -> tuple[str, int]:
    """A text after its length, and where the next one begins; empty if it is cut off."""
    begin = at + 4
    end = begin + int.from_bytes(packet[at:begin], "little")
    if end > len(packet):
        return "", len(packet)
    return packet[begin:end].decode("utf-8", "replace"), end


class OggOpusWriter:
    """Lays packets into pages of at most `page_samples`; what each call returns is to be appended to the file."""

    def __init__(self, head: OpusHead, tags: OpusTags, *, serial: int, page_samples: int = PAGE_SAMPLES) -> None:
        """`serial` is any number of 32 bits, best a random one. Raises `OggError` if `tags` is too long."""
        self._serial = serial
        self._page_samples = page_samples
        self._head, self._tags = head.encode(), tags.encode()
        self._pre_skip = head.pre_skip
        self._packets: list[bytes] = []
        self._segments = 0
        self._pending = 0
        self._granule = 0
        self._sequence = 2

    def begin(self) -> bytes:
        """The two header pages."""
        head = page_of([self._head], serial=self._serial, sequence=0, granule=0, first=True)
        return head.encode() + page_of([self._tags], serial=self._serial, sequence=1, granule=0).encode()

    def add(self, packet: bytes) -> bytes:
        """One packet more: the page before it if that is full, or nothing.

        Raises `OpusError` for what is no Opus packet.
        """
        samples = packet_samples(packet)
        segments = len(packet) // 255 + 1
        page = b""
        if self._pending + samples > self._page_samples or self._segments + segments > 255:
            page = self.flush()
        self._packets.append(packet)
        self._segments += segments
        self._pending += samples
        return page

    def flush(self) -> bytes:
        """The page of what is there, or nothing."""
        return self._page(self._granule + self._pending, last=False) if self._packets else b""

    def end(self, samples: int) -> bytes:
        """The last page, for a stream that plays `samples`; the end of the last packet is cut there.

        Raises `OggError` unless the packets since the last page end at or after that position.
        """
        end = self._pre_skip + samples
        if not self._packets or not self._granule <= end <= self._granule + self._pending:
            raise OggError(f"a stream of {samples} samples can't end in the page after {self._granule}")
        return self._page(end, last=True)

    def _page(self, granule: int, *, last: bool) -> bytes:
        page = page_of(self._packets, serial=self._serial, sequence=self._sequence, granule=granule, last=last)
        self._sequence += 1
        self._granule = granule
        self._packets = []
        self._segments = self._pending = 0
        return page.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpusPage:
    """The packets that end in one page of a stream."""

    packets: tuple[bytes, ...]
    begin: int
    """Position of the first sample of the first packet; 0 is the first to be played, those before are discarded."""
    end: int
    """Position after the last sample to be played of it."""
    missing: int = 0
    """Samples between the page before and this one that are not there any more."""
    origin: int
    """The granule position of position 0."""
    last: bool = False
    offset: int
    """Where the page begins in the file."""
    page: OggPage

    @property
    def samples(self) -> int:
        """What all its packets hold."""
        return sum(map(packet_samples, self.packets))


class OggOpusReader:
    """The first Opus stream in bytes as they come; damaged pages, other streams and broken packets are left out."""

    def __init__(self) -> None:
        self.head: OpusHead | None = None
        self.tags: OpusTags | None = None
        self.ended = False
        """The last page has been read."""
        self._pages = PageReader()
        self._joiner = PacketJoiner(_MAX_PACKET)
        self._serial: int | None = None
        self._first: int | None = None
        self._base = 0
        self._edge: int | None = None

    @property
    def skipped(self) -> int:
        """Bytes that belonged to no page."""
        return self._pages.skipped

    def feed(self, data: bytes) -> Iterator[OpusPage]:
        """The pages that `data` completes, without the headers. Iterate to the end before feeding more.

        Raises `NotOpus` if there is none in what is Ogg, `OggError` for what is no Ogg.
        """
        for offset, page in self._pages.feed(data):
            yield from self._take(offset, page)

    def finish(self) -> Iterator[OpusPage]:
        """What is left when nothing more comes. Raises `NotOpus` if there was no Opus stream."""
        for offset, page in self._pages.finish():
            yield from self._take(offset, page)
        if self.head is None:
            raise NotOpus("there is no Opus stream in it")

    def jump(self, offset: int) -> None:
        """Go on at another place of the file, once the headers have been read."""
        self._pages = PageReader(offset)
        self._joiner = PacketJoiner(_MAX_PACKET)
        self._edge = None
        self.ended = False

    def _take(self, offset: int, page: OggPage) -> Iterator[OpusPage]:
        if page.first and self._serial is None and page.body.startswith(b"OpusHead"):
            self.head = OpusHead.decode(page.body)
            self._serial = page.serial
        elif self._serial is None and not page.first:
            raise NotOpus("there is no Opus stream in it")
        elif page.serial == self._serial and not page.first and not self.ended:
            yield from self._sound(offset, page)

    def _sound(self, offset: int, page: OggPage) -> Iterator[OpusPage]:
        packets, _ = self._joiner.feed(page)
        if self.tags is None and packets and packets[0].startswith(b"OpusTags"):
            self.tags = OpusTags.decode(packets.pop(0))
        sound = tuple(packet for packet in packets if _is_opus(packet))
        self.ended = page.last
        if sound and 0 <= page.granule <= _LAST_GRANULE:
            yield self._placed(offset, page, sound)

    def _placed(self, offset: int, page: OggPage, packets: tuple[bytes, ...]) -> OpusPage:
        """Where on the time line a page is (RFC 7845 4)."""
        assert self.head is not None
        samples = sum(map(packet_samples, packets))
        begin, missing = max(page.granule - samples, 0), 0
        if self._edge is not None:
            jump = page.granule - samples - self._edge
            missing = jump if 0 < jump <= _LONGEST_GAP else 0
            begin = self._edge + missing
        elif page.last and self._first in (None, page.sequence):
            begin = 0  # a stream that ends in its first page says where it ends, not how long its packets are
        if self._first is None:
            self._first, self._base = page.sequence, begin
        self._edge = begin + samples
        origin = self._base + self.head.pre_skip
        end = max(min(page.granule, self._edge), begin) if page.last else self._edge
        return OpusPage(
            packets=packets,
            begin=begin - origin,
            end=end - origin,
            missing=missing,
            origin=origin,
            last=page.last,
            offset=offset,
            page=page,
        )


def _is_opus(packet: bytes) -> bool:
    try:
        return bool(packet) and packet_samples(packet) > 0
    except OpusError:
        return False


def cut_page(page: OpusPage, end: int) -> OggPage:
    """The page as the last of its stream, which ends at position `end` or where the page does, if that is earlier."""
    kept: list[bytes] = []
    at = page.begin
    for packet in page.packets:
        if kept and at >= end:
            break
        kept.append(packet)
        at += packet_samples(packet)
    granule = page.origin + min(end, at)
    return page_of(kept, serial=page.page.serial, sequence=page.page.sequence, granule=granule, last=True)
