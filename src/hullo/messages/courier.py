"""What brings voice messages over a line."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from hullo.messages.events import MessageEvent
from hullo.messages.store import MessageStore, StoredMessage

TellEvent: TypeAlias = Callable[[MessageEvent], None]


class Courier(Protocol):
    """Brings the messages of one line. What becomes of them is told to whoever made it."""

    @property
    def line(self) -> str:
        """The name of the line."""

    def claims(self, to: str) -> bool:
        """Whether `to` can be an address on it."""

    def address(self, to: str) -> str:
        """The peer as received messages name it."""

    async def run(self) -> None:
        """Send and receive until cancelled; what is not done then is gone on with at the next start."""

    async def send(self, message: StoredMessage) -> None:
        """Bring a message, whose metadata name the peer, on its way. Raises `MessageError` if it can't be begun."""

    def heard(self, message: StoredMessage) -> None:
        """Somebody here has heard a message that was received."""


MakeCourier: TypeAlias = Callable[[MessageStore, TellEvent], Courier]
"""Makes the courier of a line, for messages in that folder."""
