"""A reflector as Telegram's are believed to be: it passes packets between the tags of a call, over UDP and TCP."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from hullo.rtc.reflector import Reflector

CONTROL = b"\xff" * 12
HOST = "127.0.0.1"


class ReflectorServer(asyncio.DatagramProtocol):
    """Each end of a call may have a prefix of its own (`prefixes` of one call); headers are rewritten between them."""

    def __init__(self, prefixes: tuple[bytes, bytes], *, deaf: bool = False) -> None:
        self.hellos = 0
        self.passed = 0
        self.malformed = 0
        self._prefixes = prefixes
        self._deaf = deaf
        self._places: dict[bytes, tuple[bytes, Callable[[bytes], None]]] = {}
        self._udp: asyncio.DatagramTransport | None = None
        self.connections: list[asyncio.StreamWriter] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._udp = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        assert self._udp is not None
        udp = self._udp
        self.packet(data, lambda packet: udp.sendto(packet, addr))

    def packet(self, data: bytes, answer: Callable[[bytes], None], tcp: bool = False) -> None:
        """One packet of an end, over whatever it came."""
        prefix = data[:12]
        if self._deaf or prefix not in self._prefixes or len(data) < 20 or (len(data) % 4 and not tcp):
            self.malformed += not self._deaf
            return
        if data[16:28] == CONTROL or (tcp and len(data) == 20):
            self.hellos += 1
            self._places[data[12:16]] = prefix, answer
            answer(data[:16] + CONTROL + bytes(4))
            return
        place = self._places.get(data[12:16])
        if place is not None:
            self.passed += 1
            place[1](place[0] + data[12:])

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection."""
        self.connections.append(writer)
        try:
            assert await reader.readexactly(4) == b"\xee\xee\xee\xee"
            while True:
                (length,) = struct.unpack("<I", await reader.readexactly(4))
                packet = await reader.readexactly(length)
                self.packet(packet, lambda data: writer.write(struct.pack("<I", len(data)) + data), tcp=True)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def reflector_server(
    *,
    tcp: bool = False,
    host: str = HOST,
    reflector_id: int = 1,
    tags: tuple[bytes, bytes] = (bytes(range(16)), bytes(range(16))),
    deaf: bool = False,
) -> AsyncIterator[tuple[ReflectorServer, Reflector, Reflector]]:
    """Run one; gives it and what each of the two ends of a call is told of it."""
    server = ReflectorServer((tags[0][:12], tags[1][:12]), deaf=deaf)
    async with _listening(server, tcp, host) as port:
        first, second = (
            Reflector(id=reflector_id, host=host, port=port, peer_tag=peer_tag, tcp=tcp) for peer_tag in tags
        )
        yield server, first, second


@asynccontextmanager
async def _listening(server: ReflectorServer, tcp: bool, host: str) -> AsyncIterator[int]:
    if tcp:
        async with await asyncio.start_server(server.serve_tcp, host, 0) as listener:
            yield listener.sockets[0].getsockname()[1]
            for writer in server.connections:
                writer.close()
        return
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, local_addr=(host, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
