"""An incoming Telegram call that rings here."""

import asyncio
from collections.abc import Awaitable, Callable

from hullo.lines.line import CallFailed, Ending, EndReason
from hullo.lines.telegram.leg import TelegramLeg
from hullo.lines.telegram.phone_call import TelegramCall

Answer = Callable[[TelegramCall], Awaitable[TelegramLeg]]
Refuse = Callable[[TelegramCall, Ending], Awaitable[None]]


class TelegramOffer:
    """See `hullo.lines.line.Offer`; `answer` and `refuse` are what the line does when it is told to."""

    def __init__(self, call: TelegramCall, peer: str, answer: Answer, refuse: Refuse) -> None:
        self._call = call
        self._peer = peer
        self._answer = answer
        self._refuse = refuse
        self._accepted = False

    @property
    def peer(self) -> str:
        """The caller's @name, or user id."""
        return self._peer

    async def accept(self) -> TelegramLeg:
        """Answer. Raises `CallFailed` when the caller has gone, or another device was faster."""
        if self._accepted:
            raise CallFailed(Ending(EndReason.ERROR, "this call was answered already"))
        self._accepted = True
        return await self._answer(self._call)

    async def reject(self, ending: Ending) -> None:
        """Refuse; Telegram knows one refusal, which callers see as busy."""
        await self._refuse(self._call, ending)

    async def withdrawn(self) -> Ending:
        """Return when the caller gives up, or the call was taken elsewhere."""
        return await asyncio.shield(self._call.over)
