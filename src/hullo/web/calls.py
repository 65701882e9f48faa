"""The calls of a page: the offers it posts, and what they are joined to."""

import asyncio
import secrets
from collections.abc import Callable

from aiohttp import web

from hullo.call.call import Call
from hullo.call.errors import CallError
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.lines.browser.problem import Problem
from hullo.lines.browser.server import created, read_offer
from hullo.lines.line import Ending, EndReason
from hullo.web.extension import GRACE, Extension

CALL_ID_HEADER = "Hullo-Call-Id"
LEGS = "/legs"
"""Where the legs of pages are, by names that nobody can guess."""
PEER = "page"
"""What a page that calls the agent is called."""

RING_SECONDS = 150.0
"""Longer than a call may ring: that has its own, shorter limit."""

_REFUSED = Ending(EndReason.ERROR, "the call could not be begun")


class PageCalls:
    """Answers the offers of pages. Extensions run in `tasks` until their call ends.

    * `POST /calls`: calls the agent; the browser is an ordinary peer of the browser line, and it rings there.
    * `POST /calls?to=ADDRESS[&line=NAME]`: calls somebody else, with the page as the person's microphone and speaker.
    * `POST /calls/ID`: takes a call that is there, to answer it, to take it over from an agent, or to come back to it.

    All take and give SDP as WHIP does (RFC 9725), and name the call in a header, and the page's leg in the location.
    """

    def __init__(self, board: Switchboard, line: BrowserLine, tasks: asyncio.TaskGroup) -> None:
        self._board = board
        self._line = line
        self._tasks = tasks

    async def begin(self, request: web.Request) -> web.Response:
        """`POST /calls`. Raises `Problem`; an agent's call is withdrawn when the request is cancelled."""
        offer = await read_offer(request)
        to = request.query.get("to", "").strip()
        if to:
            return await self._join(request, lambda: self._board.dial(to, line=request.query.get("line")))
        name = secrets.token_urlsafe(16)
        try:
            async with asyncio.timeout(RING_SECONDS):
                call_id, answer = await self._line.ring(name, offer, PEER)
        except TimeoutError:
            raise Problem(504, "no-answer", "nobody answered", "call again later") from None
        return self._created(answer, name, call_id or "")

    async def take(self, request: web.Request) -> web.Response:
        """`POST /calls/ID`. Raises `Problem`."""
        return await self._join(request, lambda: self._board.call(request.match_info["call_id"]))

    async def _join(self, request: web.Request, find: Callable[[], Call]) -> web.Response:
        """Answer the offer, and then find the call: it is joined before it can do anything."""
        name = secrets.token_urlsafe(16)
        leg, answer = await self._line.answer(await read_offer(request), name)
        try:
            call = find()
            extension = Extension(call, leg, GRACE)
        except CallError as error:
            await leg.close(_REFUSED)
            raise Problem(409, "refused", str(error), error.hint) from None
        self._tasks.create_task(extension.run(), name=f"page of call {call.call_id}")
        return self._created(answer, name, call.call_id)

    def _created(self, answer: str, name: str, call_id: str) -> web.Response:
        return created(answer, f"{LEGS}/{name}", self._line.leg(name), {CALL_ID_HEADER: call_id})
