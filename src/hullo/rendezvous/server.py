"""One node of a rendezvous on a WebSocket: its connections in and out."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from hullo.rendezvous.limits import customer
from hullo.rendezvous.node import Connection, Kicked, Node
from hullo.rendezvous.wire import MAX_FRAME

logger = logging.getLogger(__name__)

PATH = "/rendezvous"
HELLO_DEADLINE = 10.0
HEARTBEAT = 30.0
"""Seconds between two pings; a device that does not answer is away."""
MAX_UNREAD = 256
"""Messages that wait for a device that reads slowly; then it is disconnected."""
CLOSE_DEADLINE = 2.0


class RendezvousServer:
    """Serves one node. `behind_proxy` takes the client's address from the proxy's X-Forwarded-For header.

    `routes` are served beside it.
    """

    def __init__(
        self,
        node: Node,
        *,
        max_connections: int = 10_000,
        behind_proxy: bool = False,
        routes: Sequence[web.AbstractRouteDef] = (),
    ) -> None:
        self._node = node
        self._routes = routes
        self._max_connections = max_connections
        self._behind_proxy = behind_proxy
        self._connections = 0

    @asynccontextmanager
    async def serve(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """Listen until the end of the block; gives the port. Raises `OSError` when the address can't be used."""
        app = web.Application()
        app.router.add_get(PATH, self._websocket)
        app.add_routes(self._routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_DEADLINE)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, ssl_context=tls)
            await site.start()
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self._node.run(), name="rendezvous node")
                yield runner.addresses[0][1]
                running.cancel()
        finally:
            await runner.cleanup()

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if self._connections >= self._max_connections:
            raise web.HTTPServiceUnavailable(text="too many connections; try again in a minute")
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=MAX_FRAME, compress=False)
        try:
            await socket.prepare(request)
        except ConnectionError:  # it has gone again meanwhile
            return web.Response()
        self._connections += 1
        try:
            await self._converse(socket, request)
        finally:
            self._connections -= 1
        return socket

    async def _converse(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        unread: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_UNREAD)

        def send(data: bytes) -> None:
            if unread.qsize() >= MAX_UNREAD - 1:  # the last place is for the end
                if request.transport is not None:
                    request.transport.abort()  # it believes that it is here, and would hear of nothing any more
                raise Kicked("slow")
            unread.put_nowait(data)

        connection = Connection(request.host, self._remote(request), send)
        writing = asyncio.create_task(_write(socket, unread), name="rendezvous writer")
        try:
            self._node.opened(connection)
            await self._read(socket, connection)
        except Kicked as kicked:
            logger.debug("a connection is closed: %s", kicked)
        finally:
            self._node.closed(connection)
            unread.put_nowait(None)
            await asyncio.wait([writing], timeout=CLOSE_DEADLINE)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _read(self, socket: web.WebSocketResponse, connection: Connection) -> None:
        while True:
            try:
                async with asyncio.timeout(None if connection.person else HELLO_DEADLINE):
                    message = await socket.receive()
            except TimeoutError:
                return
            if message.type is not WSMsgType.BINARY:
                return
            await self._node.receive(connection, message.data)

    def _remote(self, request: web.Request) -> str:
        forwarded = request.headers.get("X-Forwarded-For", "") if self._behind_proxy else ""
        return customer(forwarded.rsplit(",", 1)[-1].strip() or request.remote or "")


async def _write(socket: web.WebSocketResponse, unread: asyncio.Queue[bytes | None]) -> None:
    while (data := await unread.get()) is not None:
        try:
            await socket.send_bytes(data)
        except ConnectionError:
            return
    await socket.close()
