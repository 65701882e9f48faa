"""MTProto 2.0 encryption, the server's side (core.telegram.org/mtproto/description, /mtproto/auth_key)."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1, sha256

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hullo.demo.loopback_telegram.tl import aes, core

RandomBytes = Callable[[int], bytes]

_TO_SERVER = 0
_TO_CLIENT = 8


class CryptoError(ValueError):
    """A packet that was not made with this key."""


def encrypt(auth_key: bytes, plain: bytes, random: RandomBytes) -> bytes:
    """A packet for the client: key id, message key and ciphertext of `plain` (salt, session id, message)."""
    padded = plain + random(12 + (-len(plain) - 12) % 16)
    message_key = _message_key(auth_key, padded, _TO_CLIENT)
    key, iv = _derive(auth_key, message_key, _TO_CLIENT)
    cipher: bytes = aes.ige256_encrypt(padded, key, iv)
    return key_id(auth_key) + message_key + cipher


def decrypt(auth_key: bytes, packet: bytes) -> bytes:
    """What the client encrypted, padding included. Raises `CryptoError`."""
    message_key, cipher = packet[8:24], packet[24:]
    if len(cipher) < 48 or len(cipher) % 16:
        raise CryptoError(f"{len(cipher)} bytes of ciphertext")
    plain: bytes = aes.ige256_decrypt(cipher, *_derive(auth_key, message_key, _TO_SERVER))
    if _message_key(auth_key, plain, _TO_SERVER) != message_key:
        raise CryptoError("the message key does not fit")
    return plain


def key_id(auth_key: bytes) -> bytes:
    """The 64-bit id of an authorization key."""
    return sha1(auth_key).digest()[-8:]


def handshake_cipher(new_nonce: bytes, server_nonce: bytes) -> tuple[bytes, bytes]:
    """AES key and IV for the answers of the key exchange."""
    new_server = sha1(new_nonce + server_nonce).digest()
    server_new = sha1(server_nonce + new_nonce).digest()
    return new_server + server_new[:12], server_new[12:] + sha1(new_nonce + new_nonce).digest() + new_nonce[:4]


def _message_key(auth_key: bytes, padded: bytes, x: int) -> bytes:
    return sha256(auth_key[88 + x : 120 + x] + padded).digest()[8:24]


def _derive(auth_key: bytes, message_key: bytes, x: int) -> tuple[bytes, bytes]:
    a = sha256(message_key + auth_key[x : x + 36]).digest()
    b = sha256(auth_key[x + 40 : x + 76] + message_key).digest()
    return a[:8] + b[8:24] + a[24:32], b[:8] + a[8:24] + b[24:32]


@dataclass(frozen=True)
class ServerKey:
    """The RSA key that clients know the server by."""

    private: rsa.RSAPrivateKey

    @classmethod
    def generate(cls) -> "ServerKey":
        """A new one of 2048 bits."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @property
    def public_pem(self) -> str:
        """The public half, PKCS #1 in PEM."""
        encoded = self.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
        return encoded.decode("ascii")

    @property
    def fingerprint(self) -> int:
        """Signed 64 bits."""
        numbers = self.private.public_key().public_numbers()
        n, e = (value.to_bytes((value.bit_length() + 7) // 8, "big") for value in (numbers.n, numbers.e))
        digest = sha1(core.Bytes(n) + core.Bytes(e)).digest()
        return int.from_bytes(digest[-8:], "little", signed=True)

    def open(self, block: bytes) -> tuple[bytes, bytes | None]:
        """The inner data of `req_DH_params` with its padding, and its SHA-1 if it came in the form with that.

        Raises `CryptoError` if it is in neither that form nor RSA_PAD.
        """
        numbers = self.private.private_numbers()
        value = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n)
        plain = value.to_bytes(256, "big")
        padded = _rsa_pad(plain)
        if padded is not None:
            return padded, None
        if plain[0] != 0:
            raise CryptoError("neither RSA_PAD nor the SHA-1 form")
        return plain[21:], plain[1:21]


def _rsa_pad(plain: bytes) -> bytes | None:
    """The 192 bytes inside RSA_PAD, or None if it is something else."""
    wrapped_key, cipher = plain[:32], plain[32:]
    key = bytes(a ^ b for a, b in zip(wrapped_key, sha256(cipher).digest(), strict=True))
    opened: bytes = aes.ige256_decrypt(cipher, key, bytes(32))
    data = opened[:192][::-1]
    return data if sha256(key + data).digest() == opened[192:] else None
