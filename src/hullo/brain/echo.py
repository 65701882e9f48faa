"""The simplest brain: it says what it heard. For trying a line, and for tests."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hullo.brain.brain import Brain, Message

if TYPE_CHECKING:
    from hullo.call.call import Call


class EchoBrain:
    """A `Brain`."""

    async def answer(self, conversation: Sequence[Message]) -> AsyncGenerator[str, None]:
        """See `Brain.answer`."""
        yield f"You said: {conversation[-1].content}"


@asynccontextmanager
async def echo_brain(_: "Call") -> AsyncIterator[Brain]:
    """A `BrainMaker`."""
    yield EchoBrain()
