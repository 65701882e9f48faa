"""What a messenger brings to have calls: a way to send opaque bytes to a person's devices, and to receive them."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec
from typing_extensions import override


class Device(msgspec.Struct, frozen=True, order=True):
    """One device of a person, as the channel names both. A device's name is unique among those of its person."""

    person: str
    device: str

    @override
    def __str__(self) -> str:
        return f"{self.person}/{self.device}"


class ChannelError(Exception):
    """A message can't be sent; the text says why and what to do."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something a channel noticed that its user should know: a changed key, a forgery, a flood."""

    kind: str
    """Short and stable: `key-changed`, `replayed`, `forged` ..."""
    person: str | None
    detail: str


OnMessage: TypeAlias = Callable[[Device, bytes], None]
OnNotice: TypeAlias = Callable[[Notice], None]


class SecureChannel(Protocol):
    """End-to-end encrypted messages between devices.

    It must keep messages secret and whole, and name their true sender. Calls do not need them in order, and get over
    some that are lost or come twice; they should come within a second.
    """

    @property
    def own(self) -> Device:
        """This device."""

    async def send(self, person: str, data: bytes, *, device: str | None = None) -> None:
        """Send to one device of a person, or to all of them. Raises `ChannelError` when it reaches none of them.

        `data` is at most 16 KiB. Returns when the message is on its way.
        """

    async def run(self, on_message: OnMessage, on_notice: OnNotice) -> None:
        """Receive until cancelled: `on_message` gets the authenticated sender and the bytes it sent."""

    def problem(self) -> str | None:
        """Why nothing can be sent at the moment, and what to do; None while all is well."""
