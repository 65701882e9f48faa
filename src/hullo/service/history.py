"""The calls that ended: kept for the person who asks whom they talked to, and whom they missed."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Protocol

import msgspec

from hullo.call.event_stream import EventsMissed, EventStream
from hullo.call.events import Ended
from hullo.call.report import CallReport
from hullo.call.switchboard import Switchboard
from hullo.lines.direct import endings
from hullo.lines.direct.messages import HangupReason
from hullo.lines.line import EndReason

logger = logging.getLogger(__name__)

_FILE: Final = "history"

_TAKEN_ELSEWHERE: Final = {
    endings.ANSWERED_ELSEWHERE,
    endings.OTHER_DEVICE,
    endings.hung_up_ringing(HangupReason.BUSY),
    endings.hung_up_ringing(HangupReason.DECLINED),
}


class PastCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `at` is Unix time in seconds of its beginning, `duration` 0.0 when nobody talked.

    `missed` is whether it came in and rang in vain, here and on other devices.
    """

    call_id: str
    line: str
    peer: str
    direction: str
    at: float
    duration: float
    reason: str
    detail: str
    verified: bool | None
    missed: bool


class Store(Protocol):
    """Keeps a file, such as a `hullo.lines.direct.private.vault.Vault`."""

    def read(self, name: str) -> bytes | None:
        """A file's content; None if there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Replace a file. Raises `OSError`."""


class CallHistory:
    """The last `limit` calls, in `store` or, with None, until this process ends."""

    def __init__(self, limit: int, store: Store | None = None) -> None:
        self._store = store
        self._calls: deque[PastCall] = deque(_read(store), maxlen=limit)

    def calls(self) -> list[PastCall]:
        """All of them, the latest last."""
        return [*self._calls]

    def add(self, call: PastCall) -> None:
        """Keep a call; the oldest goes when there are too many."""
        self._calls.append(call)
        self._save()

    def clear(self) -> None:
        """Forget all of them."""
        self._calls.clear()
        self._save()

    @contextlib.asynccontextmanager
    async def keeping(self, board: Switchboard) -> AsyncIterator[None]:
        """Note the calls of a switchboard. Enter this before it and leave it after: so its last calls are noted."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(board, board.stream()), name="history")
            yield

    async def _follow(self, board: Switchboard, events: EventStream) -> None:
        while True:
            try:
                async for event in events:
                    if isinstance(event, Ended):
                        self.add(_past(event.report))
                return
            except EventsMissed:
                logger.warning("the history of calls has a gap: too many events came at once")
                events = board.stream()

    def _save(self) -> None:
        if self._store is None:
            return
        try:
            self._store.write(_FILE, msgspec.msgpack.encode(list(self._calls)))
        except OSError as error:
            logger.warning("the history of calls can't be written: %s", error.strerror or error)


def _read(store: Store | None) -> list[PastCall]:
    data = None if store is None else store.read(_FILE)
    try:
        return [] if data is None else msgspec.msgpack.decode(data, type=list[PastCall])
    except (msgspec.ValidationError, msgspec.DecodeError):
        logger.warning("the history of calls is of another version of this program; a new one begins")
        return []


def _past(report: CallReport) -> PastCall:
    unanswered = report.direction == "incoming" and not report.duration
    return PastCall(
        call_id=report.call_id,
        line=report.line,
        peer=report.peer,
        direction=report.direction,
        at=report.began / 1000,
        duration=report.duration,
        reason=report.ending.reason,
        detail=report.ending.detail,
        verified=report.leg.verified,
        missed=unanswered and report.ending.reason is EndReason.NO_ANSWER and report.ending not in _TAKEN_ELSEWHERE,
    )
