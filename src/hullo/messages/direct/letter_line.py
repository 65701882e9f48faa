"""The direct line of a program that only sends and receives voice messages: no call rings at it."""

import logging
from typing import Protocol

from hullo.lines.direct.channel import Device, Notice, OnNotice, PostalChannel
from hullo.lines.direct.letters import is_letter, parse_letter
from hullo.lines.direct.line import PREFIX, OnLetter
from hullo.lines.direct.message_way import MessageWay
from hullo.lines.direct.messages import MessageError
from hullo.lines.direct.people import People

logger = logging.getLogger(__name__)


class Letters(Protocol):
    """What a courier needs of a direct line."""

    name: str
    on_letter: OnLetter | None
    """Set by whoever keeps voice messages, for as long as it does."""

    def claims(self, to: str) -> bool:
        """Whether `to` can be somebody on it."""

    def way(self, person: str) -> MessageWay | None:
        """Where voice messages can go in the call with a person, if there is one and both sides take some."""


class LetterLine:
    """Implements `Letters`. What devices say about calls is left unanswered, as if this one were away."""

    def __init__(self, channel: PostalChannel, people: People, on_notice: OnNotice) -> None:
        self.name = "direct"
        self.on_letter: OnLetter | None = None
        self._channel = channel
        self._people = people
        self._tell = on_notice

    def claims(self, to: str) -> bool:
        """See `Letters.claims`."""
        return to.startswith(PREFIX) or self._people.knows(to)

    def way(self, person: str) -> MessageWay | None:
        """See `Letters.way`: there are no calls."""
        return None

    async def run(self) -> None:
        """Keep the channel open until cancelled."""
        await self._channel.run(self._arrived, self._tell)

    def _arrived(self, sender: Device, data: bytes) -> None:
        if self.on_letter is None or not is_letter(data):
            return
        try:
            self.on_letter(sender, parse_letter(data))
        except MessageError as error:
            self._tell(Notice(kind="malformed", person=sender.person, detail=f"{sender.person}: {error}"))
