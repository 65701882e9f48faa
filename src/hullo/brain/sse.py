"""Server-sent events (WHATWG HTML, 9.2.6) as far as chat endpoints use them: the data of each event. Pure."""

import re

_LINE_END = re.compile(rb"\r\n|\n|\r(?!$)")
_MOST_BYTES = 1_048_576


class EventStreamParser:
    """Bytes in, the data of whole events out."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, received: bytes) -> list[str]:
        """The data of the events that this completes. Raises `ValueError` for an event of more than 1 MiB."""
        *lines, self._rest = _LINE_END.split(self._rest + received)
        found = []
        for line in lines:
            if line:
                self._take(line.decode("utf-8", "replace"))
            elif self._data:
                found.append("\n".join(self._data))
                self._data = []
        if len(self._rest) + sum(map(len, self._data)) > _MOST_BYTES:
            raise ValueError("an event of more than 1 MiB")
        return found

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
