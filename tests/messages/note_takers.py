"""People with Telegram accounts who send each other voice notes, each with a folder of their own."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.link import Timing
from hullo.lines.telegram.account.opening import Library
from hullo.lines.telegram.account.safety import CallSafety, SafetyRules
from hullo.messages.events import MessageEvent, NotReceived, Received
from hullo.messages.making import message_of_sound
from hullo.messages.metadata import Delivery, Direction
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.store import MessageStore, StoredMessage
from hullo.messages.telegram_courier import TelegramCourier
from tests.lines.telegram.account.loopback import QUICK, Running, kept_running, logged_in, opened
from tests.messages import posting
from tests.messages.sounds import sweep

LONG = 60.0
"""Seconds of a note that goes in two parts."""


class Person:
    """An account with a courier and a folder."""

    def __init__(self, here: Running, folder: Path) -> None:
        self.store = MessageStore(folder)
        self.events: list[MessageEvent] = []
        self.here = here
        safety = CallSafety(SafetyRules())
        self.courier = TelegramCourier(
            here.account, lambda user: safety.refuse_incoming(user, 0.0), self.store, self.events.append, again=0.05
        )

    async def send(self, to: str, seconds: float = 2.0) -> StoredMessage:
        """Send a note."""
        message = message_of_sound(
            self.store,
            [sweep(seconds)],
            datetime.now(UTC),
            RecorderOptions(),
            "a sweep",
            direction=Direction.SENT,
            line="telegram",
            peer=to,
            delivery=Delivery.SENDING,
        )
        await self.courier.send(message)
        return message

    async def event(self, number: int = 1) -> MessageEvent:
        """The n-th thing that happened."""
        await self.here.until(lambda: len(self.events) >= number)
        return self.events[number - 1]

    async def received(self, number: int = 1) -> StoredMessage:
        """The n-th note that came."""
        await self.here.until(lambda: len(self._all(Received)) >= number)
        came = self._all(Received)[number - 1]
        assert isinstance(came, Received)
        return came.message

    async def lost(self) -> str:
        """Why the only note that could not be had could not."""
        await self.here.until(lambda: bool(self._all(NotReceived)))
        [lost] = self._all(NotReceived)
        assert isinstance(lost, NotReceived)
        return lost.detail

    def _all(self, kind: type[MessageEvent]) -> list[MessageEvent]:
        return [one for one in self.events if isinstance(one, kind)]


@contextlib.asynccontextmanager
async def away(
    server: LoopbackTelegram, library: Library, user: int, folder: Path, timing: Timing = QUICK
) -> AsyncIterator[Person]:
    """Somebody who is online, and whose courier does not run: what comes is only taken note of."""
    found = Person(opened(server, library, logged_in(server, user, folder), timing), folder / str(user))
    async with kept_running(found.here):
        yield found


@contextlib.asynccontextmanager
async def person(
    server: LoopbackTelegram, library: Library, user: int, folder: Path, timing: Timing = QUICK
) -> AsyncIterator[Person]:
    """Somebody who is online, until the end of the block; a second time as they were left."""
    async with away(server, library, user, folder, timing) as found, posting.running(found.courier.run()):
        yield found
