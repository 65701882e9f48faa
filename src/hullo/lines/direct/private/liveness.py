"""Whether a connection still reaches the other end; TCP would find out after minutes."""

import socket
from contextlib import suppress
from ipaddress import ip_address

import aiohttp

from hullo.rtc.path import local_addresses

SILENT = 3.0
"""Seconds without any sign of the server, while it owes an answer, after which the connection counts as dead."""


class Liveness:
    """What one connection has shown of itself. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._heard = now
        self._owed_since: float | None = None

    def asked(self, now: float) -> None:
        """The server owes an answer from now on."""
        if self._owed_since is None:
            self._owed_since = now

    def heard(self, now: float) -> None:
        """Something came."""
        self._heard, self._owed_since = now, None

    def dead(self, now: float) -> bool:
        """Whether it has owed an answer for too long."""
        return self._owed_since is not None and now - max(self._owed_since, self._heard) > SILENT


def stranded(connection: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether the address of our end is not this machine's any more, as after a change of the network."""
    name = connection.get_extra_info("sockname")
    if not name or ip_address(name[0].partition("%")[0]).is_loopback:
        return False
    return name[0] not in local_addresses()


def abandon(connection: aiohttp.ClientWebSocketResponse) -> None:
    """End it at once, without a goodbye that would wait for an answer."""
    raw = connection.get_extra_info("socket")
    if raw is not None:  # else it has ended already
        with suppress(OSError):  # as it may have here
            raw.shutdown(socket.SHUT_RDWR)
