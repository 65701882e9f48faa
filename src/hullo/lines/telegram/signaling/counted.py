"""Sealed packets of versions 12.0.0 and 13.0.0: each one message, compressed and counted."""

import gzip
import struct

from hullo.lines.telegram.signaling.cipher import SignalingCipher, Undecipherable
from hullo.lines.telegram.signaling.inflate import InflateError, inflate
from hullo.lines.telegram.signaling.replay import REPLAYED, ReplayWindow

_COUNTER = struct.Struct(">I")


class CountedMessages:
    """Seals and opens; `rejected` and `replayed` count what was not taken, and `foreign` what the key does not open.

    `problem` is what was wrong with the last of them.
    """

    def __init__(self, cipher: SignalingCipher) -> None:
        self.rejected = 0
        self.foreign = 0
        self.replayed = 0
        self.problem = ""
        self._cipher = cipher
        self._counter = 0
        self._window = ReplayWindow()

    def seal(self, message: bytes) -> bytes:
        """The packet for one message."""
        self._counter += 1
        return self._cipher.seal(_COUNTER.pack(self._counter) + gzip.compress(message, mtime=0))

    def open(self, packet: bytes) -> bytes | None:
        """The message of a packet; None if it is not from the peer, or was opened before."""
        try:
            plaintext = self._cipher.open(packet)
            if len(plaintext) < _COUNTER.size:
                raise InflateError("the message has no number")
            (counter,) = _COUNTER.unpack_from(plaintext)
            message = inflate(plaintext[_COUNTER.size :])
        except (Undecipherable, InflateError) as error:
            self.rejected += 1
            self.foreign += isinstance(error, Undecipherable)
            self.problem = str(error)
            return None
        if not self._window.first_time(counter):
            self.replayed += 1
            self.problem = REPLAYED
            return None
        return message
