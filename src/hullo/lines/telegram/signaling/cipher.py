"""The sealing of signaling packets: AES-256-CTR under a key from the message and the key of the call."""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MSG_KEY_BYTES = 16
_SIGNALING = 128
_FROM_CALLEE = 8


class Undecipherable(ValueError):
    """A packet that was not sealed by the peer: forged, corrupted, or under another key."""


class SignalingCipher:
    """Seals what we send and opens what the peer sent, with the 256-byte key of the call."""

    def __init__(self, key: bytes, *, is_caller: bool) -> None:
        if len(key) != 256:
            raise ValueError("the key of a call has 256 bytes")
        self._key = key
        self._ours = _SIGNALING + (0 if is_caller else _FROM_CALLEE)
        self._theirs = _SIGNALING + (_FROM_CALLEE if is_caller else 0)

    def seal(self, plaintext: bytes) -> bytes:
        """The packet: the message key, and the plaintext encrypted."""
        msg_key = self._msg_key(plaintext, self._ours)
        return msg_key + self._crypt(plaintext, msg_key, self._ours)

    def open(self, packet: bytes) -> bytes:
        """The plaintext of a packet of the peer. Raises `Undecipherable`."""
        msg_key = packet[:MSG_KEY_BYTES]
        plaintext = self._crypt(packet[MSG_KEY_BYTES:], msg_key, self._theirs)
        if not hmac.compare_digest(self._msg_key(plaintext, self._theirs), msg_key):
            raise Undecipherable("the packet does not fit the key of the call")
        return plaintext

    def _msg_key(self, plaintext: bytes, x: int) -> bytes:
        return hashlib.sha256(self._key[88 + x : 120 + x] + plaintext).digest()[8:24]

    def _crypt(self, data: bytes, msg_key: bytes, x: int) -> bytes:
        a = hashlib.sha256(msg_key + self._key[x : x + 36]).digest()
        b = hashlib.sha256(self._key[40 + x : 76 + x] + msg_key).digest()
        aes_key = a[:8] + b[8:24] + a[24:]
        counter = b[:4] + a[8:16] + b[24:28]
        context = Cipher(algorithms.AES(aes_key), modes.CTR(counter)).encryptor()
        return context.update(data) + context.finalize()
