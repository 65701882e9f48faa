"""Everything the methods of the loopback Telegram work on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hullo.demo.loopback_telegram.calls import CallBook, CallSettings, Push
from hullo.demo.loopback_telegram.crypto import RandomBytes, key_id
from hullo.demo.loopback_telegram.directory import Directory, Member
from hullo.demo.loopback_telegram.faults import Faults
from hullo.demo.loopback_telegram.files import FileStore
from hullo.demo.loopback_telegram.history import History
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import types

DC = 2
"""The data centre of members who have no other home."""
EXPORT_GOOD_FOR = 60.0
"""Seconds in which an exported authorization has to be imported."""


@dataclass
class Timers:
    """The call timers that help.getConfig tells, in milliseconds."""

    receive: int = 20_000
    ring: int = 90_000
    connect: int = 30_000
    packet: int = 10_000


@dataclass
class Authorization:
    """One authorization key: a device, and who is logged in on it."""

    key: bytes
    salt: int
    dc: int
    """The data centre that knows the key."""
    member: Member | None = None
    half_in: Member | None = None
    """Who gave the right code and still owes the password."""
    layer: int = 0
    ended_by: RpcFailure | None = None
    """What every request of a login that was ended from elsewhere is answered with."""

    @property
    def device(self) -> int:
        """The key's id."""
        return int.from_bytes(key_id(self.key), "little")

    def require(self) -> Member:
        """Who is logged in. Raises `RpcFailure`."""
        if self.ended_by is not None:
            raise self.ended_by
        if self.member is None:
            raise RpcFailure(401, "AUTH_KEY_UNREGISTERED")
        return self.member


@dataclass(frozen=True)
class Export:
    """An authorization on its way to another data centre."""

    member: Member
    dc: int
    until: float


@dataclass
class World:
    """The state of one loopback Telegram."""

    addresses: dict[int, tuple[str, int]]
    """Host and port of each data centre."""
    clock: Callable[[], float]
    """Unix seconds."""
    random: RandomBytes
    directory: Directory
    book: CallBook
    settings: CallSettings
    faults: Faults
    files: FileStore
    history: History
    push: Push
    """Brings an update to the devices of a member."""
    timers: Timers = field(default_factory=Timers)
    ratings: list[tuple[int, int]] = field(default_factory=list)
    """Call id and stars of each phone.setCallRating."""
    debug_reports: list[tuple[int, str]] = field(default_factory=list)
    """Call id and JSON text of each phone.saveCallDebug."""
    exports: dict[bytes, Export] = field(default_factory=dict)
    """By the bytes that auth.exportAuthorization told."""

    def user(self, member: Member, viewer: int) -> Any:
        """A member as `viewer` sees them."""
        mine = member.id == viewer
        contact = member.id in self.directory.member(viewer).contacts
        return types.User(
            id=member.id,
            is_self=mine or None,
            contact=contact or None,
            mutual_contact=(contact and viewer in member.contacts) or None,
            access_hash=self.directory.access_hash(viewer, member.id),
            first_name=member.name,
            username=member.username or None,
            phone=member.phone if mine or contact else None,
        )

    def member_from(self, viewer: Member, reference: Any) -> Member:
        """Whom an InputUser or InputPeerUser names. Raises `RpcFailure`."""
        if isinstance(reference, types.InputUserSelf):
            return viewer
        if not isinstance(reference, types.InputUser | types.InputPeerUser):
            raise RpcFailure(400, "USER_ID_INVALID")
        if reference.access_hash != self.directory.access_hash(viewer.id, reference.user_id):
            raise RpcFailure(400, "USER_ID_INVALID")
        return self.directory.member(reference.user_id)

    def users_in(self, update: Any, viewer: int) -> list[Any]:
        """The people an update speaks of, for its `users`."""
        call = getattr(update, "phone_call", None)
        ids = [getattr(call, role) for role in ("admin_id", "participant_id") if hasattr(call, role)]
        if isinstance(update, types.UpdateNewMessage):
            ids = [update.message.peer_id.user_id]
        return [self.user(self.directory.member(user_id), viewer) for user_id in ids]
