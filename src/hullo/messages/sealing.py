"""A file encrypted with a key of its own, as it is written or read: libsodium's secretstream (XChaCha20-Poly1305).

A sealed file is the 24 bytes of the stream's header and then chunks of `CHUNK` bytes, the last one shorter or not. A
chunk can't be opened unless it is whole, unchanged, and follows the one before it; only the last one is marked as such.
"""

import secrets
from typing import Any, Final, NoReturn

from hullo.messages.errors import MessageError, SealBroken

try:
    from nacl import bindings as sodium
    from nacl.exceptions import CryptoError
except ImportError as error:  # pragma: no cover
    raise MessageError(
        "PyNaCl is not installed, which encrypts voice messages: pip install 'hullo[private]'"
    ) from error

KEY_BYTES: Final = sodium.crypto_secretstream_xchacha20poly1305_KEYBYTES
CHUNK: Final = 1 << 15
"""Bytes of a sealed chunk."""

_HEADER: Final = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_PLAIN: Final = CHUNK - sodium.crypto_secretstream_xchacha20poly1305_ABYTES
_MORE: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_PURPOSE: Final = b"hullo voice message 1"
"""Authenticated with every chunk: nothing sealed for another purpose can be passed off as one."""


def new_key() -> bytes:
    """A random key; never use one for two files."""
    return secrets.token_bytes(KEY_BYTES)


class Sealer:
    """Encrypts one file; what each call returns is for the end of the sealed one."""

    def __init__(self, key: bytes) -> None:
        """`key` is from `new_key`."""
        self._state: Any = sodium.crypto_secretstream_xchacha20poly1305_state()
        self._out = sodium.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        self._waiting = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the file, any number."""
        self._waiting += data
        while len(self._waiting) > _PLAIN:  # the last chunk must be known as such, so one is always held back
            self._push(bytes(self._waiting[:_PLAIN]), _MORE)
            del self._waiting[:_PLAIN]
        return self._taken()

    def finish(self) -> bytes:
        """The end. Nothing may be fed after this."""
        self._push(bytes(self._waiting), _FINAL)
        return self._taken()

    def _push(self, plain: bytes, tag: int) -> None:
        self._out += sodium.crypto_secretstream_xchacha20poly1305_push(self._state, plain, _PURPOSE, tag)

    def _taken(self) -> bytes:
        out, self._out = self._out, b""
        return out


class Opener:
    """Decrypts one file: every byte that comes out was sealed with the key and stands where it stood."""

    def __init__(self, key: bytes) -> None:
        """Raises `SealBroken` for what is no key."""
        if len(key) != KEY_BYTES:
            raise SealBroken(f"the key of the message has {len(key)} bytes instead of {KEY_BYTES}")
        self._key = key
        self._state: Any = None
        self._waiting = bytearray()
        self._chunks = 0
        self._ended = False
        self._broken = False

    def feed(self, data: bytes) -> bytes:
        """What the next bytes of the sealed file, any number, make whole. Raises `SealBroken`, and ever after."""
        self._waiting += data
        plain = []
        if self._state is None and len(self._waiting) >= _HEADER:
            self._begin()
        while self._state is not None and len(self._waiting) >= CHUNK:
            plain.append(self._pull(CHUNK))
        return b"".join(plain)

    def finish(self) -> bytes:
        """The rest, when all of the sealed file has been fed. Raises `SealBroken` if that was not all of it."""
        plain = self._pull(len(self._waiting)) if self._state is not None and self._waiting else b""
        if not self._ended:
            self._refuse(f"it is cut short after {self._chunks} chunks")
        return plain

    def _begin(self) -> None:
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        header = bytes(self._waiting[:_HEADER])
        del self._waiting[:_HEADER]
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, self._key)

    def _pull(self, size: int) -> bytes:
        if self._broken or self._ended:
            self._refuse("something follows its end" if self._ended else "it was refused before")
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        try:
            plain, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(self._state, chunk, _PURPOSE)
        except (CryptoError, RuntimeError, ValueError):
            self._refuse(f"chunk {self._chunks} is not what was sealed")
        self._chunks += 1
        self._ended = tag == _FINAL
        return plain

    def _refuse(self, why: str) -> NoReturn:
        self._broken = True
        raise SealBroken(f"the message can't be opened: {why}")
