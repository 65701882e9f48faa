"""The two client libraries as their users use them, against the loopback Telegram."""

import asyncio
import contextlib
import functools
import importlib
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any, Protocol

from hullo.demo.loopback_telegram.crypto import ServerKey
from hullo.demo.loopback_telegram.server import LoopbackTelegram

API_ID = 12345
API_HASH = "0123456789abcdef0123456789abcdef"
DEADLINE = 30.0


@functools.cache
def server_key() -> ServerKey:
    """One key for all tests of a process, because making one takes a while; both libraries trust it."""
    key = ServerKey.generate()
    numbers = key.private.public_key().public_numbers()
    pyrogram_rsa = importlib.import_module("pyrogram.crypto.rsa")
    pyrogram_rsa.server_public_keys[key.fingerprint] = pyrogram_rsa.PublicKey(numbers.n, numbers.e)
    importlib.import_module("telethon.crypto.rsa").add_key(key.public_pem, old=False)
    return key


class StockClient(Protocol):
    """What the tests ask of either library."""

    async def request(self, name: str, **fields: Any) -> Any:
        """Call a TL method."""

    def make(self, name: str, /, **fields: Any) -> Any:
        """A TL object."""

    async def log_in(self, phone: str, password: str | None) -> int:
        """Log in, with the code that the server just made up, and return the user id."""

    async def download(self, document: Any) -> bytes:
        """The file of a document, wherever it lies."""

    async def update(self, kind: str) -> Any:
        """The next update of that kind; others are dropped."""

    async def next(self) -> Any:
        """The next update."""


class Updates:
    """Updates as they came."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, update: Any) -> None:
        self._queue.put_nowait(update)

    async def next(self) -> Any:
        async with asyncio.timeout(DEADLINE):
            return await self._queue.get()

    async def update(self, kind: str) -> Any:
        while True:
            update = await self.next()
            found = getattr(update, "phone_call", update)
            if type(found).__name__ == kind:
                return found


class KurigramClient(Updates):
    """kurigram's `Client`."""

    def __init__(self, server: LoopbackTelegram, transport: str) -> None:
        super().__init__()
        self._server = server
        self._raw = importlib.import_module("pyrogram.raw")
        pyrogram = importlib.import_module("pyrogram")
        transports = importlib.import_module("pyrogram.connection.transport")
        self.client = pyrogram.Client(
            "stock",
            API_ID,
            API_HASH,
            in_memory=True,
            workers=1,
            protocol_factory=_only_loopback(getattr(transports, transport), server),
        )

    async def start(self) -> None:
        await self.client.connect()

    async def stop(self) -> None:
        if self.client.is_initialized:
            await self.client.terminate()
        for session in self.client.sessions.values():  # to other data centres, which it forgets
            await session.stop()
        await self.client.disconnect()

    async def request(self, name: str, **fields: Any) -> Any:
        return await self.client.invoke(_found(self._raw.functions, name)(**fields))

    def make(self, name: str, /, **fields: Any) -> Any:
        return _found(self._raw.types, name)(**fields)

    async def log_in(self, phone: str, password: str | None) -> int:
        handlers = importlib.import_module("pyrogram.handlers")
        sent = await self.client.send_phone_number_code(phone)
        code = self._server.directory.code_sent_to(phone)
        try:
            user = await self.client.sign_in(phone, sent.phone_code_hash, code)
        except importlib.import_module("pyrogram.errors").SessionPasswordNeeded:
            user = await self.client.check_password(password or "")
        self.client.add_handler(handlers.RawUpdateHandler(self._take))
        await self.client.initialize()
        await self.request("updates.getState")
        return int(user.id)

    async def download(self, document: Any) -> bytes:
        found = importlib.import_module("pyrogram.file_id")
        which = found.FileId(
            file_type=found.FileType.VOICE,
            dc_id=document.dc_id,
            media_id=document.id,
            access_hash=document.access_hash,
            file_reference=document.file_reference,
        )
        return b"".join([part async for part in self.client.get_file(which)])

    async def _take(self, _client: Any, update: Any, _users: Any, _chats: Any) -> None:
        self.put(update)


class TelethonClient(Updates):
    """Telethon's `TelegramClient`."""

    def __init__(self, server: LoopbackTelegram, transport: str) -> None:
        super().__init__()
        self._server = server
        telethon = importlib.import_module("telethon")
        session = importlib.import_module("telethon.sessions").MemorySession()
        session.set_dc(2, *server.address)
        connection = getattr(importlib.import_module("telethon.network"), transport)
        self.client = telethon.TelegramClient(session, API_ID, API_HASH, connection=connection, sequential_updates=True)
        telethon.TelegramClient._config = (
            None  # kept for all clients of a process: where the last server's centres were
        )
        self.client.add_event_handler(self._take, telethon.events.Raw())

    async def start(self) -> None:
        await self.client.connect()

    async def stop(self) -> None:
        await self.client.disconnect()

    async def request(self, name: str, **fields: Any) -> Any:
        functions = importlib.import_module("telethon.tl.functions")
        return await self.client(_found(functions, name, "Request")(**fields))

    def make(self, name: str, /, **fields: Any) -> Any:
        return _found(importlib.import_module("telethon.tl.types"), name)(**fields)

    async def log_in(self, phone: str, password: str | None) -> int:
        errors = importlib.import_module("telethon.errors")
        await self.client.send_code_request(phone)
        try:
            user = await self.client.sign_in(phone, self._server.directory.code_sent_to(phone))
        except errors.SessionPasswordNeededError:
            user = await self.client.sign_in(password=password)
        return int(user.id)

    async def download(self, document: Any) -> bytes:
        data: bytes = await self.client.download_media(document, file=bytes)
        return data

    async def _take(self, update: Any) -> None:
        self.put(update)


KURIGRAM_TRANSPORTS = ["TCPAbridged", "TCPIntermediate", "TCPFull"]
TELETHON_TRANSPORTS = ["ConnectionTcpAbridged", "ConnectionTcpIntermediate", "ConnectionTcpFull"]


@contextlib.asynccontextmanager
async def client_of(server: LoopbackTelegram, transport: str) -> AsyncIterator[StockClient]:
    """A connected client of the library that has the transport."""
    kind = KurigramClient if transport in KURIGRAM_TRANSPORTS else TelethonClient
    client = kind(server, transport)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


def _found(namespace: ModuleType | Any, name: str, suffix: str = "") -> Any:
    *path, last = name.split(".")
    for part in path:
        namespace = getattr(namespace, part)
    return getattr(namespace, last[0].upper() + last[1:] + suffix)


def _only_loopback(transport: Any, server: LoopbackTelegram) -> Any:
    """The transport, which connects to a data centre of the server, the first one if it is given a strange address."""

    async def connect(self: Any, address: tuple[str, int]) -> None:
        ours = address in server.world.addresses.values()
        await transport.connect(self, address if ours else server.address)

    return type("Loopback" + transport.__name__, (transport,), {"connect": connect})
