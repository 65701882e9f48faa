"""The courier of the direct line."""

import asyncio

from hullo.lines.direct.channel import Device, PostalChannel
from hullo.lines.direct.letters import Letter, Receipt, VoiceMessage, VoiceMessageInCall
from hullo.lines.direct.line import PREFIX
from hullo.messages.courier import MakeCourier, TellEvent
from hullo.messages.direct.fetching import Fetching
from hullo.messages.direct.in_call import CallPaths
from hullo.messages.direct.letter_line import Letters
from hullo.messages.direct.moving import Patience
from hullo.messages.direct.pace import PaceLimits
from hullo.messages.direct.posted import VOICE_MESSAGE, PostedLetter, PostedLetters
from hullo.messages.direct.receipts import Receipts
from hullo.messages.direct.sending import Sending
from hullo.messages.metadata import Delivery
from hullo.messages.store import MessageStore, StoredMessage


class DirectCourier:
    """See `hullo.messages.courier.Courier`. Peers are the people that the channel names.

    `delivered` and `heard` turn on the receipts that the peer gets; `limits` is how fast messages go beside a call.
    """

    def __init__(
        self,
        line: Letters,
        channel: PostalChannel,
        store: MessageStore,
        tell: TellEvent,
        *,
        delivered: bool = True,
        heard: bool = True,
        patience: Patience = Patience(),  # noqa: B008  # frozen
        limits: PaceLimits = PaceLimits(),  # noqa: B008  # frozen
    ) -> None:
        self.line = line.name
        self._direct = line
        self._channel = channel
        self._posted = PostedLetters(channel, store, patience, self._unreadable)
        self._receipts = Receipts(self._posted, store, patience, delivered=delivered, heard=heard)
        calls = CallPaths(line, channel, limits)
        self._sending = Sending(channel, self._posted, calls, store, tell, patience)
        self._fetching = Fetching(line.name, channel, calls, store, self._receipts, tell, patience)

    def claims(self, to: str) -> bool:
        """See `Courier.claims`."""
        return self._direct.claims(to)

    def address(self, to: str) -> str:
        """See `Courier.address`."""
        return to.removeprefix(PREFIX)

    async def run(self) -> None:
        """See `Courier.run`. The line must be running, too, or be started soon."""
        self._direct.on_letter = self._arrived
        self._channel.on_unread = self._posted.unread
        self._channel.keeps_letters = True
        self._fetching.forget_left()
        try:
            async with asyncio.TaskGroup() as tasks:
                for jobs in (self._receipts.jobs, self._sending.jobs, self._fetching.jobs, self._posted.jobs):
                    tasks.create_task(jobs.run())
                tasks.create_task(self._posted.run())
                tasks.create_task(self._sending.take_up(self.line))
        finally:
            self._channel.keeps_letters = False
            self._direct.on_letter = None

    async def send(self, message: StoredMessage) -> None:
        """See `Courier.send`."""
        await self._sending.begin(message)

    def heard(self, message: StoredMessage) -> None:
        """See `Courier.heard`."""
        known = message.metadata
        if known is not None and known.peer is not None and known.peer_message_id is not None:
            self._receipts.owe(known.peer, known.peer_message_id, "heard")

    def _arrived(self, sender: Device, letter: Letter) -> None:
        match letter:
            case VoiceMessage() | VoiceMessageInCall():
                self._fetching.begin(sender, letter)
            case Receipt():
                delivery = Delivery.HEARD if letter.kind == "heard" else Delivery.DELIVERED
                self._sending.receipt(letter.message_id, sender.person, delivery)
                self._posted.came(sender, letter.message_id)

    def _unreadable(self, posted: PostedLetter, why: str) -> None:
        if posted.kind == VOICE_MESSAGE:
            self._sending.came(posted.message_id, posted.person, Delivery.FAILED, why)


def direct_courier(line: Letters, channel: PostalChannel, *, delivered: bool = True, heard: bool = True) -> MakeCourier:
    """Makes a `DirectCourier` for a messenger."""
    return lambda store, tell: DirectCourier(line, channel, store, tell, delivered=delivered, heard=heard)
