"""A messenger in memory: secret and authentic by nature, and late, forgetful or meddling where a test wants it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hullo.lines.direct.channel import ChannelError, Device, OnMessage, OnNotice
from hullo.lines.direct.leg import DirectLeg
from hullo.lines.direct.line import DirectLine
from hullo.lines.direct.messages import AnyMessage, encode_message, parse_message
from hullo.lines.direct.people import Contacts
from hullo.lines.line import Ending, EndReason, Offer
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import Consent, IceOptions

DEADLINE = 30.0
BYE = Ending(EndReason.COMPLETED, "the test is over")

Meddle = Callable[[Device, Device, AnyMessage], list[AnyMessage]]


class MemoryMessenger:
    """Delivers to all who are there, `delay` seconds later. `meddle` may change, drop or repeat each message."""

    def __init__(self, delay: float = 0.0, meddle: Meddle = lambda sender, receiver, message: [message]) -> None:
        self.online: dict[Device, OnMessage] = {}
        self._delay = delay
        self._meddle = meddle

    def deliver(self, sender: Device, receiver: Device, data: bytes) -> None:
        for message in self._meddle(sender, receiver, parse_message(data)):
            asyncio.get_running_loop().call_later(self._delay, self._hand_over, sender, receiver, message)

    def _hand_over(self, sender: Device, receiver: Device, message: AnyMessage) -> None:
        if receiver in self.online:
            self.online[receiver](sender, encode_message(message))


class MemoryChannel:
    """One device's end."""

    def __init__(self, messenger: MemoryMessenger, own: Device) -> None:
        self.own = own
        self._messenger = messenger

    async def send(self, person: str, data: bytes, *, device: str | None = None) -> None:
        receivers = [each for each in self._messenger.online if each.person == person and device in (None, each.device)]
        if not receivers:
            raise ChannelError(f"{person} is not in this messenger")
        for receiver in receivers:
            self._messenger.deliver(self.own, receiver, data)

    async def run(self, on_message: OnMessage, on_notice: OnNotice) -> None:
        self._messenger.online[self.own] = on_message
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            del self._messenger.online[self.own]

    def problem(self) -> str | None:
        return None


class Side:
    """A device's running line and the offers that came."""

    def __init__(self, line: DirectLine, contacts: Contacts) -> None:
        self.line = line
        self.contacts = contacts
        self.offers: asyncio.Queue[Offer] = asyncio.Queue()
        self.rings = 0

    def rang(self) -> None:
        self.rings += 1

    async def offer(self) -> Offer:
        async with asyncio.timeout(DEADLINE):
            return await self.offers.get()

    async def dial(self, to: str) -> DirectLeg:
        async with asyncio.timeout(DEADLINE):
            return await self.line.dial(to, self.rang)


@asynccontextmanager
async def sides(
    messenger: MemoryMessenger,
    *devices: Device,
    ice: IceOptions = IceOptions(consent=Consent(expiry=5.0)),  # noqa: B008  # frozen
) -> AsyncIterator[list[Side]]:
    """Run a line for each device until the end of the block; all people know each other."""
    async with MediaClock(freeze_gc=False) as clock:
        found = []
        for own in devices:
            contacts = Contacts(*{each.person for each in devices} - {own.person})
            found.append(Side(DirectLine(MemoryChannel(messenger, own), contacts, clock=clock, ice=ice), contacts))
        running = [asyncio.create_task(side.line.run(side.offers.put_nowait)) for side in found]
        try:
            async with asyncio.timeout(DEADLINE):
                while not all(side.line.status().ready for side in found):
                    await asyncio.sleep(0.002)
            yield found
        finally:
            for task in running:
                task.cancel()
            results = await asyncio.gather(*running, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results), results


async def answered(caller: Side, callee: Side, to: str = "bob") -> tuple[DirectLeg, DirectLeg]:
    """Call and accept: the caller's leg and the callee's."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        dialing = tasks.create_task(caller.dial(to))
        leg = await (await callee.offer()).accept()
        assert isinstance(leg, DirectLeg)
    return dialing.result(), leg


async def connect(*legs: DirectLeg) -> None:
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(leg.connected() for leg in legs))
