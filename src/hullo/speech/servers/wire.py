"""One Wyoming connection seen from the client: bounded, with deadlines, and every fault a `SpeechError`.

The format of an event is a line of JSON, then `data_length` bytes of JSON, then `payload_length` bytes
(the Wyoming protocol, https://github.com/OHF-Voice/wyoming).
"""

import asyncio
import json
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from wyoming.event import Event, async_write_event

from hullo.speech.errors import SpeechError

_MAX_LINE = 1 << 16
_MAX_BLOCK = 1 << 24
_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 1.0


def check_uri(uri: str) -> None:
    """Raise `SpeechError` unless `uri` is `unix:///path` or `tcp://host:port`."""
    try:
        parts = urlsplit(uri)
        good = (parts.scheme == "unix" and bool(parts.path)) or (
            parts.scheme == "tcp" and bool(parts.hostname) and bool(parts.port)
        )
    except ValueError:
        good = False
    if not good:
        raise SpeechError(f"'{uri}' is not the address of a Wyoming server: use tcp://host:port or unix:///path")


class Message(Protocol):
    """What can be sent; all of Wyoming's messages are."""

    def event(self) -> Event:
        """As an event."""


class Connection:
    """One connection to the Wyoming server at `uri`, used as `async with`.

    `read` and `write` raise a transient `SpeechError` when the server is gone or too slow, and a lasting one when
    it says something that is not Wyoming or an `error` event.
    """

    def __init__(self, uri: str) -> None:
        check_uri(uri)
        self._uri = uri
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        parts = urlsplit(self._uri)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                if parts.scheme == "unix":
                    streams = await asyncio.open_unix_connection(parts.path, limit=_MAX_LINE)
                else:
                    streams = await asyncio.open_connection(parts.hostname, parts.port, limit=_MAX_LINE)
        except (OSError, TimeoutError) as error:
            raise SpeechError(
                f"No Wyoming server answers at {self._uri} ({_reason(error)}): check that it runs", transient=True
            ) from error
        self._reader, self._writer = streams
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()

    async def write(self, *messages: Message, within: float) -> None:
        """Send `messages`; all must be taken `within` seconds."""
        try:
            async with asyncio.timeout(within):
                for message in messages:
                    await async_write_event(message.event(), self._writer)
        except TimeoutError:
            raise self.slow(within) from None
        except OSError as error:
            raise self._gone() from error

    async def read(self, within: float | None) -> Event:
        """The next event, at most `within` seconds from now (None: whenever). An `error` event is raised."""
        try:
            async with asyncio.timeout(within):
                event = await self._read_event()
        except TimeoutError:
            raise self.slow(within or 0.0) from None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise self._gone() from error
        except ValueError as error:
            raise self.garbled(str(error)) from error
        if event.type == "error":
            raise SpeechError(f"The server at {self._uri} refused: {event.data.get('text', 'no reason given')}")
        return event

    def garbled(self, what: str) -> SpeechError:
        """The error for an answer that is not what the protocol says."""
        return SpeechError(f"The server at {self._uri} does not speak Wyoming as it should: {what}")

    async def _read_event(self) -> Event:
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise asyncio.IncompleteReadError(line, None)
        header = _json_object(line)
        kind, data = header.get("type"), header.get("data") or {}
        if not isinstance(kind, str) or not isinstance(data, dict):
            raise ValueError("an event without a type")
        if length := _length(header, "data_length"):
            data = data | _json_object(await self._reader.readexactly(length))
        length = _length(header, "payload_length")
        return Event(kind, data, await self._reader.readexactly(length) if length else None)

    def slow(self, seconds: float) -> SpeechError:
        """The error for an answer that did not come within `seconds`."""
        return SpeechError(f"The server at {self._uri} was silent for {seconds:g} s", transient=True)

    def _gone(self) -> SpeechError:
        return SpeechError(f"The server at {self._uri} closed the connection", transient=True)


def _reason(error: Exception) -> str:
    return str(error) or f"nothing in {_CONNECT_SECONDS:g} s"


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("a line that is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("an event that is not a JSON object")
    return value


def _length(header: dict[str, Any], name: str) -> int:
    length = header.get(name) or 0
    if not isinstance(length, int) or not 0 <= length <= _MAX_BLOCK:
        raise ValueError(f"a {name} of {str(length)[:20]}")
    return length
