"""The creation of an authorization key, the server's side (core.telegram.org/mtproto/auth_key). No sockets."""

from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from hullo.demo.loopback_telegram.crypto import CryptoError, RandomBytes, ServerKey, handshake_cipher
from hullo.demo.loopback_telegram.tl import DH_PRIME, aes, functions, read, types

GENERATOR = 3
_LOW = 1 << (2048 - 64)
_WITNESSES = (2, 3, 5, 7)  # decide primality below 3.2e9


class HandshakeError(ValueError):
    """The client broke the rules of the key exchange."""


@dataclass(frozen=True)
class NewKey:
    """A finished exchange: the key, and the first server salt."""

    auth_key: bytes
    salt: int


class Handshake:
    """One key exchange: hand it each request, send what it returns."""

    def __init__(self, key: ServerKey, random: RandomBytes, server_time: int) -> None:
        self._key = key
        self._random = random
        self._server_time = server_time
        self._server_nonce = random(16)
        self._nonce = 0
        self._pq = b""
        self._new_nonce = b""
        self._secret = 0
        self.result: NewKey | None = None
        """The key, once the exchange is through."""

    def answer(self, request: Any) -> Any:
        """The answer to one request. Raises `HandshakeError`, after which the exchange is over."""
        if isinstance(request, functions.ReqPqMulti | functions.ReqPq):
            return self._offer_pq(request)
        if request.nonce != self._nonce or request.server_nonce != _number(self._server_nonce):
            raise HandshakeError("the nonces are those of another exchange")
        if isinstance(request, functions.ReqDHParams) and self._pq:
            return self._offer_dh(request)
        if isinstance(request, functions.SetClientDHParams) and self._secret:
            return self._finish(request)
        raise HandshakeError(f"{type(request).__name__} out of turn")

    def _offer_pq(self, request: Any) -> Any:
        self._nonce = request.nonce
        self._pq = (_prime(self._random) * _prime(self._random)).to_bytes(8, "big")
        return types.ResPQ(
            nonce=self._nonce,
            server_nonce=_number(self._server_nonce),
            pq=self._pq,
            server_public_key_fingerprints=[self._key.fingerprint],
        )

    def _offer_dh(self, request: Any) -> Any:
        inner = self._open(request)
        if inner.pq != self._pq or int.from_bytes(inner.p, "big") * int.from_bytes(inner.q, "big") != int.from_bytes(
            self._pq, "big"
        ):
            raise HandshakeError("p and q are not the factors")
        self._new_nonce = _bytes(inner.new_nonce, 32)
        self._secret = int.from_bytes(self._random(256), "big")
        data = types.ServerDHInnerData(
            nonce=self._nonce,
            server_nonce=_number(self._server_nonce),
            g=GENERATOR,
            dh_prime=DH_PRIME.to_bytes(256, "big"),
            g_a=pow(GENERATOR, self._secret, DH_PRIME).to_bytes(256, "big"),
            server_time=self._server_time,
        ).write()
        padded = sha1(data).digest() + data
        padded += self._random(-len(padded) % 16)
        return types.ServerDHParamsOk(
            nonce=self._nonce,
            server_nonce=_number(self._server_nonce),
            encrypted_answer=aes.ige256_encrypt(padded, *handshake_cipher(self._new_nonce, self._server_nonce)),
        )

    def _open(self, request: Any) -> Any:
        if request.public_key_fingerprint != self._key.fingerprint:
            raise HandshakeError("encrypted for another server")
        try:
            data, digest = self._key.open(request.encrypted_data)
            inner = read(data)
        except (CryptoError, ValueError) as error:
            raise HandshakeError(f"the inner data can't be read: {error}") from None
        if not isinstance(inner, types.PQInnerData | types.PQInnerDataDc):
            raise HandshakeError(f"unexpected inner data {type(inner).__name__}")
        if digest is not None and sha1(inner.write()).digest() != digest:
            raise HandshakeError("the SHA-1 of the inner data does not fit")
        return inner

    def _finish(self, request: Any) -> Any:
        cipher = handshake_cipher(self._new_nonce, self._server_nonce)
        plain = aes.ige256_decrypt(request.encrypted_data, *cipher)
        inner = read(plain[20:])
        if not isinstance(inner, types.ClientDHInnerData) or sha1(inner.write()).digest() != plain[:20]:
            raise HandshakeError("the client's DH data can't be read")
        g_b = int.from_bytes(inner.g_b, "big")
        if not _LOW <= g_b <= DH_PRIME - _LOW:
            raise HandshakeError("g_b is out of range")
        auth_key = pow(g_b, self._secret, DH_PRIME).to_bytes(256, "big")
        salt = bytes(a ^ b for a, b in zip(self._new_nonce[:8], self._server_nonce[:8], strict=True))
        self.result = NewKey(auth_key, int.from_bytes(salt, "little", signed=True))
        proof = sha1(self._new_nonce + b"\x01" + sha1(auth_key).digest()[:8]).digest()[-16:]
        return types.DhGenOk(
            nonce=self._nonce, server_nonce=_number(self._server_nonce), new_nonce_hash1=_number(proof)
        )


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _bytes(number: int, length: int) -> bytes:
    return number.to_bytes(length, "little", signed=True)


def _prime(random: RandomBytes) -> int:
    """A prime of 31 bits, so that p and q have four bytes each and their product eight."""
    while True:
        candidate = int.from_bytes(random(4), "big") & 0x7FFFFFFF | 0x40000001
        if _is_prime(candidate):
            return candidate


def _is_prime(n: int) -> bool:
    """Miller and Rabin's test, exact below 3.2e9."""
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(n, pow(witness, odd, n), twos) for witness in _WITNESSES)


def _passes(n: int, x: int, twos: int) -> bool:
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False
