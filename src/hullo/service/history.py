"""The calls that ended: kept for the person who asks whom they talked to, and whom they missed."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from hullo.call.event_stream import EventsMissed, EventStream
from hullo.call.events import Ended
from hullo.call.report import CallReport
from hullo.call.switchboard import Switchboard
from hullo.lines.direct import endings
from hullo.lines.direct.messages import HangupReason
from hullo.lines.direct.stored_list import Store, StoredList
from hullo.lines.line import EndReason

logger = logging.getLogger(__name__)

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


class CallHistory(StoredList[PastCall]):
    """The last `limit` calls, in `store` or, with None, until this process ends. The latest comes last."""

    def __init__(self, limit: int, store: Store | None = None) -> None:
        super().__init__(store, "history", PastCall, limit, "the calls that were")

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
                        self.append(_past(event.report))
                return
            except EventsMissed:
                logger.warning("the history of calls has a gap: too many events came at once")
                events = board.stream()


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
