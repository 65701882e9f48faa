"""What a method is: a name, what it takes and gives, and the function that does it."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from hullo.call.switchboard import Switchboard
from hullo.lines.direct.missed import MissedCalls
from hullo.lines.direct.private.desk import Desk
from hullo.messages.messenger import Messenger
from hullo.service import rpc
from hullo.service.audio_desk import AudioDesk
from hullo.service.errors import ErrorCode
from hullo.service.history import CallHistory
from hullo.service.message_desk import MessageDesk
from hullo.speech.service import SpeechService

P = TypeVar("P", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contact book of the direct line, and the calls that it missed."""

    desk: Desk
    link: Callable[[str], Awaitable[None]]
    """Hand our keys to the new device that shows this code. Raises `LinkError`."""
    missed: MissedCalls
    devices: Callable[[], Awaitable[tuple[str, ...]]]
    """Our devices. Raises `ChannelError`."""
    unlink: Callable[[str, bool], Awaitable[tuple[str, ...]]]
    """Remove one of them, also one that is not listed; gives all that were removed with it. Raises `UnlinkError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What methods work on."""

    switchboard: Switchboard
    speech: SpeechService | None
    clients: Callable[[], int]
    """How many are connected."""
    page: Callable[[], str | None]
    """Where the phone in the browser is served."""
    started: float
    """Monotonic time."""
    contacts: Contacts | None = None
    """Of the direct line."""
    audio: AudioDesk | None = None
    """None where there is neither microphone nor speaker."""
    messages: Messenger | None = None
    """None where voice messages are off."""
    message_desk: MessageDesk | None = None
    """None where they are off, or there is neither microphone nor speaker."""
    history: CallHistory = field(default_factory=lambda: CallHistory(0))


@dataclass(frozen=True, slots=True)
class Method(Generic[P]):
    """One method: `result` is the type of what it gives, `errors` are ours that it raises beside the standard ones."""

    name: str
    params: type[P]
    result: Any
    handler: Callable[[Service, P], Awaitable[Any]]
    errors: tuple[ErrorCode, ...] = ()

    @property
    def doc(self) -> str:
        """What it does, in the words of its handler."""
        return inspect.cleandoc(self.handler.__doc__ or "")

    async def invoke(self, service: Service, params: rpc.Params) -> Any:
        """Do it. Raises `RpcError` for wrong params, and what the handler raises."""
        return await self.handler(service, rpc.bind(params, self.params, self.name))
