"""A message as programs on the other side of an interface see it."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from hullo.messages.metadata import Delivery, Direction
from hullo.messages.store import StoredMessage


class MessageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A voice message and what is known of it."""

    message_id: str
    path: Annotated[str, Meta(description="The file, Ogg Opus.")]
    direction: Direction
    line: str | None
    peer: str | None
    created: datetime
    duration: Annotated[float, Meta(description="Seconds.")]
    size: Annotated[int, Meta(description="Bytes.")]
    waveform: Annotated[tuple[int, ...], Meta(description="100 levels of 0 to 31.")]
    heard: bool
    delivery: Annotated[Delivery | None, Meta(description="Of a sent one: how far it has come.")] = None
    problem: Annotated[str | None, Meta(description="Why it could not be sent, or recorded to its end.")] = None
    transcript: Annotated[str | None, Meta(description="What is said in it; null if it was not recognised.")] = None
    left_in_call: Annotated[str | None, Meta(description="The call whose answering machine took it.")] = None


def info(message: StoredMessage) -> MessageInfo | None:
    """A finished message; None for one that is not."""
    known = message.metadata
    if known is None:
        return None
    return MessageInfo(
        message_id=known.id,
        path=str(message.path.absolute()),
        direction=known.direction,
        line=known.line,
        peer=known.peer,
        created=known.created,
        duration=known.duration,
        size=known.size,
        waveform=tuple(known.levels),
        heard=known.heard,
        delivery=known.delivery,
        problem=known.problem,
        transcript=known.transcript,
        left_in_call=known.call_id,
    )
