"""What becomes of voice messages, told to every gateway."""

from typing import Final

from hullo.call import events
from hullo.call.switchboard import Switchboard
from hullo.messages.events import Came, MessageEvent, Moving, NotReceived, Received
from hullo.messages.info import MessageInfo, info
from hullo.messages.metadata import Delivery, Direction
from hullo.messages.store import StoredMessage

_CAME: Final = {
    Delivery.SENT: events.MessageSent,
    Delivery.DELIVERED: events.MessageDelivered,
    Delivery.HEARD: events.MessageHeard,
}


def tell(board: Switchboard, event: MessageEvent) -> None:
    """Let the gateways know what has become of a message."""
    match event:
        case Received(message):
            told = _info(message)
            board.tell(
                events.MessageReceived,
                message_id=told.message_id,
                line=told.line,
                peer=told.peer,
                transcript=told.transcript,
                message=told,
            )
        case Came(message, Delivery.FAILED):
            told = _info(message)
            _failed(board, told.message_id, Direction.SENT, told.line, told.peer, told.problem or "")
        case Came(message, delivery) if delivery in _CAME:
            told = _info(message)
            board.tell(_CAME[delivery], message_id=told.message_id, message=told)
        case NotReceived(line, peer, message_id, detail):
            _failed(board, message_id, Direction.RECEIVED, line, peer, detail)
        case Moving(message_id, peer, received, size):
            board.tell(events.MessageProgress, message_id=message_id, peer=peer, received=received, size=size)


def _failed(
    board: Switchboard, message_id: str, direction: Direction, line: str | None, peer: str | None, detail: str
) -> None:
    board.tell(events.MessageFailed, message_id=message_id, direction=direction, line=line, peer=peer, detail=detail)


def _info(message: StoredMessage) -> MessageInfo:
    told = info(message)
    assert told is not None  # only finished messages come that far
    return told
