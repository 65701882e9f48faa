"""Decompression of what a peer sent, up to a limit."""

import zlib

GZIP = b"\x1f\x8b"
ZLIB = b"\x78\x9c"

MAX_MESSAGE = 1 << 20
"""Bytes of one message, decompressed. Real ones have a few hundred, and some kilobytes with video."""


class InflateError(ValueError):
    """Not a whole compressed stream, or one that grows beyond the limit."""


def inflate(data: bytes, limit: int = MAX_MESSAGE) -> bytes:
    """`data` decompressed if it is gzip or zlib, else as it is. Raises `InflateError`; makes at most `limit` bytes."""
    if not data.startswith((GZIP, ZLIB)):
        return _bounded(data, limit)
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise InflateError(f"the compressed data is corrupt: {error}") from error
    if len(plain) <= limit and not stream.eof:
        raise InflateError("the compressed data is cut short")
    return _bounded(plain, limit)


def _bounded(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise InflateError(f"a message has more than {limit} bytes")
    return data
