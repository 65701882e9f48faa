"""The loopback Telegram: its members and its data centres."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from hullo.demo.loopback_telegram.calls import CallBook, CallSettings
from hullo.demo.loopback_telegram.connection import Connection
from hullo.demo.loopback_telegram.crypto import RandomBytes, ServerKey
from hullo.demo.loopback_telegram.data_centre import DataCentre
from hullo.demo.loopback_telegram.delivery import Delivery
from hullo.demo.loopback_telegram.device import Device
from hullo.demo.loopback_telegram.directory import Directory, Member
from hullo.demo.loopback_telegram.faults import Faults
from hullo.demo.loopback_telegram.files import FileStore
from hullo.demo.loopback_telegram.history import History
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import LAYER, types
from hullo.demo.loopback_telegram.world import DC, World

_EXPIRE_EVERY = 0.2


class LoopbackTelegram:
    """A server with its members; an asynchronous context manager. Entering raises `OSError` if the port is taken.

    Members live in data centre 2, which is at `port`, unless they are told to live in another one of `centres`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        centres: Sequence[int] = (DC,),
        key: ServerKey | None = None,
        random: RandomBytes = secrets.token_bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key or ServerKey.generate()
        self.random = random
        self.clock = clock
        self.faults = Faults()
        self.settings = CallSettings()
        self.directory = Directory(random)
        book = CallBook(self.settings, self._push, random)
        self.world = World(
            addresses={number: ("127.0.0.1", port if number == DC else 0) for number in centres},
            clock=clock,
            random=random,
            directory=self.directory,
            book=book,
            settings=self.settings,
            faults=self.faults,
            files=FileStore(random),
            history=History(),
            push=self._push,
        )
        self._centres = {number: DataCentre(number, self.world, self.key, random, clock) for number in centres}
        self._clockwork: asyncio.Task[None] | None = None
        self._delivery = Delivery(self.faults, clock)

    async def __aenter__(self) -> Self:
        await self.listen()
        self._clockwork = asyncio.create_task(self._expire_calls())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close every connection and the ports."""
        await self.stop_listening()
        self._delivery.close()
        for centre in self._centres.values():
            await centre.closed()
        if self._clockwork is not None:
            self._clockwork.cancel()
            await asyncio.wait([self._clockwork])

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of data centre 2, where every client begins."""
        return self.world.addresses[DC]

    def centre(self, number: int) -> DataCentre:
        """A data centre."""
        return self._centres[number]

    def home(self, user_id: int) -> DataCentre:
        """The data centre in which a member lives."""
        return self._centres[self.directory.member(user_id).dc]

    def add_member(
        self, user_id: int, name: str, *, phone: str = "", password: str | None = None, dc: int = DC
    ) -> Member:
        """Open an account; the username is the name in lower case."""
        member = Member(
            id=user_id, phone=phone or f"99966{user_id:05}", name=name, username=name.lower(), password=password, dc=dc
        )
        return self.directory.add(member)

    def log_in(self, user_id: int) -> bytes:
        """A device of a member that is logged in already: its authorization key, 256 bytes."""
        return self.home(user_id).log_in(self.directory.member(user_id))

    # The network, and what goes wrong with it

    async def listen(self) -> None:
        """Take connections, after `stop_listening` at the same ports as before."""
        for centre in self._centres.values():
            await centre.listen()

    async def stop_listening(self) -> None:
        """Be unreachable: drop all connections and refuse new ones."""
        for centre in self._centres.values():
            await centre.stop_listening()

    def kick(self, user_id: int) -> None:
        """Drop the connections of a member."""
        for connection in self._connections_of(user_id):
            connection.drop()

    def go_silent(self, user_id: int) -> None:
        """From now on the present connections of a member carry nothing, in either direction, and stay open."""
        for connection in self._connections_of(user_id):
            connection.silent = True

    def revoke(self, user_id: int) -> None:
        """Forget the authorization keys of a member: the server answers them with -404 and hangs up."""
        for centre in self._centres.values():
            for device in centre.devices_of(user_id):
                centre.forget(device)
        self.kick(user_id)

    def end_logins(self, user_id: int, code: int = 401, name: str = "SESSION_REVOKED") -> None:
        """End the member's logins as another of their devices can: requests fail, the keys live on."""
        for centre in self._centres.values():
            for device in centre.devices_of(user_id):
                device.authorization.ended_by = RpcFailure(code, name)

    def connected(self, user_id: int) -> int:
        """How many connections a member has, in the data centre they live in."""
        return len(self._connections_of(user_id))

    def _connections_of(self, user_id: int) -> list[Connection]:
        return self.home(user_id).connections_of(user_id)

    def _devices_of(self, user_id: int) -> list[Device]:
        return self.home(user_id).devices_of(user_id)

    def _push(self, user_id: int, update: Any, only: int | None, but: int | None) -> None:
        body = self._packaged(update, user_id)
        for device in self._devices_of(user_id):
            if isinstance(update, types.UpdateNewMessage) and device.authorization.layer not in (0, LAYER):
                continue  # a `message` looks different in every layer, and we write ours only
            if only in (None, device.id) and device.id != but:
                self._delivery.send(device, body)

    def _packaged(self, update: Any, user_id: int) -> Any:
        now = int(self.clock())
        if isinstance(update, types.UpdatePhoneCallSignalingData):
            return types.UpdateShort(update=update, date=now)
        users = self.world.users_in(update, user_id)
        return types.Updates(updates=[update], users=users, chats=[], date=now, seq=0)

    async def _expire_calls(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRE_EVERY)
            self.world.book.expire(self.clock())
