"""Telethon's MTProto sender, without the client around it.

The client would send requests again under new ids after errors and reconnects, which carries them out twice, remember
flood waits by itself, and fetch messages nobody needs. Its sender sends a request once and hands on what comes; here
it also keeps its MTProto session when the connection changes, and is opened again only by whoever opened it.

This module is imported when an account is opened, not before, because Telethon need not be installed.
"""

import asyncio
import importlib
import io
import logging
import struct
from collections import defaultdict
from typing import Any

import msgspec

from hullo.lines.telegram.account.client import DEVICE, OnLost, OnUpdates, Server, find, no_updates
from hullo.lines.telegram.account.errors import KEY_NOT_FOUND, NO_KEY, UNREACHABLE, error_from
from hullo.lines.telegram.account.foreign import cancellable, to_the_end
from hullo.lines.telegram.account.session_file import Session
from hullo.lines.telegram.port import TelegramError, TelegramUnreachable

_network: Any = importlib.import_module("telethon.network")
_state: Any = importlib.import_module("telethon.network.mtprotostate")
_packer: Any = importlib.import_module("telethon.extensions.messagepacker")
_helpers: Any = importlib.import_module("telethon.helpers")
_errors: Any = importlib.import_module("telethon.errors")
_functions: Any = importlib.import_module("telethon.tl.functions")
_types: Any = importlib.import_module("telethon.tl.types")
_layer: int = importlib.import_module("telethon.tl.alltlobjects").LAYER
_crypto: Any = importlib.import_module("telethon.crypto")
_password: Any = importlib.import_module("telethon.password")

_CONNECT_TIMEOUT = 15
_CONNECT_WITHIN = 60.0
_CONTAINER = 0x73F1F8DC
_SENT_REMEMBERED = 256


class _State(_state.MTProtoState):  # type: ignore[misc]
    """Telethon's message layer, which also keeps messages in case they have to be sent again."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sent: dict[int, bytes] = {}

    def write_data_as_message(self, buffer: io.BytesIO, data: bytes, *arguments: Any, **options: Any) -> int:
        """Append a message to a packet, and return its id."""
        start = buffer.tell()
        message_id: int = super().write_data_as_message(buffer, data, *arguments, **options)
        self.sent[message_id] = buffer.getvalue()[start:]
        if len(self.sent) > _SENT_REMEMBERED:
            del self.sent[next(iter(self.sent))]
        return message_id


class _Sender(_network.MTProtoSender):  # type: ignore[misc]
    """Telethon's sender with the server's own error names, which outlives its connections."""

    def __init__(self, auth_key: Any, updates: "_Intake", loggers: Any) -> None:
        super().__init__(auth_key, loggers=loggers, retries=1, connect_timeout=_CONNECT_TIMEOUT, updates_queue=updates)
        self._state = _State(self.auth_key, loggers=loggers)
        self._send_queue = _packer.MessagePacker(self._state, loggers=loggers)
        self.over = asyncio.Event()
        self.reason: TelegramError = _reason(None)
        """Why it is over."""

    async def reopen(self, connection: Any) -> None:
        """Go on over another connection. Raises `OSError`."""
        await self._let_go()
        self._reconnecting = False
        self.over.clear()
        self._connection = connection
        await self._connect()

    async def resend(self) -> None:
        """Send what has no answer once more, under its old ids: the server knows whether it has had it."""
        pending = [one for one in self._pending_state.values() if one.msg_id in self._state.sent]
        if pending:
            messages = b"".join(self._state.sent[one.msg_id] for one in pending)
            buffer = io.BytesIO()
            container = struct.pack("<Ii", _CONTAINER, len(pending)) + messages
            container_id = self._state.write_data_as_message(buffer, container, False)
            for one in pending:
                one.container_id = container_id
            await self._connection.send(self._state.encrypt_message_data(buffer.getvalue()))

    async def stop(self) -> None:
        """Close the connection, and let go of every request that still waits for an answer."""
        await self._let_go()
        await self.disconnect()
        for state in [*self._send_queue._deque]:
            state.future.cancel()

    async def _let_go(self) -> None:
        if self._connection is not None:
            await self._connection.disconnect()
        await _helpers._cancel(self._log, send=self._send_loop_handle, receive=self._recv_loop_handle)

    def _start_reconnect(self, error: BaseException | None) -> None:
        """What Telethon calls when the connection is lost."""
        self._reconnecting = True
        self.over.set()

    async def _disconnect(self, error: BaseException | None = None) -> None:
        """What Telethon calls when its session is over as well."""
        self.reason = _reason(error)
        await super()._disconnect(error)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # nobody else asks
        self.over.set()

    async def _handle_rpc_result(self, message: Any) -> None:
        error = message.obj.error
        state = self._pending_state.get(message.obj.req_msg_id)
        if error is None or state is None:
            await super()._handle_rpc_result(message)
            return
        del self._pending_state[message.obj.req_msg_id]
        if not state.future.done():
            state.future.set_exception(error_from(error.error_message, error.error_code))


class _Intake:
    """Stands where the sender expects the queue of its client."""

    def __init__(self, on_updates: OnUpdates) -> None:
        self.put_nowait = on_updates


class TelethonClient:
    """`MtprotoClient` on Telethon."""

    def __init__(self, session: Session, server: Server, on_updates: OnUpdates, on_lost: OnLost) -> None:
        self.session = session
        self._server = server
        self._on_updates = on_updates
        self._on_lost = on_lost
        self._sender: _Sender | None = None
        self._watch: asyncio.Task[None] | None = None
        if server.public_key is not None:
            _crypto.rsa.add_key(server.public_key, old=False)

    def elsewhere(self, session: Session, on_lost: OnLost) -> "TelethonClient":
        """See `MtprotoClient.elsewhere`."""
        return TelethonClient(session, self._server, no_updates, on_lost)

    def make(self, name: str, /, **fields: Any) -> Any:
        """See `MtprotoClient.make`."""
        return find(_types, name)(**fields)

    def function(self, name: str, **fields: Any) -> Any:
        """See `MtprotoClient.function`."""
        return find(_functions, name, "Request")(**fields)

    async def connect(self) -> Any:
        """See `MtprotoClient.connect`."""
        await self._stop_watching()
        loggers = _loggers()
        connection = _network.ConnectionTcpFull(self.session.host, self.session.port, self.session.dc, loggers=loggers)
        try:
            async with asyncio.timeout(_CONNECT_WITHIN):
                sender = await self._opened(connection, loggers)
                config = await self._greet(sender)
                await sender.resend()
        except (OSError, TimeoutError) as error:
            no_key = not self.session.auth_key and str(error).startswith("auth_key")
            raise TelegramUnreachable(NO_KEY if no_key else UNREACHABLE) from None
        self._watch = asyncio.create_task(self._wait_until_over(sender))
        return config

    async def invoke(self, function: Any, timeout: float) -> Any:
        """See `MtprotoClient.invoke`. Waits through a reconnect, if need be."""
        sender = self._sender
        if sender is None or not sender.is_connected():
            raise TelegramUnreachable("not connected")
        answer = sender.send(function)
        try:
            await asyncio.wait([answer], timeout=timeout)
            if not answer.done():
                raise TelegramUnreachable("no answer from Telegram in time")
        finally:
            answer.cancel()
        return _result(answer)

    async def close(self) -> None:
        """See `MtprotoClient.close`."""
        await self._stop_watching()
        sender, self._sender = self._sender, None
        if sender is not None:
            await to_the_end(sender.stop())

    def password_proof(self, settings: Any, password: str) -> Any:
        """See `MtprotoClient.password_proof`."""
        return _password.compute_check(settings, password)

    async def _opened(self, connection: Any, loggers: Any) -> _Sender:
        """The sender we have on a new connection, or a new sender if its session is over. Raises `OSError`."""
        if self._sender is not None and self._sender.is_connected():
            await cancellable(self._sender.reopen(connection))
            return self._sender
        key = _crypto.AuthKey(self.session.auth_key or None)
        sender = self._sender = _Sender(key, _Intake(self._on_updates), loggers)
        await cancellable(sender.connect(connection))
        self.session = msgspec.structs.replace(self.session, auth_key=sender.auth_key.key)
        return sender

    async def _greet(self, sender: _Sender) -> Any:
        query = _functions.help.GetConfigRequest()
        init = _functions.InitConnectionRequest(api_id=self.session.api_id, query=query, **DEVICE)
        answer = sender.send(_functions.InvokeWithLayerRequest(_layer, init))
        over = asyncio.ensure_future(sender.over.wait())
        try:
            await asyncio.wait([answer, over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            answer.cancel()
        if answer.cancelled():
            raise sender.reason
        return _result(answer)

    async def _wait_until_over(self, sender: _Sender) -> None:
        await sender.over.wait()
        self._on_lost(sender.reason)

    async def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None


def _result(answer: "asyncio.Future[Any]") -> Any:
    """What a request that is done brought. Raises `TelegramError`."""
    if answer.cancelled():
        raise TelegramUnreachable("the connection to Telegram is lost")
    error = answer.exception()
    if error is None:
        return answer.result()
    raise error if isinstance(error, TelegramError) else _reason(error)


def _reason(error: BaseException | None) -> TelegramError:
    """Why a connection is over, or a request on it failed."""
    if isinstance(error, _errors.AuthKeyNotFound):
        return TelegramError(KEY_NOT_FOUND, 404)
    if isinstance(error, _errors.BadMessageError):
        return TelegramError("BAD_MSG_NOTIFICATION", error.code)
    return TelegramUnreachable("the connection to Telegram is lost")


def _loggers() -> dict[str, logging.Logger]:
    """One logger for all of it, quiet below errors: its other messages name addresses."""
    logger = logging.getLogger("telethon.hullo")
    logger.setLevel(logging.CRITICAL)
    return defaultdict(lambda: logger)
