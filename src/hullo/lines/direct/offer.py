"""An incoming direct call that rings here."""

import asyncio
from collections.abc import Awaitable, Callable

from hullo.lines.direct.leg import DirectLeg
from hullo.lines.line import CallFailed, Ending, EndReason


class DirectOffer:
    """See `hullo.lines.line.Offer`; `answer` and `refuse` are what the line does when it is told to."""

    def __init__(
        self,
        peer: str,
        over: asyncio.Future[Ending],
        answer: Callable[[], Awaitable[DirectLeg]],
        refuse: Callable[[Ending], Awaitable[None]],
    ) -> None:
        self._peer = peer
        self._over = over
        self._answer = answer
        self._refuse = refuse
        self._accepted = False

    @property
    def peer(self) -> str:
        """The caller, as the channel names people."""
        return self._peer

    async def accept(self) -> DirectLeg:
        """Answer. Raises `CallFailed` when the caller has gone, or another device was faster."""
        if self._accepted:
            raise CallFailed(Ending(EndReason.ERROR, "this call was answered already"))
        self._accepted = True
        return await self._answer()

    async def reject(self, ending: Ending) -> None:
        """Refuse; the caller learns of it only if the user declined, or is in another call."""
        await self._refuse(ending)

    async def withdrawn(self) -> Ending:
        """Return when the caller gives up, or another device took the call."""
        return await asyncio.shield(self._over)
