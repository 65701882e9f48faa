"""A page's microphone and speaker as the other end of a call, like an extension of a switchboard."""

import asyncio

from hullo.call.call import Call
from hullo.call.patch import Passage, Patch
from hullo.lines.line import Ending, EndReason, Leg

GRACE = 15.0
"""Seconds that a call waits for a page that was lost: it may be loaded again, or its network come back."""

_RELEASED = Ending(EndReason.COMPLETED, "the page does not hold the call any more")
_GONE = Ending(EndReason.HANGUP_BOT, "the page that held the call was gone for too long")


class Extension:
    """Joins a call to a leg that leads to a page. The call is the person's from the moment this is made.

    Raises `WrongState` if the call has ended; the leg stays the caller's then, and is ours otherwise.
    """

    def __init__(self, call: Call, leg: Leg, grace: float) -> None:
        self._call = call
        self._leg = leg
        self._grace = grace
        self._released = asyncio.Event()
        self._to_page, self._from_page = Passage(), Passage()
        call.connect(
            Patch(
                to="page", ear=self._to_page.ear, mouth=self._from_page.mouth, released=lambda _: self._released.set()
            )
        )

    async def run(self) -> None:
        """Carry sound until the call ends or is joined to something else; then the leg is closed.

        If the leg is lost, the call waits `grace` for another extension and is hung up then.
        """
        try:
            self._leg.open(self._from_page.ear, self._to_page.mouth)
            await self._until_lost()
            async with asyncio.timeout(self._grace):
                await self._released.wait()
        except TimeoutError:
            self._call.end(_GONE)
        finally:
            await self._leg.close(_RELEASED)

    async def _until_lost(self) -> None:
        """Return when the leg is lost, or the call has let go of it."""
        waits = [asyncio.ensure_future(self._leg.ended()), asyncio.ensure_future(self._released.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
