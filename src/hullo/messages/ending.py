"""Puts an end to an Ogg Opus file: one that was never finished, or one that is to end earlier than it does."""

import os
from collections.abc import Iterator
from typing import BinaryIO, Final

from hullo.media.ogg import OggError
from hullo.media.oggopus import OggOpusReader, OpusPage, cut_page

BLOCK: Final = 1 << 16


def end_stream(file: BinaryIO, end: int | None = None) -> int:
    """Let the stream end at position `end` (samples), or after its last whole page; returns how long it is now.

    One page is written again in its place and what follows is cut away, so nothing before it can be lost and no room
    is needed. 0 if the file holds no sound; it is left as it is then. Raises `OSError`.
    """
    page = _page_at(file, end)
    if page is None:
        return 0
    position = page.end if end is None else min(end, page.end)
    data = cut_page(page, position).encode()
    descriptor = file.fileno()
    os.pwrite(descriptor, data, page.offset)
    os.ftruncate(descriptor, page.offset + len(data))
    os.fsync(descriptor)
    return position


def pages_in(file: BinaryIO, reader: OggOpusReader) -> Iterator[OpusPage]:
    """The pages from where the file stands. Raises `OggError` where it is no Ogg Opus, `OSError`."""
    while block := file.read(BLOCK):
        yield from reader.feed(block)
    yield from reader.finish()


def _page_at(file: BinaryIO, end: int | None) -> OpusPage | None:
    """The page in which the stream is to end."""
    file.seek(0)
    last = None
    try:
        for page in pages_in(file, OggOpusReader()):
            last = page
            if end is not None and page.end >= end:
                break
    except OggError:
        pass  # what follows is no sound; the headers alone are none either
    return last
