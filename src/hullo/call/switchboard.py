"""All calls of a process: places them, takes them, and keeps what is known of those that ended."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

from hullo.call.call import Call
from hullo.call.errors import CallRefused, UnknownCall
from hullo.call.event_stream import EventStream
from hullo.call.events import CallEvent, Event, LineNotice
from hullo.call.limits import Limits
from hullo.call.route import Dialed, Offered, refuse
from hullo.call.states import CallState
from hullo.call.status import CallStatus
from hullo.call.timeline import now_ms
from hullo.lines.line import Ending, EndReason, Line, LineStatus, Offer
from hullo.speech.service import SpeechService

logger = logging.getLogger(__name__)

_REMEMBERED = 100
_WAITING = 100
"""Incoming calls that wait for one who takes them; the oldest go first."""


class Switchboard:
    """Holds the calls of all lines; an asynchronous context manager.

    `answer` is `auto` to answer every incoming call at once, or `ask` to let it ring until `Call.accept`. Leaving
    the context hangs every call up, within the lines' own deadlines.
    """

    def __init__(
        self,
        lines: Sequence[Line] = (),
        *,
        speech: SpeechService | None = None,
        limits: Limits | None = None,
        answer: str = "ask",
    ) -> None:
        if answer not in ("auto", "ask"):
            raise ValueError(f'answer is "auto" or "ask", not {answer!r}')
        self._lines = {line.name: line for line in lines}
        self._speech = speech
        self._limits = limits or Limits()
        self._answer = answer
        self._calls: OrderedDict[str, Call] = OrderedDict()
        self._streams: list[EventStream] = []
        self._incoming: list[asyncio.Queue[Call | None]] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._line_tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._closed = False
        self._told = 0

    def add(self, line: Line) -> None:
        """One more line; before the context is entered."""
        if self._tasks is not None:
            raise RuntimeError("lines are added before the switchboard runs")
        self._lines[line.name] = line

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._line_tasks = [
            self._tasks.create_task(line.run(lambda offer, line=line: self._offered(line, offer)))  # type: ignore[misc]
            for line in self._lines.values()
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        self._closing = True
        for call in self.live():
            call.end(Ending(EndReason.HANGUP_BOT, "this process is stopping"))
        await asyncio.gather(*(call.wait_ended() for call in self.live()))
        for task in self._line_tasks:
            task.cancel()
        self._closed = True
        for stream in [*self._streams]:
            stream.close()
        self._hand_out(None)
        await self._tasks.__aexit__(None, None, None)
        self._tasks = None

    def dial(self, to: str, *, line: str | None = None) -> Call:
        """Begin a call to `to`, over the named line or the one that knows such addresses. Raises `CallRefused`."""
        chosen = self._line_for(to, line)
        self._check_room()
        call = self._new_call(chosen, to, "outgoing", Dialed(chosen, to, self._limits.ring))
        self._start(call)
        return call

    def call(self, call_id: str) -> Call:
        """The call of that id, live or lately ended. Raises `UnknownCall`."""
        try:
            return self._calls[call_id]
        except KeyError:
            raise UnknownCall(call_id) from None

    def live(self) -> list[Call]:
        """The calls that have not ended, oldest first."""
        return [call for call in self._calls.values() if call.state is not CallState.ENDED]

    def statuses(self) -> list[CallStatus]:
        """All calls that are live or ended lately, oldest first."""
        return [call.status() for call in self._calls.values()]

    def line_statuses(self) -> list[LineStatus]:
        """Every line and its health."""
        return [line.status() for line in self._lines.values()]

    def stream(self, limit: int = 1000) -> EventStream:
        """The events of all calls from now on, until the switchboard closes."""
        stream = EventStream(limit, on_close=self._streams.remove)
        self._streams.append(stream)
        if self._closed:
            stream.close()
        return stream

    async def incoming(self) -> AsyncIterator[Call]:
        """Incoming calls as they come, each ringing until it is accepted (or answered already with `auto`).

        They are those from the first step of the loop on, until the switchboard closes. Of more than 100 that wait
        the oldest are left out.
        """
        arrivals: asyncio.Queue[Call | None] = asyncio.Queue(_WAITING)
        self._incoming.append(arrivals)
        try:
            while (call := await arrivals.get()) is not None:
                yield call
        finally:
            self._incoming.remove(arrivals)

    def tell_all(self, component: str, error: str, *, retryable: bool) -> None:
        """Something that all calls share has failed, or is being mended: every live call tells its gateway."""
        for call in self.live():
            call.note_error(component, error, retryable)

    def notice(self, line: str, kind: str, person: str | None, detail: str) -> None:
        """A line tells something that belongs to no call: `line.notice`."""
        self.tell(LineNotice, line=line, kind=kind, person=person, detail=detail)

    def tell(self, event_type: type[Event], **fields: Any) -> None:
        """Make an event that belongs to no call and tell everybody: its `call_id` is empty."""
        self._told += 1
        event = event_type(call_id="", seq=self._told, timestamp=now_ms(), **fields)
        self._publish(event)  # type: ignore[arg-type]

    def _line_for(self, to: str, name: str | None) -> Line:
        if name is not None:
            if name in self._lines:
                return self._lines[name]
            raise CallRefused(f"there is no line {name!r}", f"lines: {', '.join(self._lines) or 'none'}")
        for line in self._lines.values():
            if line.claims(to):
                return line
        raise CallRefused(
            f"no line knows how to call {to!r}",
            f"lines: {', '.join(self._lines) or 'none'}; a browser line takes http://HOST:PORT/call",
        )

    def _check_room(self) -> None:
        if self._tasks is None or self._closing:
            raise CallRefused("the switchboard is not running", "start it first")
        if len(self.live()) >= self._limits.calls:
            raise CallRefused(
                f"{self._limits.calls} calls are live, the most allowed", "hang one up or raise [calls] max_calls"
            )

    def _offered(self, line: Line, offer: Offer) -> str | None:
        assert self._tasks is not None
        try:
            self._check_room()
        except CallRefused as refused:
            logger.warning("an incoming call on line %s was turned away: %s", line.name, refused)
            self._tasks.create_task(refuse(offer, Ending(EndReason.BUSY, str(refused))))
            return None
        call = self._new_call(line, offer.peer, "incoming", Offered(offer, self._limits.ring))
        if self._answer == "auto":
            call.accept()
        self._start(call)
        self._hand_out(call)
        return call.call_id

    def _hand_out(self, call: Call | None) -> None:
        """Give everybody who takes incoming calls the next one; None is the end of them."""
        for arrivals in self._incoming:
            if arrivals.full() and (oldest := arrivals.get_nowait()) is not None:
                logger.warning("call %s was not taken: %d came after it", oldest.call_id, _WAITING)
            arrivals.put_nowait(call)

    def _new_call(self, line: Line, peer: str, direction: str, route: Dialed | Offered) -> Call:
        return Call(
            call_id=secrets.token_hex(8),
            line=line.name,
            peer=peer,
            direction=direction,
            route=route,
            limits=self._limits,
            speech=self._speech,
            publish=self._publish,
        )

    def _start(self, call: Call) -> None:
        assert self._tasks is not None
        self._calls[call.call_id] = call
        self._forget_old()
        self._tasks.create_task(call.run(), name=f"call {call.call_id}")

    def _forget_old(self) -> None:
        ended = [call for call in self._calls.values() if call.state is CallState.ENDED]
        for call in ended[: max(0, len(ended) - _REMEMBERED)]:
            del self._calls[call.call_id]

    def _publish(self, event: CallEvent) -> None:
        for stream in [*self._streams]:
            stream.put(event)
