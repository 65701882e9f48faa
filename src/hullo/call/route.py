"""How a call comes by its leg: dialed by us, or offered to us and accepted."""

import asyncio
import logging
from typing import Protocol

from hullo.call.errors import WrongState
from hullo.lines.line import CallFailed, Ending, EndReason, Leg, Line, Offer, OnRinging

logger = logging.getLogger(__name__)

REFUSE_SECONDS = 5.0
"""A line that could not tell its peer so long is not waited for: the peer finds out by itself."""


class Route(Protocol):
    """Leads to the leg of one call."""

    async def leg(self, on_ringing: OnRinging) -> Leg:
        """Return the leg once somebody answered. Raises `CallFailed`; cancelling withdraws or refuses the call."""

    def accept(self) -> None:
        """Answer the call. Raises `WrongState` if it is not ours to answer."""

    async def refuse(self, ending: Ending) -> None:
        """Tell the peer that there will be no call, where the line has a way to say so. Bounded, raises nothing."""


class Dialed:
    """We call `to` over `line` and wait for the answer."""

    direction = "outgoing"

    def __init__(self, line: Line, to: str, ring_seconds: float) -> None:
        self._line = line
        self._to = to
        self._ring_seconds = ring_seconds

    async def leg(self, on_ringing: OnRinging) -> Leg:
        """See `Route.leg`."""
        try:
            async with asyncio.timeout(self._ring_seconds):
                return await self._line.dial(self._to, on_ringing)
        except TimeoutError:
            detail = f"nobody answered within {self._ring_seconds:g} s"
            raise CallFailed(Ending(EndReason.NO_ANSWER, detail)) from None

    def accept(self) -> None:
        """See `Route.accept`."""
        raise WrongState("this call was placed by us, so the far end answers it", "wait for call.connected")

    async def refuse(self, ending: Ending) -> None:
        """Nothing to do: a dialing that is cancelled withdraws itself."""


class Offered:
    """Somebody calls us, and waits until we accept."""

    direction = "incoming"

    def __init__(self, offer: Offer, ring_seconds: float) -> None:
        self._offer = offer
        self._ring_seconds = ring_seconds
        self._accepted = asyncio.Event()

    async def leg(self, on_ringing: OnRinging) -> Leg:
        """See `Route.leg`."""
        withdrawn = asyncio.ensure_future(self._offer.withdrawn())
        accepted = asyncio.ensure_future(self._accepted.wait())
        try:
            await asyncio.wait((withdrawn, accepted), timeout=self._ring_seconds, return_when=asyncio.FIRST_COMPLETED)
            if withdrawn.done():
                raise CallFailed(withdrawn.result())
            if not accepted.done():
                raise CallFailed(Ending(EndReason.NO_ANSWER, f"not answered within {self._ring_seconds:g} s"))
        finally:
            withdrawn.cancel()
            accepted.cancel()
            await asyncio.gather(withdrawn, accepted, return_exceptions=True)
        return await self._offer.accept()

    def accept(self) -> None:
        """See `Route.accept`."""
        self._accepted.set()

    async def refuse(self, ending: Ending) -> None:
        """See `Route.refuse`."""
        await refuse(self._offer, ending)


async def refuse(offer: Offer, ending: Ending) -> None:
    """Reject an offer, within `REFUSE_SECONDS`; raises nothing."""
    try:
        async with asyncio.timeout(REFUSE_SECONDS):
            await offer.reject(ending)
    except TimeoutError:
        logger.warning("a caller could not be told that there is no call: %s", ending.reason)
