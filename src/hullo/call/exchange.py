"""What all calls of a process share: the media clock, hearing and speech, and the switchboard."""

import asyncio
import logging
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from hullo.call.limits import Limits
from hullo.call.switchboard import Switchboard
from hullo.lines.direct.channel import Notice
from hullo.lines.line import LineStatus
from hullo.rtc.clock import MediaClock
from hullo.speech.events import HostDown, HostEvent, HostUp
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.01


class Exchange:
    """Makes the shared parts, so that lines can be built on them, and runs them; an asynchronous context manager.

    Lines are added to `switchboard` before that is entered, in a context of its own within this one: what must learn
    how the last calls ended goes between the two. `speech` is None for calls that neither recognise nor say anything.
    Entering raises `SpeechError` when speech can't start.
    """

    def __init__(self, speech: SpeechSettings | None, *, limits: Limits | None = None, answer: str = "ask") -> None:
        self.clock = MediaClock()
        self.speech = None if speech is None else SpeechService(speech, self._host_changed)
        self.switchboard = Switchboard(speech=self.speech, limits=limits, answer=answer)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if self.speech is not None:
                await stack.enter_async_context(self.speech)
            await stack.enter_async_context(self.clock)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def lines_ready(self, seconds: float) -> list[LineStatus]:
        """Give the lines `seconds` to come up, so that whoever can reach us can also call; those that did not."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while waiting := [status for status in self.switchboard.line_statuses() if not status.ready]:
            if loop.time() > deadline:
                break
            await asyncio.sleep(_POLL_SECONDS)
        return waiting

    def direct_notice(self, notice: Notice) -> None:
        """The direct line tells something that belongs to no call."""
        self.switchboard.notice("direct", notice.kind, notice.person, notice.detail)

    def _host_changed(self, event: HostEvent) -> None:
        match event:
            case HostDown(role=role, detail=detail):
                self.switchboard.tell_all(role, f"{detail}; next try in {event.retry_in_ms:.0f} ms", retryable=True)
            case HostUp(role=role, restarts=restarts) if restarts:
                logger.warning("%s is up again", role)
                self.switchboard.tell_all(role, "running again", retryable=True)
            case _:
                pass
