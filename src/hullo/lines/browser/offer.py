"""A call that is posted and rings: an HTTP request that waits for somebody to pick up."""

import asyncio
from collections.abc import Awaitable, Callable

from hullo.lines.browser.problem import Problem, refusal
from hullo.lines.leg import RtcLeg
from hullo.lines.line import CallFailed, Ending, EndReason
from hullo.rtc.sdp import Offer

Answer = Callable[[Offer, str], Awaitable[tuple[RtcLeg, str]]]
"""Makes the leg and the SDP answer for an offer and the id of its call."""


class BrowserOffer:
    """One posted offer; see `hullo.lines.line.Offer`."""

    def __init__(self, call_id: str, peer: str, offer: Offer, answer: Answer) -> None:
        self._call_id = call_id
        self._peer = peer
        self._offer = offer
        self._answer = answer
        self._accepting = False
        loop = asyncio.get_running_loop()
        self._response: asyncio.Future[str] = loop.create_future()
        self._gone: asyncio.Future[Ending] = loop.create_future()

    @property
    def peer(self) -> str:
        """What the caller calls itself."""
        return self._peer

    async def accept(self) -> RtcLeg:
        """Answer the request. Raises `CallFailed` when the caller has gone, or the call was answered already."""
        if self._accepting or self._response.done():
            raise CallFailed(self._what_happened())
        self._accepting = True
        try:
            leg, sdp = await self._answer(self._offer, self._call_id)
        except BaseException:
            self.refuse(refusal(Ending(EndReason.ERROR, "the called side could not answer")))
            raise
        if self._response.done():
            await leg.close(self._what_happened())
            raise CallFailed(self._what_happened())
        self._response.set_result(sdp)
        return leg

    async def reject(self, ending: Ending) -> None:
        """Refuse the request with the status that `ending` stands for."""
        self.refuse(refusal(ending))

    def refuse(self, problem: Problem) -> None:
        """Refuse the request; nothing if it was answered, refused or withdrawn before."""
        if not self._response.done():
            self._response.set_exception(problem)

    async def withdrawn(self) -> Ending:
        """Return when the caller stops waiting."""
        return await asyncio.shield(self._gone)

    async def response(self) -> str:
        """The SDP answer, once accepted. Raises `Problem` once rejected; cancelling it withdraws the offer."""
        try:
            return await self._response
        except asyncio.CancelledError:
            if not self._gone.done():
                self._gone.set_result(Ending(EndReason.NO_ANSWER, "the caller stopped waiting"))
            raise

    def _what_happened(self) -> Ending:
        if self._gone.done():
            return self._gone.result()
        return Ending(EndReason.ERROR, "this call was answered or refused already")
