"""A place at a Telegram reflector that looks like a UDP socket to ICE, over UDP or TCP."""

import asyncio
import secrets
import struct
import time
from typing import Any

from aioice import Candidate
from typing_extensions import override

from hullo.rtc import reflector as packets
from hullo.rtc.adapter.stun import Address, StunSocket
from hullo.rtc.adapter.udp import MAX_DATAGRAM, UdpTransport
from hullo.rtc.reflector import Reflector

MAX_UNSENT = 65_536
"""Bytes that wait in a TCP connection; sound that waits is worth less than sound that is lost."""

_FRAME = struct.Struct("<I")


class ReflectorCandidate(Candidate):
    """Pairs with the candidates at the same reflector and port, and with nothing else."""

    @override
    def can_pair_with(self, other: Candidate) -> bool:
        ours, theirs = packets.parse_address(self.host), packets.parse_address(other.host)
        return ours is not None and theirs is not None and ours[0] == theirs[0] and self.port == other.port


class ReflectorTransport(asyncio.DatagramTransport):
    """One tag of ours at a reflector. `ready` is set once the reflector passes packets on."""

    def __init__(self, reflector: Reflector, receiver: StunSocket) -> None:
        super().__init__()
        self.ready = asyncio.Event()
        self._reflector = reflector
        self._receiver = receiver
        self._tag = secrets.randbelow(0xFFFF_FFFF) + 1
        self._closed = False

    @property
    def own_address(self) -> Address:
        """Where peers reach us, inside ICE."""
        return packets.address_of(self._reflector.id, self._tag), self._reflector.port

    @override
    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send to another tag at the same reflector; to anywhere else nothing can be sent."""
        to = packets.parse_address(addr[0])
        if to is not None and to[0] == self._reflector.id:
            self._send(packets.data_packet(self._reflector.prefix, to[1], self._tag, bytes(data)))

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`sockname`, as ICE knows it."""
        return self.own_address if name == "sockname" else default

    @override
    def is_closing(self) -> bool:
        """Whether it is closed, by us or by the reflector."""
        return self._closed

    @override
    def close(self) -> None:
        """Give the place up; the receiver hears of it in the next turn of the loop."""
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self._receiver.connection_lost, None)

    @override
    def abort(self) -> None:
        """As `close`."""
        self.close()

    def _send(self, packet: bytes) -> None:
        raise NotImplementedError

    def _arrived(self, packet: bytes, arrival: float) -> None:
        data = packets.parse_data(self._reflector.prefix, packet)
        if data is not None:
            sender, payload = data
            address = packets.address_of(self._reflector.id, sender)
            self._receiver.datagram_arrived(payload, (address, self._reflector.port), arrival)


class _UdpReflector(ReflectorTransport):
    def __init__(self, reflector: Reflector, receiver: StunSocket) -> None:
        super().__init__(reflector, receiver)
        self._server = (reflector.host, reflector.port)
        self._socket = UdpTransport("::" if ":" in reflector.host else "0.0.0.0", self)
        self._next_hello = asyncio.get_running_loop().call_soon(self._hello)

    def datagram_arrived(self, data: bytes, addr: Address, arrival: float) -> None:
        """Called by the socket."""
        if addr == self._server and packets.is_ours(self._reflector.prefix, data):
            self.ready.set()
            self._arrived(data, arrival)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the socket."""
        self.close()

    @override
    def close(self) -> None:
        self._next_hello.cancel()
        self._socket.close()
        super().close()

    def _hello(self) -> None:
        self._socket.sendto(packets.udp_hello(self._reflector.prefix, self._tag), self._server)
        delay = packets.KEEP_ALIVE if self.ready.is_set() else packets.HELLO_EVERY
        self._next_hello = asyncio.get_running_loop().call_later(delay, self._hello)

    @override
    def _send(self, packet: bytes) -> None:
        self._socket.sendto(packet, self._server)


class _TcpReflector(ReflectorTransport, asyncio.Protocol):
    def __init__(self, reflector: Reflector, receiver: StunSocket) -> None:
        super().__init__(reflector, receiver)
        self._connection: asyncio.Transport | None = None
        self._waiting = bytearray()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connection = transport
        hello = packets.tcp_frame(packets.tcp_hello(self._reflector.prefix, self._tag))
        transport.write(packets.TCP_PREAMBLE + hello)
        self.ready.set()

    @override
    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) >= _FRAME.size and not self._closed:
            (length,) = _FRAME.unpack_from(self._waiting)
            if length > MAX_DATAGRAM + 64:  # not the protocol that we know
                self.close()
            elif len(self._waiting) < _FRAME.size + length:
                return
            else:
                frame = bytes(self._waiting[_FRAME.size : _FRAME.size + length])
                del self._waiting[: _FRAME.size + length]
                self._arrived(frame, time.monotonic())

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.close()

    @override
    def close(self) -> None:
        if self._connection is not None:
            self._connection.abort()
        super().close()

    @override
    def _send(self, packet: bytes) -> None:
        connection = self._connection
        if connection is not None and connection.get_write_buffer_size() + len(packet) <= MAX_UNSENT:
            connection.write(packets.tcp_frame(packet))


async def take_place(reflector: Reflector, receiver: StunSocket) -> ReflectorTransport:
    """Get an address at a reflector for `receiver`. Raises `OSError`; the caller has the deadline."""
    if reflector.tcp:
        _, place = await asyncio.get_running_loop().create_connection(
            lambda: _TcpReflector(reflector, receiver), reflector.host, reflector.port
        )
        return place
    transport = _UdpReflector(reflector, receiver)
    try:
        await transport.ready.wait()
    except BaseException:
        transport.close()
        raise
    return transport
