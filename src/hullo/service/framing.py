"""Where one message ends and the next begins, in the three framings that gateways use. No sockets here.

The first byte that a client sends tells them apart:

* anything else: newline-delimited JSON (the normal case: signal-cli, MCP, `imsg rpc`),
* 0x00: a 4-byte big-endian length before each message (its first byte is 0 for everything below 16 MiB),
* `C` or `c`: `Content-Length` headers (the Language Server Protocol).
"""

from collections.abc import Callable, Iterator
from enum import Enum

MESSAGE_LIMIT = 1024 * 1024
"""Bytes of one message; a longer one is refused."""

HEADER_LIMIT = 4096
"""Bytes of one block of headers, blank line included."""


class Framing(Enum):
    """How messages are told apart on a connection."""

    NEWLINE = "newline"
    LENGTH = "length"
    HEADERS = "headers"


class FramingError(Exception):
    """A message could not be taken from the stream. After a `fatal` one nothing later can be, either."""

    def __init__(self, message: str, *, fatal: bool) -> None:
        super().__init__(message)
        self.fatal = fatal


def frame(message: bytes, framing: Framing) -> bytes:
    """`message`, ready to be sent in `framing`. It must hold no newline, which compact JSON never does."""
    match framing:
        case Framing.NEWLINE:
            return message + b"\n"
        case Framing.LENGTH:
            return len(message).to_bytes(4, "big") + message
        case Framing.HEADERS:
            return b"Content-Length: %d\r\n\r\n" % len(message) + message


class Deframer:
    """Takes the bytes of one connection as they come and gives the messages in them.

    A message that is too long costs one `FramingError` and is skipped. Memory is bounded by `limit` and the size of
    the pieces fed, time by their length, whatever the peer sends.
    """

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self.framing: Framing | None = None
        """The client's framing; None until its first byte has come."""
        self._limit = limit
        self._reader: _Lines | _Sized | None = None
        self._broken = False

    def feed(self, data: bytes) -> list[bytes | FramingError]:
        """The messages and errors that `data` completes, in order. After a fatal error: nothing, ever."""
        found: list[bytes | FramingError] = []
        if self._broken or not data:
            return found
        if self._reader is None:
            self.framing = _recognise(data[0])
            self._reader = _reader(self.framing, self._limit)
        self._reader.buffer += data
        try:
            while (item := self._reader.take()) is not None:
                if item:
                    found.append(item)
        except FramingError as error:
            self._broken = True
            self._reader.buffer.clear()
            found.append(error)
        return found

    @property
    def partial(self) -> bool:
        """Whether the bytes so far end in the middle of a message."""
        return self._reader is not None and self._reader.partial


class _Lines:
    """Messages that end with a newline. `take` gives the next, b"" for nothing worth giving, None for "not yet"."""

    def __init__(self, limit: int) -> None:
        self.buffer = bytearray()
        self._limit = limit
        self._searched = 0
        self._skipping = False

    @property
    def partial(self) -> bool:
        return bool(self.buffer) or self._skipping

    def take(self) -> bytes | FramingError | None:
        end = self.buffer.find(b"\n", self._searched)
        if end < 0:
            return self._wait()
        line = _cut(self.buffer, end)
        del self.buffer[:1]
        self._searched = 0
        if self._skipping:
            self._skipping = False
            return b""
        return line.strip(b" \t\r") if len(line) <= self._limit else _too_long("a line", self._limit)

    def _wait(self) -> FramingError | None:
        """Keep the beginning of a line, unless it is too long to become a message."""
        self._searched = len(self.buffer)
        if self._skipping or len(self.buffer) > self._limit:
            self.buffer.clear()
            self._searched = 0
            if not self._skipping:
                self._skipping = True
                return _too_long("a line", self._limit)
        return None


class _Sized:
    """Messages whose size is announced before them; `announced` takes that from the buffer, None for "not yet"."""

    def __init__(self, announced: Callable[[bytearray], int | None], limit: int) -> None:
        self.buffer = bytearray()
        self._announced = announced
        self._limit = limit
        self._size: int | None = None
        self._to_skip = 0

    @property
    def partial(self) -> bool:
        return bool(self.buffer or self._to_skip) or self._size is not None

    def take(self) -> bytes | FramingError | None:
        if self._to_skip:
            self._to_skip -= len(_cut(self.buffer, self._to_skip))
            if self._to_skip:
                return None
        if self._size is None:
            self._size = self._announced(self.buffer)
        if self._size is None or (self._size <= self._limit and len(self.buffer) < self._size):
            return None
        size, self._size = self._size, None
        if size > self._limit:
            self._to_skip = size
            return _too_long(f"a message of {size} bytes", self._limit)
        return _cut(self.buffer, size) or FramingError("an empty message", fatal=False)


def _recognise(first_byte: int) -> Framing:
    if first_byte == 0:
        return Framing.LENGTH
    return Framing.HEADERS if first_byte in b"Cc" else Framing.NEWLINE


def _reader(framing: Framing, limit: int) -> _Lines | _Sized:
    match framing:
        case Framing.NEWLINE:
            return _Lines(limit)
        case Framing.LENGTH:
            return _Sized(_length_prefix, limit)
        case Framing.HEADERS:
            return _Sized(_content_length, limit)


def _length_prefix(buffer: bytearray) -> int | None:
    if len(buffer) < 4:
        return None
    size = int.from_bytes(_cut(buffer, 4), "big")
    if size >> 24:
        raise FramingError(
            f"a length prefix announces {size} bytes, so the stream is out of step: connect again and send the length"
            " as 4 bytes, big-endian, before each message",
            fatal=True,
        )
    return size


def _content_length(buffer: bytearray) -> int | None:
    end = buffer.find(b"\r\n\r\n")
    if (len(buffer) if end < 0 else end) > HEADER_LIMIT:
        raise FramingError(f"headers of more than {HEADER_LIMIT} bytes: end them with a blank line", fatal=True)
    if end < 0:
        return None
    block = _cut(buffer, end + 4)
    lengths = [value for name, value in _headers(block) if name == b"content-length"]
    if len(lengths) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 10:
        raise FramingError("headers without one valid Content-Length: send it before each message", fatal=True)
    return int(lengths[0])


def _headers(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in block.rstrip(b"\r\n").split(b"\r\n"):
        name, _, value = line.partition(b":")
        yield name.strip().lower(), value.strip()


def _cut(buffer: bytearray, size: int) -> bytes:
    """Take up to `size` bytes from the front."""
    piece = bytes(buffer[:size])
    del buffer[:size]
    return piece


def _too_long(what: str, limit: int) -> FramingError:
    return FramingError(f"{what} is longer than the limit of {limit} bytes: send less at once", fatal=False)
