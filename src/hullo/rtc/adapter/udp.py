"""A UDP socket on the event loop that empties itself at every wake-up and knows when the kernel got each datagram."""

import asyncio
import socket
import struct
import sys
import time
from typing import Any, Protocol

from typing_extensions import override

MAX_DATAGRAM = 1500
"""Longer datagrams are no part of a voice call; the SRTP library could not take them either."""

DRAIN = 64
"""Datagrams read at one wake-up, so that a flood at one socket leaves time for the other calls."""

RECEIVE_BUFFER = 262_144

# The kernel's arrival time keeps a stall of this process from looking like jitter of the network.
_SO_TIMESTAMPNS = 35 if sys.platform == "linux" and struct.calcsize("l") == 8 else None
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)
_TRUNCATED = int(socket.MSG_TRUNC)  # the enum itself costs more than the rest of the loop
_LONGEST_STALL = 5.0
CAN_WAIT = _SO_TIMESTAMPNS is not None
"""Whether a datagram can be read later without losing the time of its arrival."""

_FRESH = 0.002
"""Seconds; behind a datagram that is younger, none is waiting, and asking for it would be a system call for nothing."""


class ArrivalProtocol(Protocol):
    """Takes what a `UdpTransport` reads."""

    def datagram_arrived(self, data: bytes, addr: tuple[str, int], arrival: float) -> None:
        """One datagram, its source, and the monotonic time when it reached this machine."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""


class UdpTransport(asyncio.DatagramTransport):
    """An unconnected socket bound to `host` and a free port. Raises `OSError` when that address cannot be bound.

    What the kernel has no room for is dropped and counted: sound that waits is worth less than sound that is lost.
    """

    def __init__(self, host: str, protocol: ArrivalProtocol) -> None:
        super().__init__()
        self.oversized = 0
        self.unsent = 0
        self.failing = 0
        """Of the last datagrams, how many in a row the kernel would not send."""
        self.host = host
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._socket = _bound_socket(host)
        self._name: tuple[str, int] = self._socket.getsockname()[:2]
        self._wakes = False
        self.wake_on_arrival(True)

    def wake_on_arrival(self, wakes: bool) -> None:
        """Read when something arrives, as at first; or leave it lying until somebody calls `read`."""
        if wakes == self._wakes or self.is_closing():
            return
        self._wakes = wakes
        if wakes:
            self._loop.add_reader(self._socket.fileno(), self._drain)
        else:
            self._loop.remove_reader(self._socket.fileno())

    def read(self) -> None:
        """Read everything that has arrived."""
        self._drain(fresh=0.0)

    @override
    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send now or never."""
        try:
            self._socket.sendto(data, addr)
            self.failing = 0
        except OSError:
            self.unsent += 1
            self.failing += 1

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`sockname` and `socket`, as asyncio's own transports tell them."""
        return {"sockname": self._name, "socket": self._socket}.get(name, default)

    @override
    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._socket.fileno() < 0

    @override
    def close(self) -> None:
        """Close the socket at once; the protocol hears of it in the next turn of the loop."""
        if not self.is_closing():
            self.wake_on_arrival(False)
            self._socket.close()
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def _drain(self, fresh: float = _FRESH) -> None:
        for _ in range(DRAIN):
            try:
                data, ancillary, flags, addr = self._socket.recvmsg(MAX_DATAGRAM, _ANCILLARY)
            except OSError:  # nothing left, or an ICMP error of an earlier send
                return
            if flags & _TRUNCATED:
                self.oversized += 1
                continue
            age = _age(ancillary)
            self._protocol.datagram_arrived(data, (addr[0], addr[1]), time.monotonic() - age)
            if 0.0 < age < fresh or self.is_closing():
                return


def _bound_socket(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if _SO_TIMESTAMPNS is not None:
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.bind((host, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _age(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Seconds since the kernel got a datagram; 0 where it does not tell."""
    if not ancillary:
        return 0.0
    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
    age = time.time() - seconds - nanoseconds * 1e-9
    return age if 0.0 < age < _LONGEST_STALL else 0.0
