"""What a messenger brings to have calls: a way to send opaque bytes to a person's devices, and to receive them."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
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


class ChannelRefused(ChannelError):
    """The same would be refused again: it makes no sense to try it once more."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something a channel noticed that its user should know: a changed key, a forgery, a flood."""

    kind: str
    """Short and stable: `key-changed`, `replayed`, `forged` ..."""
    person: str | None
    detail: str
    devices: tuple[str, ...] = ()
    """With `device-removed`: those of the person that are no more."""


OnMessage: TypeAlias = Callable[[Device, bytes], None]
"""May raise `OSError` when it can't keep what it is told: a letter comes again then."""
OnNotice: TypeAlias = Callable[[Notice], None]


class Sealed(msgspec.Struct, frozen=True):
    """What one device of a person is posted: the hash of its envelope, and the person's key."""

    digest: bytes
    identity: bytes


OnSealed: TypeAlias = Callable[[dict[str, Sealed]], Awaitable[None]]
"""Told what each device is posted, before it leaves. May raise `OSError`, `ChannelError`: nothing is sent then."""
OnUnread: TypeAlias = Callable[[Device, Sealed], None]
"""Told that a device could not read what it was posted, with the key of its person now. May raise `OSError`: it is
told again then."""


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


class Place(msgspec.Struct, frozen=True):
    """Room for a sealed file: the id that it is read by, and the ticket to write it. Both are secrets."""

    file: str
    ticket: str

    @override
    def __repr__(self) -> str:
        return "Place()"  # never what is in it


class SealedFiles(Protocol):
    """Storage for files that nobody there can read. All methods raise `ChannelError`."""

    async def reserve(self, size: int) -> Place:
        """Room for a file of that many bytes."""

    async def received(self, place: Place) -> int:
        """How much of it is there."""

    async def append(self, place: Place, offset: int, blocks: AsyncIterator[bytes]) -> None:
        """Write on at that offset. What came before an error is kept."""

    def read(self, file: str, begin: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `begin` up to, without, `end`, in pieces of any size. Wrap it in `contextlib.aclosing`."""


async def ignore_sealed(sealed: dict[str, Sealed]) -> None:
    """Nobody has to know."""


class PostalChannel(SecureChannel, Protocol):
    """A channel that carries voice messages, too: it keeps messages for devices that are away, and sealed files."""

    keeps_letters: bool
    """Whether somebody here keeps what was posted; while nobody does, it waits where it is."""
    on_unread: OnUnread
    """Who posts, and can do it again, is told here."""

    @property
    def files(self) -> SealedFiles:
        """Where sealed files lie."""

    async def devices_of(self, person: str) -> tuple[str, ...]:
        """The devices of a person that `post` would reach now. Raises `ChannelError`."""

    async def post(
        self, person: str, data: bytes, *, device: str | None = None, on_sealed: OnSealed = ignore_sealed
    ) -> None:
        """As `send`, for devices that may be away for days."""
