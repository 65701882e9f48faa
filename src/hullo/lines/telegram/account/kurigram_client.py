"""kurigram's MTProto session, kept on a short lead.

Used as it is, kurigram sends a request again up to ten times and then loses the error's name, goes on without a word
when the server does not know its key, starts itself again in tasks nobody owns, and files unknown errors in the
current directory. So its session is used without its client's dispatcher, its `send` is replaced, and it is opened
again only by whoever opened it. It keeps its session id, so the server repeats what was not acknowledged.

This module is imported when an account is opened, not before: kurigram takes a second to import.
"""

import asyncio
import importlib
import logging
from hashlib import sha1
from typing import Any

import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hullo.lines.telegram.account.client import DEVICE, OnLost, OnUpdates, Server, find, no_updates
from hullo.lines.telegram.account.errors import KEY_NOT_FOUND, NO_KEY, UNREACHABLE, error_from
from hullo.lines.telegram.account.foreign import cancellable, to_the_end
from hullo.lines.telegram.account.session_file import Session
from hullo.lines.telegram.port import TelegramError, TelegramUnreachable

# No static types: kurigram's schema is not exported in a way that checkers can follow.
_pyrogram: Any = importlib.import_module("pyrogram")
_raw: Any = importlib.import_module("pyrogram.raw")
_core: Any = importlib.import_module("pyrogram.raw.core")
_session: Any = importlib.import_module("pyrogram.session.session")
_SessionState: Any = _session.SessionState
_mtproto: Any = importlib.import_module("pyrogram.crypto.mtproto")
_rsa: Any = importlib.import_module("pyrogram.crypto.rsa")
_auth: Any = importlib.import_module("pyrogram.session.auth")
_utils: Any = importlib.import_module("pyrogram.utils")

# Its errors name addresses, and with debugging on it logs requests whole. What matters we hear from it and log.
logging.getLogger("pyrogram").setLevel(logging.CRITICAL)

_CONNECT_WITHIN = 40.0
_KEY_WITHIN = 60.0
_SALTS = 3


class _KeyExchange(_auth.Auth):  # type: ignore[misc]
    """kurigram's key exchange, which gives up sooner."""

    MAX_RETRIES = 1


class _Session(_session.Session):  # type: ignore[misc]
    """kurigram's session, which says when it is lost instead of starting itself again."""

    START_TIMEOUT = 10
    ACKS_THRESHOLD = 1  # its 10 make the server repeat what was handled long ago

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.over = asyncio.Event()
        self.key_unknown = False
        self._opened = False
        self._unanswered: dict[int, Any] = {}

    async def open(self) -> Any:
        """Connect, and return `help.config`. Raises `TelegramError`."""
        if self._state is not _SessionState.STOPPED:
            await self.shut()
        self.over.clear()
        self.key_unknown = False
        self._opened = False
        # Messages that are repeated are to be taken. They are older than the first one of the new connection, and than
        # those that were still read while the last one was closed.
        self.stored_msg_ids[:] = [0] if self.salt else []
        await self.start()
        if not self.is_started.is_set():
            raise self.reason()
        if self._unanswered:  # once more, under the old ids: the server knows whether it has had it
            await self._write(await self.msg_factory.create(_core.MsgContainer(list(self._unanswered.values()))))
        config = await self.send(_raw.functions.help.GetConfig())
        self._opened = True
        return config

    async def shut(self) -> None:
        """Close the connection."""
        self.over.set()
        if self._state is _SessionState.STOPPING:  # it was interrupted at this before
            self._state: Any = _SessionState.STARTED
        if self.connection is not None and self.connection.protocol is not None:
            await self._stop()

    def give_up(self) -> None:
        """Let go of every request that still waits for an answer."""
        for waiting in self.results.values():
            waiting.event.set()

    def reason(self) -> TelegramError:
        """Why it is over."""
        if self.key_unknown:
            return TelegramError(KEY_NOT_FOUND, 404)
        return TelegramUnreachable("the connection to Telegram is lost")

    async def restart(self) -> None:
        """What kurigram calls when something is wrong."""
        self.over.set()

    async def recv_worker(self) -> None:
        """Read until the connection ends; however it does, that is known at once."""
        try:
            await super().recv_worker()
        except _session.AuthKeyNotFound:
            self.key_unknown = True
        finally:
            self.over.set()

    async def send(self, data: Any, wait_response: bool = True, timeout: float = 15.0) -> Any:
        """Send once, and return the answer. Raises `TelegramError`, and `OSError` if nothing waits for the answer."""
        for _ in range(_SALTS):
            message = await self.msg_factory.create(data)
            if not wait_response:
                return await self._write(message)
            answer = await self._exchange(message, timeout)
            if isinstance(answer, _raw.types.RpcError):
                raise error_from(answer.error_message, answer.error_code)
            if isinstance(answer, _raw.types.BadServerSalt):
                self.salt = answer.new_server_salt
            elif not isinstance(answer, _raw.types.BadMsgNotification):
                return answer
            elif answer.error_code not in (16, 17):  # our clock is wrong, and has just been set
                raise TelegramError("BAD_MSG_NOTIFICATION", answer.error_code)
        raise TelegramUnreachable("the server takes no message of ours")

    async def _exchange(self, message: Any, timeout: float) -> Any:
        waiting = self.results[message.msg_id] = _session.Result()
        self._unanswered[message.msg_id] = message
        try:
            async with asyncio.timeout(timeout):
                try:
                    await cancellable(self._write(message))
                except OSError:
                    self.over.set()
                if self._opened:
                    await waiting.event.wait()  # through a reconnect, if need be
                else:
                    await self._answered_or_over(waiting.event)
        except TimeoutError:
            raise TelegramUnreachable("no answer from Telegram in time") from None
        finally:
            del self.results[message.msg_id], self._unanswered[message.msg_id]
        if waiting.value is None:
            raise self.reason()
        return waiting.value

    async def _answered_or_over(self, answered: asyncio.Event) -> None:
        """While the session is being opened there is nothing to wait for once the connection is gone."""
        waits = [asyncio.ensure_future(answered.wait()), asyncio.ensure_future(self.over.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not answered.is_set():
            raise self.reason()

    async def _write(self, message: Any) -> None:
        packet = _mtproto.pack(message, self.salt, self.session_id, self.auth_key, self.auth_key_id)
        await self.connection.send(packet)


class KurigramClient:
    """`MtprotoClient` on kurigram."""

    def __init__(self, session: Session, server: Server, on_updates: OnUpdates, on_lost: OnLost) -> None:
        self.session = session
        self._server = server
        self._on_updates = on_updates
        self._on_lost = on_lost
        self._client: Any = None
        self._mtproto: _Session | None = None
        self._watch: asyncio.Task[None] | None = None
        if server.public_key is not None:
            _trust(server.public_key)

    def elsewhere(self, session: Session, on_lost: OnLost) -> "KurigramClient":
        """See `MtprotoClient.elsewhere`."""
        return KurigramClient(session, self._server, no_updates, on_lost)

    def make(self, name: str, /, **fields: Any) -> Any:
        """See `MtprotoClient.make`."""
        return find(_raw.types, name)(**fields)

    def function(self, name: str, **fields: Any) -> Any:
        """See `MtprotoClient.function`."""
        return find(_raw.functions, name)(**fields)

    async def connect(self) -> Any:
        """See `MtprotoClient.connect`."""
        await self._stop_watching()
        try:
            async with asyncio.timeout(_CONNECT_WITHIN + (0.0 if self.session.auth_key else _KEY_WITHIN)):
                if self._mtproto is None or self._mtproto.auth_key != self.session.auth_key:
                    await cancellable(self._prepare())
                assert self._mtproto is not None
                config = await cancellable(self._mtproto.open())
        except (OSError, TimeoutError):
            raise TelegramUnreachable(UNREACHABLE) from None
        self._watch = asyncio.create_task(self._wait_until_over(self._mtproto))
        return config

    async def invoke(self, function: Any, timeout: float) -> Any:
        """See `MtprotoClient.invoke`."""
        if self._mtproto is None:
            raise TelegramUnreachable("not connected")
        return await self._mtproto.send(function, timeout=timeout)

    async def close(self) -> None:
        """See `MtprotoClient.close`."""
        await self._stop_watching()
        session, self._mtproto = self._mtproto, None
        client, self._client = self._client, None
        if session is not None:
            session.give_up()
            await to_the_end(session.shut())
            if session.connection is not None and session.connection.protocol is not None:
                session.connection.protocol.crypto_executor.shutdown(wait=False)
        if client is not None:
            client.executor.shutdown(wait=False)
            await client.storage.close()

    def password_proof(self, settings: Any, password: str) -> Any:
        """See `MtprotoClient.password_proof`."""
        return _utils.compute_password_check(settings, password)

    async def _prepare(self) -> None:
        """A kurigram client in memory, with the key in our session or a new one. Raises `TelegramUnreachable`."""
        await self.close()
        where = (self.session.dc, self.session.host, self.session.port)
        client = self._client = _pyrogram.Client(
            "hullo", self.session.api_id, "-", in_memory=True, workers=1, loop=asyncio.get_running_loop(), **DEVICE
        )
        client.handle_updates = self._take
        await client.storage.open()
        await client.storage.api_id(self.session.api_id)
        if not self.session.auth_key:
            self.session = msgspec.structs.replace(self.session, auth_key=await _new_key(client, *where))
        self._mtproto = _Session(client, *where, self.session.auth_key, False)

    async def _take(self, updates: Any) -> None:
        self._on_updates(updates)

    async def _wait_until_over(self, session: _Session) -> None:
        await session.over.wait()
        self._on_lost(session.reason())

    async def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None


async def _new_key(client: Any, dc: int, host: str, port: int) -> bytes:
    try:
        key: bytes = await _KeyExchange(client, dc, host, port, False).create()
    except OSError:
        raise
    except Exception as error:  # kurigram raises bare Exception when the server is not who it should be
        raise TelegramUnreachable(NO_KEY) from error
    return key


def _trust(public_key: str) -> None:
    """Take a server that is not Telegram's for one."""
    key: Any = load_pem_public_key(public_key.encode())
    numbers = key.public_numbers()
    n, e = (value.to_bytes((value.bit_length() + 7) // 8, "big") for value in (numbers.n, numbers.e))
    digest = sha1(_core.Bytes(n) + _core.Bytes(e)).digest()
    fingerprint = int.from_bytes(digest[-8:], "little", signed=True)
    _rsa.server_public_keys[fingerprint] = _rsa.PublicKey(numbers.n, numbers.e)
