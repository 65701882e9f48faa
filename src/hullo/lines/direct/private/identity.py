"""Who a person is: an Ed25519 key, and the safety number that two people compare."""

import hashlib
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_BYTES = 32

_VERSION = b"hullo safety number 1"
_ROUNDS = 5200
"""Of SHA-512, so that a key with a similar number is costly to find, as in Signal's safety numbers."""


class Identity:
    """An identity key pair, made from its 32 secret bytes; all devices of a person have the same."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def new(cls) -> "Identity":
        """A fresh one."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature (RFC 8032), 64 bytes."""
        return self._key.sign(data)


def safety_number(one: tuple[str, bytes], other: tuple[str, bytes]) -> str:
    """60 digits in groups of five that are the same at both ends: each side is a person's name and public key."""
    halves = sorted(_digits(*side) for side in (one, other))
    digits = "".join(halves)
    return " ".join(digits[at : at + 5] for at in range(0, len(digits), 5))


def _digits(person: str, key: bytes) -> str:
    name = person.encode()
    digest = _VERSION + len(name).to_bytes(2, "big") + name + key
    for _ in range(_ROUNDS):
        digest = hashlib.sha512(digest + key).digest()
    return "".join(f"{int.from_bytes(digest[at : at + 5], 'big') % 100_000:05d}" for at in range(0, 30, 5))
