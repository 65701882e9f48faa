"""Distance within one process: datagrams and TCP connections that take their time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

from hullo.rtc.adapter.udp import UdpTransport

_CHUNK = 65_536


@contextmanager
def datagrams_late(seconds: float) -> Iterator[None]:
    """Every datagram of a call leaves its socket that much later."""
    send = UdpTransport.sendto

    def late(self: UdpTransport, data: Any, addr: Any = None) -> None:
        asyncio.get_running_loop().call_later(seconds, send, self, data, addr)

    if seconds == 0:
        yield
        return
    with patch.object(UdpTransport, "sendto", late):
        yield


@asynccontextmanager
async def late_proxy(port: int, seconds: float) -> AsyncIterator[int]:
    """A TCP proxy to a local port whose bytes take that long each way; gives its own port."""
    tasks: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(_CHUNK):
            loop.call_later(seconds, writer.write, data)
        loop.call_later(seconds, writer.close)

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        for ends in ((reader, to_writer), (to_reader, writer)):
            task = asyncio.create_task(pass_on(*ends))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
