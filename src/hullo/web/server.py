"""The server of the page: its files for everybody who can reach it, everything else for those who have the secret."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import hdrs, web

from hullo.call.switchboard import Switchboard
from hullo.lines.browser.client import MAX_BODY
from hullo.lines.browser.guard import Guard
from hullo.lines.browser.ice_servers import configuration
from hullo.lines.browser.line import BrowserLine
from hullo.lines.browser.problem import Problem
from hullo.lines.browser.resource import LegResources
from hullo.lines.browser.server import add_leg_routes, answering_problems, guarded
from hullo.messages.messenger import Messenger
from hullo.web.assets import HEADERS, load_assets, respond
from hullo.web.calls import LEGS, PageCalls
from hullo.web.messages import PageMessages
from hullo.web.socket import HEARTBEAT, MOST_BYTES, PROTOCOL, Answer, Encode, serve_page

_USAGE = "open / in a browser; docs/web.md tells what else is there"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the page is served, and under which other origins browsers may see it."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    origins: Collection[str] = ()


class PageServer:
    """Serves the page and what it asks for.

    `answer` carries out its requests, `encode` is how it is told of events; `messenger` has the voice messages, None
    without. Calls for the agent come in on `line`, which must be one of the lines of `board`.
    """

    def __init__(
        self,
        board: Switchboard,
        line: BrowserLine,
        *,
        token: str,
        answer: Answer,
        encode: Encode,
        messenger: Messenger | None = None,
        max_pages: int = 16,
    ) -> None:
        self._board = board
        self._line = line
        self._token = token
        self._answer = answer
        self._encode = encode
        self._messages = PageMessages(messenger)
        self._max_pages = max_pages
        self._assets = load_assets()
        self._sockets: set[web.WebSocketResponse] = set()

    @asynccontextmanager
    async def serve(self, address: Address) -> AsyncIterator[str]:
        """Listen, and give the address of the page. Raises `OSError` when the address can't be listened at."""
        async with asyncio.TaskGroup() as tasks:
            runner = web.AppRunner(
                self._application(address, tasks), handler_cancellation=True, access_log=None, shutdown_timeout=1.0
            )
            await runner.setup()
            try:
                await web.TCPSite(runner, address.host, address.port, ssl_context=address.tls).start()
                host = f"[{address.host}]" if ":" in address.host else address.host
                yield f"{'https' if address.tls else 'http'}://{host}:{runner.addresses[0][1]}/"
            finally:
                for socket in [*self._sockets]:
                    await socket.close(code=1001, message=b"the daemon is stopping")
                await runner.cleanup()

    def _application(self, address: Address, tasks: asyncio.TaskGroup) -> web.Application:
        guard = Guard(address.host, self._token, address.origins)
        calls = PageCalls(self._board, self._line, tasks)
        app = web.Application(client_max_size=MAX_BODY, middlewares=[answering_problems(guard, _USAGE)])
        app.on_response_prepare.append(_harden)
        for path in self._assets:
            app.router.add_get(path, self._file)
        app.router.add_get("/rpc", guarded(guard, self._page))
        app.router.add_post("/calls", guarded(guard, calls.begin))
        app.router.add_post("/calls/{call_id}", guarded(guard, calls.take))
        add_leg_routes(app, LEGS, LegResources(self._line.leg), guard)
        app.router.add_get("/ice", guarded(guard, self._ice), allow_head=False)
        app.router.add_get("/messages/{message_id}", guarded(guard, self._messages.sound), allow_head=False)
        app.router.add_post("/messages", guarded(guard, self._messages.send))
        return app

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return respond(self._assets[request.path], request)

    async def _ice(self, request: web.Request) -> web.StreamResponse:
        body = configuration(self._line.page_servers, time.time())
        return web.Response(body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        if len(self._sockets) >= self._max_pages:
            raise Problem(503, "too-many-pages", f"{self._max_pages} pages are open", "close one of them")
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,), heartbeat=HEARTBEAT, max_msg_size=MOST_BYTES, compress=False
        )
        if not socket.can_prepare(request):
            raise Problem(426, "no-websocket", "this is the page's WebSocket", "open the page instead")
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await serve_page(socket, self._answer, self._board.stream(), self._encode)
        finally:
            self._sockets.discard(socket)
        return socket


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
