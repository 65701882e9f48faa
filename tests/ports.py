"""Ports for programs that have to be told one before they listen."""

import secrets
import socket

_PORTS = range(20_000, 32_000)
"""Below those that systems give out by themselves, which somebody else may get until the program listens."""

_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port on which nobody listens now, and which this process is given once."""
    while True:
        port = secrets.choice(_PORTS)
        try:
            socket.create_server((host, port)).close()
        except OSError:
            continue
        if port not in _given:
            _given.add(port)
            return port
