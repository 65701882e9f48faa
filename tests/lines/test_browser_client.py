"""Calling a server that is no WHIP server, or a bad one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from hullo.lines.browser.line import BrowserLine
from hullo.lines.line import CallFailed, EndReason
from hullo.rtc.clock import MediaClock
from tests.lines.calls import DEADLINE

SDP = "application/sdp"
PLACE = {"Location": "/call/1"}


@asynccontextmanager
async def serving(response: web.Response) -> AsyncIterator[str]:
    """A server that gives `response` to every call."""

    async def posted(request: web.Request) -> web.Response:
        await request.read()
        return response

    app = web.Application()
    app.router.add_post("/call", posted)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/call"
    finally:
        await runner.cleanup()


async def failure_of_calling(url: str) -> CallFailed:
    async with MediaClock(freeze_gc=False) as clock, asyncio.timeout(DEADLINE):
        with pytest.raises(CallFailed) as failure:
            await BrowserLine("127.0.0.1", 0, clock=clock).dial(url, lambda: None)
        return failure.value


@pytest.mark.parametrize(
    ("response", "detail"),
    [
        (web.Response(text="<html>"), "HTTP 200"),
        (web.Response(status=404, text="not found"), "HTTP 404"),
        (web.Response(status=500, body=b"\xff{"), "HTTP 500"),
        (web.Response(status=403, body=b'{"error": "\xff"}'), "HTTP 403"),
        (web.Response(status=403, body=b'{"error": "busy", "more": ' + b"[" * 60_000), "HTTP 403"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.2/call"}), "HTTP 302"),
        (web.Response(status=201, text="v=0", content_type=SDP), "WHIP"),
        (web.Response(status=201, text="v=0", headers=PLACE), "WHIP"),
        (web.Response(status=201, text="v=0" * 40_000, content_type=SDP, headers=PLACE), "WHIP"),
        (web.Response(status=201, text="v=0", content_type=SDP, headers=PLACE), "SDP"),
        (web.Response(status=201, body=b"\xff\xfe", content_type=SDP, headers=PLACE), "SDP"),
        (web.Response(status=201, text="v=0", content_type=SDP, headers={"Location": "http://other/1"}), "another"),
    ],
)
async def test_an_odd_answer_is_one_clear_failure(response: web.Response, detail: str) -> None:
    async with serving(response) as url:
        failure = await failure_of_calling(url)
    assert failure.ending.reason is EndReason.FAILED
    assert detail in failure.ending.detail


async def test_a_server_that_dies_while_it_rings_is_one_clear_failure() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failure = await failure_of_calling(f"http://127.0.0.1:{port}/call")
    assert "broke" in failure.ending.detail
