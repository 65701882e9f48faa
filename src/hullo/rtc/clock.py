"""The heartbeat of all calls of a process: every member is ticked once in 20 ms, on a schedule that does not drift."""

import asyncio
import gc
import logging
import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import msgspec

from hullo.media.pcm import FRAME_SECONDS

logger = logging.getLogger(__name__)

SLOTS = 5
"""Members are spread over this many slots of 4 ms, so that forty calls do not all want to encode at once; each slot is
a wake-up of the process, after which its caches are cold."""

MAX_CATCH_UP = 2
"""Missed ticks that are made up for at once. After a longer stall they are dropped, and the member is told how many:
three packets in a row are jitter, twenty are a burst that would only fill the peer's buffer."""


class Member(Protocol):
    """What a clock ticks."""

    def tick(self, now: float, missed: int) -> None:
        """20 ms have passed; `missed` ticks before this one were dropped. Returns at once."""


class ClockStats(msgspec.Struct, frozen=True, kw_only=True):
    """How punctual the ticks were since the clock began; `dropped` ones never were."""

    members: int = 0
    ticks: int = 0
    late_5_ms: int = 0
    late_20_ms: int = 0
    dropped: int = 0
    max_late_ms: float = 0.0


class Registration:
    """A member's place in the clock; `cancel` gives it up."""

    def __init__(self, member: Member, on_error: Callable[[Exception], None]) -> None:
        self.active = True
        self._member = member
        self._on_error = on_error
        self._missed = 0

    def cancel(self) -> None:
        """No more ticks; idempotent, and allowed inside a tick."""
        self.active = False

    def tick(self, now: float) -> None:
        """Tick the member. A member that raises is ticked no more, and its owner is told."""
        missed, self._missed = self._missed, 0
        try:
            self._member.tick(now, missed)
        except Exception as error:  # the wall between calls: the mistake of one must not silence the others
            self.cancel()
            self._on_error(error)

    def drop(self, ticks: int) -> None:
        """Remember ticks that were dropped, for the next one to tell."""
        self._missed += ticks


class _Punctuality:
    """Counts ticks by how late they were."""

    def __init__(self) -> None:
        self.ticks = self.late_5 = self.late_20 = self.dropped = 0
        self.max_late = 0.0

    def count(self, late: float, ticks: int) -> None:
        self.ticks += ticks
        if late > 0.005:
            self.late_5 += ticks
        if late > 0.020:
            self.late_20 += ticks
        self.max_late = max(self.max_late, late)


class _Slot:
    """One of the phases of the 20 ms: a timer of its own that runs while there are members."""

    def __init__(self, punctuality: _Punctuality) -> None:
        self.members: list[Registration] = []
        self._punctuality = punctuality
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, phase: float) -> None:
        """Tick next at the first time after now that is `phase` plus a multiple of 20 ms."""
        if self._timer is None:
            periods = math.floor((time.monotonic() - phase) / FRAME_SECONDS) + 1
            self._schedule(phase + periods * FRAME_SECONDS)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, due: float) -> None:
        self._due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.members = members = [member for member in self.members if member.active]
        if not members:
            return
        now = time.monotonic()
        late = max(now - self._due, 0.0)
        missed = int(late / FRAME_SECONDS)
        self._schedule(self._due + (1 + missed) * FRAME_SECONDS)
        if missed > MAX_CATCH_UP:
            self._punctuality.dropped += (missed - MAX_CATCH_UP) * len(members)
            for member in members:
                member.drop(missed - MAX_CATCH_UP)
        ticks = 1 + min(missed, MAX_CATCH_UP)
        self._punctuality.count(late, ticks * len(members))
        for member in members:
            for _ in range(ticks):
                if member.active:
                    member.tick(now)


class MediaClock:
    """Ticks its members while the `async with` lasts. One for a process is right: it is what spreads them.

    While it runs, everything that existed before is out of sight of the garbage collector (`gc.freeze`): a full
    collection takes 17 ms with forty calls, most of it spent on modules that never die.
    """

    def __init__(self, *, freeze_gc: bool = True) -> None:
        self._punctuality = _Punctuality()
        self._slots = [_Slot(self._punctuality) for _ in range(SLOTS)]
        self._freeze_gc = freeze_gc
        self._epoch: float | None = None

    async def __aenter__(self) -> Self:
        """Start. Members may have been registered before."""
        self._epoch = time.monotonic()
        if self._freeze_gc:
            gc.freeze()
        for slot in self._slots:
            if slot.members:
                self._start(slot)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop; members that are still registered are ticked no more."""
        self._epoch = None
        for slot in self._slots:
            slot.stop()
        if self._freeze_gc:
            gc.unfreeze()

    def register(self, member: Member, on_error: Callable[[Exception], None]) -> Registration:
        """Tick `member` from now on. If a tick raises, that member is out and `on_error` is told; the others go on."""
        slot = min(self._slots, key=_active)
        registration = Registration(member, on_error)
        slot.members.append(registration)
        self._start(slot)
        return registration

    def stats(self) -> ClockStats:
        """The figures so far."""
        figures = self._punctuality
        return ClockStats(
            members=sum(map(_active, self._slots)),
            ticks=figures.ticks,
            late_5_ms=figures.late_5,
            late_20_ms=figures.late_20,
            dropped=figures.dropped,
            max_late_ms=figures.max_late * 1000,
        )

    def _start(self, slot: _Slot) -> None:
        if self._epoch is not None:
            slot.start(self._epoch + self._slots.index(slot) * (FRAME_SECONDS / SLOTS))


def _active(slot: _Slot) -> int:
    return sum(member.active for member in slot.members)
