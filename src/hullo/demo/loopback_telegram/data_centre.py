"""One data centre of the loopback Telegram: a port of its own, and authorization keys that no other one knows."""

import asyncio
from collections.abc import Callable

from hullo.demo.loopback_telegram.connection import Connection
from hullo.demo.loopback_telegram.crypto import RandomBytes, ServerKey
from hullo.demo.loopback_telegram.device import Device
from hullo.demo.loopback_telegram.directory import Member
from hullo.demo.loopback_telegram.handshake import NewKey
from hullo.demo.loopback_telegram.world import Authorization, World

_CLOSE_WITHIN = 5.0


class DataCentre:
    """Serves the members whose home it is, and files to those of others (core.telegram.org/api/datacenter)."""

    def __init__(
        self, number: int, world: World, key: ServerKey, random: RandomBytes, clock: Callable[[], float]
    ) -> None:
        self.number = number
        self.world = world
        self.key = key
        self.random = random
        self.clock = clock
        self._devices: dict[int, Device] = {}
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.world.addresses[self.number]

    # The network, and what goes wrong with it

    async def listen(self) -> None:
        """Take connections, after `stop_listening` at the same port as before. Raises `OSError`."""
        host, port = self.address
        self._server = await asyncio.start_server(self._serve, host, port)
        self.world.addresses[self.number] = (host, self._server.sockets[0].getsockname()[1])

    async def stop_listening(self) -> None:
        """Be unreachable: drop all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.drop()

    async def closed(self) -> None:
        """Wait until nobody is served any more."""
        if self._serving:
            await asyncio.wait(self._serving, timeout=_CLOSE_WITHIN)

    def connections_of(self, user_id: int) -> list[Connection]:
        """The connections on which a member is logged in."""
        return [one for one in self._connections if one.user_id == user_id]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = Connection(self, reader, writer)
        self._connections.add(connection)
        self._serving.add(task)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._serving.discard(task)

    # Keys

    def log_in(self, member: Member) -> bytes:
        """A device of a member that is logged in already: its authorization key, 256 bytes."""
        key = self.random(256)
        salt = int.from_bytes(self.random(8), "little", signed=True)
        authorization = Authorization(key, salt, self.number, member)
        self._devices[authorization.device] = Device(authorization, self.random)
        return key

    def new_device(self, new: NewKey) -> None:
        """A key exchange is through."""
        device = Device(Authorization(new.auth_key, new.salt, self.number), self.random)
        self._devices[device.id] = device

    def device(self, key_id: int) -> Device | None:
        """The device with that key, unless it is unknown or revoked."""
        return self._devices.get(key_id)

    def devices_of(self, user_id: int) -> list[Device]:
        """The devices on which a member is logged in."""
        return [one for one in self._devices.values() if one.user_id == user_id]

    def forget(self, device: Device) -> None:
        """Revoke its key: it is answered with -404 from now on."""
        del self._devices[device.id]
