"""Allocations at a TURN server (RFC 8656): aioice's client, with sending that needs no task and closing that ends."""

import asyncio
import socket
import struct
import time
from typing import Any

from aioice import stun, turn
from typing_extensions import override

from hullo.rtc.adapter.stun import StunSocket
from hullo.rtc.parameters import IceServer

CHANNEL_REFRESH = 240
"""Seconds; a channel lives for 600, but the permission that comes with it only for 300 (RFC 8656 9, 12)."""

FAREWELL = 1.0
"""Seconds that giving the allocation back may take."""

_ALLOCATION_MISMATCH = 437
_PORTS = 3


class _TurnOverUdp(turn.TurnClientUdpProtocol):
    @override
    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        try:
            super().datagram_received(data, (addr[0], addr[1]))
        except struct.error:  # aioice expects ValueError only; an attribute of the wrong length is neither
            return


class _TurnOverTcp(turn.TurnClientTcpProtocol):
    @override
    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        try:
            super().datagram_received(data, (addr[0], addr[1]))
        except struct.error:
            return


class RelayTransport(turn.TurnTransport):
    """Looks like a UDP socket whose address is the relayed one."""

    def __init__(self, client: turn.TurnClientProtocol) -> None:
        super().__init__(client)
        self._client = client

    @override
    def sendto(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send in the peer's channel; the first packet to a peer, and one every `CHANNEL_REFRESH`, binds it."""
        client = self._client
        channel = client.peer_to_channel.get(addr)
        if channel is None or time.time() > client.channel_refresh_at[channel] or client.transport.is_closing():
            super().sendto(data, addr)
        else:
            client._send(struct.pack("!HH", channel, len(data)) + data)

    def is_closing(self) -> bool:
        """Whether the allocation is given back or lost."""
        return self._client.transport.is_closing()

    @override
    async def _close(self) -> None:
        try:
            async with asyncio.timeout(FAREWELL):
                await super()._close()
        except TimeoutError:
            self._client.transport.close()


async def allocate(server: IceServer, receiver: StunSocket) -> RelayTransport:
    """Get a relayed address for `receiver`. Raises `OSError` or `TransactionError`; the caller has the deadline.

    A server that still has an allocation of our address and port, of a process that died, is asked again from another
    port (RFC 8656 7.4).
    """
    for _ in range(_PORTS - 1):
        try:
            return await _allocate_from_some_port(server, receiver)
        except stun.TransactionFailed as failure:
            if failure.response.error_code != _ALLOCATION_MISMATCH:
                raise
    return await _allocate_from_some_port(server, receiver)


async def _allocate_from_some_port(server: IceServer, receiver: StunSocket) -> RelayTransport:
    loop = asyncio.get_running_loop()
    host, port = server.address
    login = server.login(time.time())
    options = login.username, login.credential, turn.DEFAULT_ALLOCATION_LIFETIME, CHANNEL_REFRESH
    client: turn.TurnClientProtocol
    inner: asyncio.BaseTransport
    if server.transport == "tcp":
        inner, client = await loop.create_connection(
            lambda: _TurnOverTcp((host, port), *options),
            host,
            port,
            ssl=True if server.uses_tls else None,
        )
    else:
        inner, client = await loop.create_datagram_endpoint(
            lambda: _TurnOverUdp((host, port), *options), remote_addr=(host, port)
        )
        inner.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, turn.UDP_SOCKET_BUFFER_SIZE)
    try:
        relay = RelayTransport(client)
        await relay._connect(receiver)
    except BaseException:
        inner.close()
        raise
    return relay
