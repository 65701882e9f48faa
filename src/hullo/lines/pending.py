"""An incoming call that rings here and that nobody has answered yet."""

import asyncio
from collections.abc import Awaitable, Callable

from hullo.lines.line import CallFailed, Ending, EndReason, Leg


class PendingOffer:
    """See `hullo.lines.line.Offer`: `over` is done when the caller gives up or another device took the call.

    `answer` and `refuse` are what the line does when it is told to; `answer` raises `CallFailed` if it came too late.
    """

    def __init__(
        self,
        peer: str,
        over: asyncio.Future[Ending],
        answer: Callable[[], Awaitable[Leg]],
        refuse: Callable[[Ending], Awaitable[None]],
    ) -> None:
        self._peer = peer
        self._over = over
        self._answer = answer
        self._refuse = refuse
        self._accepted = False

    @property
    def peer(self) -> str:
        """The caller, as the line names people."""
        return self._peer

    async def accept(self) -> Leg:
        """Answer, once. Raises `CallFailed`."""
        if self._accepted:
            raise CallFailed(Ending(EndReason.ERROR, "this call was answered already"))
        self._accepted = True
        return await self._answer()

    async def reject(self, ending: Ending) -> None:
        """Refuse; how much the caller learns of the reason is the line's affair."""
        await self._refuse(ending)

    async def withdrawn(self) -> Ending:
        """Return when the caller gives up, or another device took the call."""
        return await asyncio.shield(self._over)
