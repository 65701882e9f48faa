"""Files as sound that can be read from any position: Ogg Opus by our own reader, all else by PyAV."""

import contextlib
import os
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np

from hullo.media.concealment import ConcealingDecoder
from hullo.media.ogg import OggError
from hullo.media.oggopus import PRE_ROLL, NotOpus, OggOpusReader, OpusHead, OpusPage
from hullo.media.opus import MAX_PACKET_SAMPLES, OpusError, packet_samples
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.messages.ending import BLOCK, pages_in
from hullo.messages.errors import NotPlayable
from hullo.speech.errors import SpeechError
from hullo.speech.speaking.audiofile import decode_file, duration_of

_LAST_PAGES: Final = 2 * BLOCK


class Sound(Protocol):
    """48 kHz mono sound that is read from a position on; positions and lengths are samples."""

    position: int
    """Of the sample that `read` gives next."""

    @property
    def length(self) -> int | None:
        """None if nobody knows before it has been read."""

    def read(self) -> Pcm | None:
        """The next samples, 250 ms or so at most; None at the end. Raises `NotPlayable`."""

    def seek(self, position: int) -> None:
        """Go on reading there, or at the end if it is beyond. Raises `NotPlayable`."""

    def close(self) -> None:
        """Let go of the file."""


def open_sound(path: Path) -> Sound:
    """The sound of a file. Raises `NotPlayable`, which says what the file is not."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise NotPlayable(f"{path} can't be played: {(error.strerror or str(error)).lower()}") from None
    with file:
        start = file.read(4)
        if not start:
            raise NotPlayable(f"{path} can't be played: it is empty")
    if start != b"OggS":
        return FileSound(path)
    try:
        return OggOpusSound(path)
    except NotOpus as error:
        try:
            return FileSound(path)  # Vorbis, FLAC, or more channels than two
        except NotPlayable:
            raise NotPlayable(f"{path} can't be played: {error}") from None


class OggOpusSound:
    """An Ogg Opus file (mono or stereo, which is mixed down). What is missing in it is concealed and then silent."""

    def __init__(self, path: Path) -> None:
        """Raises `NotOpus` if our decoder does not know it, `NotPlayable` if it holds no sound."""
        self._path = path
        self._reader = OggOpusReader()
        self._decoder = ConcealingDecoder()
        with contextlib.ExitStack() as opening:
            self._file: BinaryIO = opening.enter_context(path.open("rb"))
            first = next(self._pages(), None)
            if first is None or self._reader.head is None:
                raise NotPlayable(f"{path} can't be played: it holds no sound yet")
            self._first = first.offset
            self.head: OpusHead = self._reader.head
            self.size = self._file.seek(0, os.SEEK_END)
            self.ended, self.length = self._measure()
            self._gain = 10 ** (self.head.gain / 20)
            self.position = 0
            self.seek(0)
            opening.pop_all()

    def read(self) -> Pcm | None:
        """See `Sound.read`."""
        while True:
            while self._packets:
                pcm = self._crop(self._decode(self._packets.popleft()))
                if len(pcm):
                    self.position += len(pcm)
                    return pcm
            page = next(self._coming, None)
            if page is None:
                return None
            self._open_page(page)

    def seek(self, position: int) -> None:
        """See `Sound.seek`."""
        self.position = max(0, min(position, self.length))
        self._coming = self._pages(self._page_before(self.position - PRE_ROLL))
        self._packets: deque[bytes | int] = deque()
        self._decoder = ConcealingDecoder()
        self._at = self._end = 0
        self._fresh = True

    def close(self) -> None:
        """See `Sound.close`."""
        self._file.close()

    def _pages(self, offset: int | None = None) -> Iterator[OpusPage]:
        """The pages from the beginning, or from a byte of the file on."""
        if offset is not None:
            self._file.seek(offset)
            self._reader.jump(offset)
        try:
            yield from pages_in(self._file, self._reader)
        except NotOpus:
            raise
        except (OggError, OSError) as error:
            raise NotPlayable(f"{self._path} can't be played any further: {error}") from None

    def _measure(self) -> tuple[bool, int]:
        """Whether the stream has an end, and where its last page ends; only the end of the file is read for that."""
        window = _LAST_PAGES
        while True:
            found = deque(self._pages(max(self.size - window, self._first)), maxlen=1)
            if found:
                return found[0].last, max(found[0].end, 0)
            window *= 8

    def _page_before(self, position: int) -> int:
        """The offset of a page at or less than a block before the one in which `position` is."""
        low, high = self._first, self.size
        while high - low > BLOCK:
            middle = (low + high) // 2
            try:
                page = next(self._pages(middle), None)
            except NotPlayable:
                page = None
            if page is None or page.offset >= high or page.last or page.begin > position:
                high = middle
            else:
                low = page.offset
        return low

    def _open_page(self, page: OpusPage) -> None:
        if page.end <= self.position - PRE_ROLL and not page.last:
            return
        self._packets.extend([page.missing] if page.missing and not self._fresh else [])
        self._at = page.begin - (page.missing if not self._fresh else 0)
        self._packets.extend(page.packets)
        self._end = page.end
        self._fresh = False

    def _decode(self, packet: bytes | int) -> Pcm:
        if isinstance(packet, int):
            return self._conceal(packet)
        try:
            pcm = self._decoder.decode(packet)
        except OpusError:
            pcm = np.zeros(packet_samples(packet), np.int16)
        if self.head.gain:
            pcm = np.clip(np.rint(pcm * self._gain), -32768, 32767).astype(np.int16)
        return pcm

    def _conceal(self, missing: int) -> Pcm:
        """A part of what is missing; the rest comes next."""
        part = min(missing, MAX_PACKET_SAMPLES)
        if missing > part:
            self._packets.appendleft(missing - part)
        return self._decoder.conceal(part)[:part]

    def _crop(self, pcm: Pcm) -> Pcm:
        """What of it is to be heard: nothing before the position, nothing after the end of the page."""
        begin, self._at = self._at, self._at + len(pcm)
        return pcm[max(self.position - begin, 0) : max(self._end - begin, 0)]


class FileSound:
    """A file of any other format that PyAV reads."""

    def __init__(self, path: Path) -> None:
        """Raises `NotPlayable`."""
        self._path = path
        self.position = 0
        self._pieces: Generator[Pcm, None, None] = decode_file(path)
        try:
            self._next = next(self._pieces, None)
            seconds = duration_of(path)
        except SpeechError:
            raise NotPlayable(f"{path} can't be played: no sound that is known here is in it") from None
        if self._next is None:
            raise NotPlayable(f"{path} can't be played: it holds no sound")
        self.length = None if seconds is None else round(seconds * SAMPLE_RATE)

    def read(self) -> Pcm | None:
        """See `Sound.read`."""
        pcm = self._piece() if self._next is None else self._next
        self._next = None
        self.position += 0 if pcm is None else len(pcm)
        return pcm

    def seek(self, position: int) -> None:
        """See `Sound.seek`."""
        self.close()
        self.position = max(0, position if self.length is None else min(position, self.length))
        self._next = None
        self._pieces = decode_file(self._path, self.position / SAMPLE_RATE)

    def close(self) -> None:
        """See `Sound.close`."""
        self._pieces.close()

    def _piece(self) -> Pcm | None:
        try:
            return next(self._pieces, None)
        except SpeechError as error:
            raise NotPlayable(str(error)) from None
