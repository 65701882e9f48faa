"""What thinks of an answer."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from hullo.call.call import Call


class Message(msgspec.Struct, frozen=True):
    """One contribution to a conversation, in the form of chat endpoints."""

    role: Literal["system", "user", "assistant"]
    content: str


class BrainError(Exception):
    """No answer; the message says what happened, to what, and what to do. The conversation can go on."""


class Brain(Protocol):
    """Answers in one call."""

    def answer(self, conversation: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The answer to what was said last, piece by piece as it comes; closing the iterator gives it up.

        Raises `BrainError`. Wrap it in `contextlib.aclosing`.
        """


BrainMaker: TypeAlias = Callable[["Call"], AbstractAsyncContextManager[Brain]]
"""Makes the brain of one call, while it rings. Entering may raise `BrainError`."""
