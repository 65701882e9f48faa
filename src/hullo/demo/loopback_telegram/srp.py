"""Two-step verification, the server's side of SRP-6a (core.telegram.org/api/srp)."""

import hmac
from hashlib import pbkdf2_hmac, sha256

from hullo.demo.loopback_telegram.crypto import RandomBytes
from hullo.demo.loopback_telegram.tl import DH_PRIME

GENERATOR = 3
_ROUNDS = 100_000


class PasswordVerifier:
    """One challenge: `b` goes to the client, `accepts` checks what it made of it and the password."""

    def __init__(self, password: str, random: RandomBytes) -> None:
        self.id = int.from_bytes(random(8), "little", signed=True)
        self.salt1 = random(40)
        self.salt2 = random(16)
        x = int.from_bytes(_password_hash(password, self.salt1, self.salt2), "big")
        self._verifier = pow(GENERATOR, x, DH_PRIME)
        self._secret = int.from_bytes(random(256), "big")
        k = int.from_bytes(sha256(_padded(DH_PRIME) + _padded(GENERATOR)).digest(), "big")
        self.b = _padded((k * self._verifier + pow(GENERATOR, self._secret, DH_PRIME)) % DH_PRIME)

    def accepts(self, a: bytes, proof: bytes) -> bool:
        """Whether the client knows the password: `a` is its public value, `proof` its M1."""
        public = int.from_bytes(a, "big")
        if not 0 < public < DH_PRIME:
            return False
        padded = _padded(public)
        u = int.from_bytes(sha256(padded + self.b).digest(), "big")
        shared = pow(public * pow(self._verifier, u, DH_PRIME), self._secret, DH_PRIME)
        p_xor_g = bytes(
            x ^ y for x, y in zip(sha256(_padded(DH_PRIME)).digest(), sha256(_padded(GENERATOR)).digest(), strict=True)
        )
        salts = sha256(self.salt1).digest() + sha256(self.salt2).digest()
        key = sha256(_padded(shared)).digest()
        return hmac.compare_digest(sha256(p_xor_g + salts + padded + self.b + key).digest(), proof)


def _password_hash(password: str, salt1: bytes, salt2: bytes) -> bytes:
    inner = _salted(_salted(password.encode(), salt1), salt2)
    return _salted(pbkdf2_hmac("sha512", inner, salt1, _ROUNDS), salt2)


def _salted(data: bytes, salt: bytes) -> bytes:
    return sha256(salt + data + salt).digest()


def _padded(number: int) -> bytes:
    return number.to_bytes(256, "big")
