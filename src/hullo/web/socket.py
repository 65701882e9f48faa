"""One open page: its JSON-RPC requests are answered in order, and it is told of every event, over a WebSocket."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web

from hullo.call.event_stream import EventsMissed, EventStream
from hullo.call.events import CallEvent

logger = logging.getLogger(__name__)

PROTOCOL = "hullo"
MOST_BYTES = 64 * 1024
HEARTBEAT = 10.0
WRITE_SECONDS = 10.0
"""A page that reads nothing for so long while there is something to read is disconnected."""

TRY_AGAIN_LATER = 1013

Answer = Callable[[bytes], Awaitable[bytes | None]]
"""Carries out a JSON-RPC message and gives its answer; None when nothing is to be answered. Never raises."""
Encode = Callable[[CallEvent], bytes]
"""An event as a JSON-RPC notification."""


class _Gone(Exception):
    """The page has left, or is to be left; unwinds its tasks."""


async def serve_page(socket: web.WebSocketResponse, answer: Answer, events: EventStream, encode: Encode) -> None:
    """Serve a prepared socket until the page leaves, the events end, or the page is hopeless. Raises nothing."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_answer_requests(socket, answer))
            tasks.create_task(_forward_events(socket, events, encode))
    except* _Gone:
        pass
    except* (OSError, TimeoutError) as errors:  # aiohttp's ClientConnectionResetError is one
        logger.debug("a page was lost: %s", errors.exceptions[0])
    finally:
        events.close()
        await socket.close()


async def _answer_requests(socket: web.WebSocketResponse, answer: Answer) -> None:
    async for message in socket:
        if message.type is WSMsgType.TEXT and (response := await answer(message.data.encode())) is not None:
            await _send(socket, response)
    raise _Gone


async def _forward_events(socket: web.WebSocketResponse, events: EventStream, encode: Encode) -> None:
    try:
        async for event in events:
            await _send(socket, encode(event))
    except EventsMissed:
        await socket.close(code=TRY_AGAIN_LATER, message=b"the page was too slow and missed events")
    raise _Gone


async def _send(socket: web.WebSocketResponse, message: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await socket.send_str(message.decode())
