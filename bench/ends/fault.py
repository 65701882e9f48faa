"""Trouble on purpose, made the same way for every subject."""

import random
import socket
import time
from typing import Any

STALL_SECONDS = 0.4

_send_to = socket.socket.sendto


def lose_one_rtp_packet() -> None:
    """The next RTP packet that this process sends is lost between here and the network."""

    def sendto(self: socket.socket, data: Any, *where: Any) -> int:
        if not _is_rtp(data):
            return _send_to(self, data, *where)
        socket.socket.sendto = _send_to  # type: ignore[method-assign]
        return len(data)

    socket.socket.sendto = sendto  # type: ignore[method-assign, assignment]


def lose_rtp_packets(share: float, seed: int) -> None:
    """From now on so many of the RTP packets that this process sends are lost between here and the network."""
    fate = random.Random(seed)

    def sendto(self: socket.socket, data: Any, *where: Any) -> int:
        if _is_rtp(data) and fate.random() < share:
            return len(data)
        return _send_to(self, data, *where)

    socket.socket.sendto = sendto  # type: ignore[method-assign, assignment]


def stall() -> None:
    """The listener's program does nothing for 400 ms."""
    time.sleep(STALL_SECONDS)


def _is_rtp(data: bytes) -> bool:
    return len(data) >= 12 and 128 <= data[0] < 192 and not 192 <= data[1] < 224
