"""The server of the JSON-RPC interface: lets clients in, and sees them out."""

import asyncio
import logging
import socket
import time
from collections.abc import Collection
from types import TracebackType
from typing import Self

from hullo.call.switchboard import Switchboard
from hullo.messages.messenger import Messenger
from hullo.service.audio_desk import AudioDesk
from hullo.service.client import Client, turn_away
from hullo.service.dispatcher import Dispatcher
from hullo.service.errors import ErrorCode, domain_error
from hullo.service.history import CallHistory
from hullo.service.message_desk import MessageDesk
from hullo.service.method import Contacts, Service
from hullo.service.rpc import RpcError
from hullo.service.unix_socket import is_allowed, peer_uid
from hullo.speech.service import SpeechService

logger = logging.getLogger(__name__)

_GOODBYE_SECONDS = 2.0


class RpcServer:
    """Serves any number of clients up to `max_clients`; an asynchronous context manager that owns their tasks.

    Enter it before the switchboard and leave it after: then every client is told how the last calls ended.
    """

    def __init__(
        self,
        switchboard: Switchboard,
        speech: SpeechService | None = None,
        *,
        contacts: Contacts | None = None,
        audio: AudioDesk | None = None,
        messages: Messenger | None = None,
        message_desk: MessageDesk | None = None,
        history: CallHistory | None = None,
        max_clients: int = 256,
    ) -> None:
        self._switchboard = switchboard
        self._service = Service(
            switchboard=switchboard,
            speech=speech,
            clients=lambda: self.clients,
            page=lambda: self.page,
            started=time.monotonic(),
            contacts=contacts,
            audio=audio,
            messages=messages,
            message_desk=message_desk,
            history=CallHistory(0) if history is None else history,
        )
        self._dispatcher = Dispatcher(self._service)
        self.messages = messages
        self.page: str | None = None
        """Where the phone in the browser is served."""
        self._max_clients = max_clients
        self._listeners: list[asyncio.Server] = []
        self._clients: set[asyncio.Task[None]] = set()
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def clients(self) -> int:
        """How many are being served."""
        return len(self._clients)

    def dispatcher(self, only: Collection[str]) -> Dispatcher:
        """What carries out those methods, for clients that come by another way."""
        return Dispatcher(self._service, only)

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        for listener in self._listeners:
            listener.close()
        if self._clients:
            _, late = await asyncio.wait(self._clients, timeout=_GOODBYE_SECONDS if kind is None else 0)
            for client in late:
                client.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def listen(self, listener: socket.socket) -> None:
        """Let clients in through a listening Unix socket, until the context is left."""
        self._listeners.append(await asyncio.start_unix_server(self._arrived, sock=listener))

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> asyncio.Task[None]:
        """Serve one client, such as standard input and output; the task is ours, and done when the client has gone."""
        assert self._tasks is not None
        client = Client(reader, writer, self._dispatcher, self._switchboard.stream())
        task = self._tasks.create_task(client.run())
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)
        return task

    def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refusal = self._refusal(writer)
        if refusal is None:
            self.serve(reader, writer)
            return
        logger.warning("a client was turned away: %s", refusal)
        assert self._tasks is not None
        self._tasks.create_task(turn_away(writer, refusal))

    def _refusal(self, writer: asyncio.StreamWriter) -> RpcError | None:
        """Why the client who has just connected is not to be served."""
        uid = peer_uid(writer.get_extra_info("socket"))
        if not is_allowed(uid):
            hint = "run it as the user who runs the daemon"
            return domain_error(ErrorCode.NOT_ALLOWED, f"user {uid} may not use this daemon", hint)
        if self.clients >= self._max_clients:
            hint = "close a connection, or raise [rpc] max_clients"
            return domain_error(ErrorCode.TOO_MANY_CLIENTS, f"{self._max_clients} clients are connected", hint)
        return None
