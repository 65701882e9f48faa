"""Both halves of WHIP as somebody else would write them: the fewest lines that the RFC allows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import aiohttp
from aiohttp import web

SDP_TYPE = "application/sdp"


class Posted:
    """An answered offer: the answer, and the URL that ends the call."""

    def __init__(self, sdp: str, url: str) -> None:
        self.sdp = sdp
        self._url = url

    async def delete(self) -> int:
        """Hang up; returns the status."""
        async with aiohttp.ClientSession() as session, session.delete(self._url) as response:
            return response.status


async def post(url: str, offer: str) -> Posted:
    """Post an offer and wait for the answer."""
    headers = {"Content-Type": SDP_TYPE}
    async with aiohttp.ClientSession() as session, session.post(url, data=offer, headers=headers) as response:
        body = await response.text()
        assert response.status == 201, body
        return Posted(body, urljoin(url, response.headers["Location"]))


@asynccontextmanager
async def endpoint(answer: Callable[[str], Awaitable[str]]) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that answers offers; gives its URL and the list of calls that were deleted."""
    deleted: list[str] = []

    async def posted(request: web.Request) -> web.Response:
        sdp = await answer(await request.text())
        return web.Response(status=201, text=sdp, content_type=SDP_TYPE, headers={"Location": "/call/the-one"})

    async def delete(request: web.Request) -> web.Response:
        deleted.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_post("/call", posted)
    app.router.add_delete("/call/{call}", delete)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/call", deleted
    finally:
        await runner.cleanup()
