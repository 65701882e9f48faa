"""Letters that can't be read here, because the keys are lost: whoever sent them is asked for them again."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import TypeAlias

from hullo.lines.direct.channel import ChannelError, ChannelRefused, Device
from hullo.lines.direct.private.control import MAX_UNREAD, encode_unread
from hullo.lines.direct.private.sessions import Refused
from hullo.rendezvous.wire import MAX_DEVICES

logger = logging.getLogger(__name__)

ASK_EVERY = 30.0
"""Seconds between two questions to one device; each costs it a prekey."""
MAX_WAITING = 200
"""Letters of one device that wait to be asked for."""
MAX_ASKING = 64
"""Devices that are being asked, `MAX_DEVICES` of one person; a rendezvous can make up any number."""
MAX_ASKED = 1024
"""Letters that are remembered, so that none is asked for twice while this process lives."""

Ask: TypeAlias = Callable[[Device, Callable[[], bytes]], Awaitable[None]]
"""Begins a session with a device, by a message that is made when there are keys for it.

Raises `ChannelError` or `OSError` when that can't be done now, `ChannelRefused` when it never can, and `Refused` when
the device shows a key that is not its person's.
"""


class Asking:
    """A letter stays at the rendezvous until it was asked for, and comes again when this process dies before."""

    def __init__(
        self,
        ask: Ask,
        took: Callable[[str], Awaitable[None]],
        asked: Callable[[Device, int], None],
    ) -> None:
        """`took` lets the rendezvous forget a letter; `asked` is told how many a device was asked for."""
        self._ask = ask
        self._took = took
        self._tell = asked
        self._tasks: asyncio.TaskGroup | None = None
        self._waiting: dict[Device, dict[bytes, str]] = {}
        self._asked: OrderedDict[bytes, None] = OrderedDict()

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.Event().wait()
        finally:
            self._tasks = None

    def want(self, sender: Device, digest: bytes, letter: str) -> bool:
        """Ask for a letter again; whether that was done before, and it need not be kept for it."""
        if digest in self._asked:
            return True
        waiting = self._waiting.get(sender)
        if waiting is None and self._tasks is not None and self._may_ask(sender):
            waiting = self._waiting[sender] = {}
            self._tasks.create_task(self._ask_for(sender, waiting), name="letters asked for again")
        if waiting is not None and len(waiting) < MAX_WAITING:
            waiting[digest] = letter
        return False

    def _may_ask(self, sender: Device) -> bool:
        of_person = sum(device.person == sender.person for device in self._waiting)
        return len(self._waiting) < MAX_ASKING and of_person < MAX_DEVICES

    async def _ask_for(self, sender: Device, waiting: dict[bytes, str]) -> None:
        try:
            while waiting:
                await self._ask_once(sender, waiting)
                await asyncio.sleep(ASK_EVERY)
        except Refused as refused:
            logger.info("letters could not be asked for again: %s", refused.kind)  # they wait for another key
        finally:
            del self._waiting[sender]

    async def _ask_once(self, sender: Device, waiting: dict[bytes, str]) -> None:
        asked: dict[bytes, str] = {}

        def message() -> bytes:
            asked.update(islice(waiting.items(), MAX_UNREAD))
            return encode_unread(asked)

        try:
            await self._ask(sender, message)
            self._tell(sender, len(asked))
        except ChannelRefused:
            asked.update(waiting)  # nobody is there any more who could send them again
        except (ChannelError, OSError) as error:
            logger.info("letters will be asked for again later: %s", type(error).__name__)
            return
        for digest, letter in asked.items():
            await self._done(digest, letter)
            waiting.pop(digest, None)

    async def _done(self, digest: bytes, letter: str) -> None:
        self._asked[digest] = None
        while len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)
        try:
            await self._took(letter)
        except ChannelError as error:
            logger.info("a letter will come again: %s", error)
