"""A bounded reader of call events that is told when it missed something."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from hullo.call.events import DROPPABLE, CallEvent


class EventsMissed(Exception):
    """The reader was too slow: `limit` events that matter were waiting and one more came. The stream is closed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the reader fell {limit} events behind and missed some: read faster, or ask for the status")


class EventStream:
    """Events for one reader, in order, `limit` at most.

    When it is full, events that only show levels go first; if an event that matters would be lost, the stream
    ends with `EventsMissed` rather than pretend. Putting never blocks.
    """

    def __init__(self, limit: int = 1000, on_close: Callable[["EventStream"], None] | None = None) -> None:
        self._limit = limit
        self._events: deque[CallEvent] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._missed = False
        self._on_close = on_close
        self.dropped = 0

    def put(self, event: CallEvent) -> None:
        """Add an event for the reader."""
        if self._closed or self._missed:
            return
        if len(self._events) >= self._limit and not self._make_room():
            if isinstance(event, DROPPABLE):
                self.dropped += 1
                return
            self._missed = True
        else:
            self._events.append(event)
        self._wake.set()

    def _make_room(self) -> bool:
        for index, event in enumerate(self._events):
            if isinstance(event, DROPPABLE):
                del self._events[index]
                self.dropped += 1
                return True
        return False

    def close(self) -> None:
        """No more events; the reader gets those that wait and then the end."""
        if not self._closed:
            self._closed = True
            self._wake.set()
            if self._on_close is not None:
                self._on_close(self)

    def __aiter__(self) -> AsyncIterator[CallEvent]:
        return self

    async def __anext__(self) -> CallEvent:
        """The next event. Raises `EventsMissed` once the events before the gap are read."""
        while not self._events:
            if self._missed:
                self.close()
                raise EventsMissed(self._limit)
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()
