"""Envelopes for devices that are away: few, small, for a minute at most, and in memory only. Pure."""

from collections import deque

import msgspec

from hullo.rendezvous.fairness import gives_way
from hullo.rendezvous.wire import Envelope

MAX_WAITING = 32
"""Envelopes for one device; with more, whoever has sent most of them gives way, or the sender is told."""
MAX_BYTES = 64 * 1024 * 1024
"""For all devices together."""
LOOK_EVERY = 1.0
"""Seconds between two looks for what has waited too long."""


class _Waiting(msgspec.Struct):
    envelope: Envelope
    since: float
    until: float


class Mailboxes:
    """One mailbox for each device that is away and has something waiting. Times are monotonic seconds."""

    def __init__(self, *, max_waiting: int = MAX_WAITING, max_bytes: int = MAX_BYTES) -> None:
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._boxes: dict[tuple[str, str], deque[_Waiting]] = {}
        self._bytes = 0
        self._next_look = 0.0

    def put(self, person: str, device: str, envelope: Envelope, now: float, seconds: float) -> bool:
        """Keep an envelope for that long; False if there is no room."""
        self._throw_away(now)
        box = self._boxes.setdefault((person, device), deque())
        size = len(envelope.data)
        if self._bytes + size > self._max_bytes:
            return False
        if len(box) >= self._max_waiting:
            index = gives_way([waiting.envelope.person for waiting in box], envelope.person)
            if index is None:
                return False
            self._bytes -= len(box[index].envelope.data)
            del box[index]
        box.append(_Waiting(envelope, now, now + seconds))
        self._bytes += size
        return True

    def take(self, person: str, device: str, now: float) -> list[Envelope]:
        """Everything for a device that has come back, with how long it waited."""
        self._throw_away(now)
        box = self._boxes.pop((person, device), ())
        self._bytes -= sum(len(waiting.envelope.data) for waiting in box)
        fresh = [waiting for waiting in box if waiting.until > now]
        return [msgspec.structs.replace(waiting.envelope, waited=now - waiting.since) for waiting in fresh]

    def __len__(self) -> int:
        return sum(map(len, self._boxes.values()))

    def _throw_away(self, now: float) -> None:
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        for key, box in [*self._boxes.items()]:
            for waiting in [waiting for waiting in box if waiting.until <= now]:
                box.remove(waiting)
                self._bytes -= len(waiting.envelope.data)
            if not box:
                del self._boxes[key]
