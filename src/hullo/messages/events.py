"""What becomes of voice messages that are sent and received, as values."""

from dataclasses import dataclass
from typing import TypeAlias

from hullo.messages.metadata import Delivery
from hullo.messages.store import StoredMessage


@dataclass(frozen=True, slots=True)
class Moving:
    """So many bytes of a message are there. Of one that comes in the id is its sender's, until it is whole."""

    message_id: str
    peer: str
    received: int
    size: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message has come, whole, and is in the folder."""

    message: StoredMessage


@dataclass(frozen=True, slots=True)
class Came:
    """A message of ours has come as far as `delivery`."""

    message: StoredMessage
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class NotReceived:
    """Somebody has sent a message that can't be had; the text says why."""

    line: str
    peer: str
    peer_message_id: str
    detail: str


MessageEvent: TypeAlias = Moving | Received | Came | NotReceived
