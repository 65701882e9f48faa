"""A chat endpoint that answers as its test says, on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


def chunk(text: str) -> bytes:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()


DONE = b"data: [DONE]\n\n"
HANG = b"hang"
BREAK = b"break"


class ChatServer:
    """`script` is what is sent for each question; `asked` are the bodies and keys that came."""

    def __init__(self) -> None:
        self.script: list[bytes] = [chunk("Hello"), chunk(" there."), DONE]
        self.status = 200
        self.content_type = "text/event-stream"
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.given_up = asyncio.Event()
        self.url = ""

    async def completions(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("Authorization"))
        response = web.StreamResponse(status=self.status, headers={"Content-Type": self.content_type})
        await response.prepare(request)
        try:
            for part in self.script:
                if part == HANG:
                    await asyncio.sleep(30)
                elif part == BREAK:
                    assert request.transport is not None
                    request.transport.abort()
                else:
                    await response.write(part)
        except (ConnectionError, asyncio.CancelledError):
            self.given_up.set()
            raise
        return response


@asynccontextmanager
async def serving() -> AsyncIterator[ChatServer]:
    server = ChatServer()
    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", server.completions)])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
