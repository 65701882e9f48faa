"""The Diffie-Hellman exchange of a call and its checks (core.telegram.org/api/end-to-end/voice-calls).

The caller commits to `g_a` by its hash before it has seen `g_b`, so that four emoji are enough to compare keys.
"""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache

import msgspec
from typing_extensions import override

KEY_BYTES = 256

# The prime that Telegram has always used, which needs no test: SHA-256 of its 256 bytes.
_KNOWN_PRIME = bytes.fromhex("02f85e7687fc6f33ba678226a963b3c8a191b47c890cf30debe17c1d623b5af1")

# What p must be modulo the first number for g to generate the subgroup of order (p - 1) / 2.
_RESIDUES = {2: (8, {7}), 3: (3, {2}), 4: (1, {0}), 5: (5, {1, 4}), 6: (24, {19, 23}), 7: (7, {3, 5, 6})}

# Bases of the primality test, drawn by a hash of the number, so that nobody can build a composite for known ones.
_WITNESSES = 24
_ATTEMPTS = 64

RandomBytes = Callable[[int], bytes]


class KeyExchangeError(Exception):
    """The exchange cannot be trusted; the message says which check failed."""


class DhGroup(msgspec.Struct, frozen=True):
    """A checked generator and prime."""

    g: int
    p: int


class KeyPair(msgspec.Struct, frozen=True):
    """Our secret exponent, and the public value as its 256 bytes on the wire."""

    group: DhGroup
    secret: int
    public: bytes

    @override
    def __repr__(self) -> str:
        return "KeyPair()"  # never the secret


def check_group(g: int, p: bytes) -> DhGroup:
    """The group of messages.dhConfig. Raises `KeyExchangeError`; takes half a second for a prime never seen before."""
    prime = int.from_bytes(p, "big")
    if prime.bit_length() != 8 * KEY_BYTES:
        raise KeyExchangeError("the server's prime does not have 2048 bits")
    if g not in _RESIDUES:
        raise KeyExchangeError("the server's generator is not a number from 2 to 7")
    modulus, residues = _RESIDUES[g]
    if prime % modulus not in residues:
        raise KeyExchangeError("the server's generator does not generate the large subgroup")
    if hashlib.sha256(p).digest() != _KNOWN_PRIME and not _is_safe_prime(prime):
        raise KeyExchangeError("the server's prime is not a safe prime")
    return DhGroup(g, prime)


def make_key_pair(group: DhGroup, server_random: bytes, random_bytes: RandomBytes) -> KeyPair:
    """A fresh key pair; the server's randomness is mixed in and can't weaken ours. Raises `KeyExchangeError`.

    The public value is drawn again until it fills 256 bytes: then nobody can disagree about leading zeros.
    """
    if len(server_random) != KEY_BYTES:
        raise KeyExchangeError("the server's randomness does not have 256 bytes")
    for _ in range(_ATTEMPTS):
        secret = int.from_bytes(random_bytes(KEY_BYTES), "big") ^ int.from_bytes(server_random, "big")
        public = _power(group.g, secret, group.p)
        if _in_range(public, group.p) and public.bit_length() > 8 * (KEY_BYTES - 1):
            return KeyPair(group, secret, public.to_bytes(KEY_BYTES, "big"))
    raise KeyExchangeError("the source of randomness gives no usable secret")


def shared_key(own: KeyPair, peer_public: bytes) -> bytes:
    """The key of the call, 256 bytes. Raises `KeyExchangeError` for a public value that would give the key away."""
    public = int.from_bytes(peer_public, "big")
    if len(peer_public) > KEY_BYTES or not _in_range(public, own.group.p):
        raise KeyExchangeError("the peer's public value is out of range")
    return _power(public, own.secret, own.group.p).to_bytes(KEY_BYTES, "big")


def commitment(g_a: bytes) -> bytes:
    """The hash by which the caller commits to its public value, of the bytes as they go over the wire."""
    return hashlib.sha256(g_a).digest()


def keeps_commitment(g_a: bytes, g_a_hash: bytes) -> bool:
    """Whether the caller's public value is the one that it committed to."""
    return hmac.compare_digest(commitment(g_a), g_a_hash)


def key_fingerprint(key: bytes) -> int:
    """The last 64 bits of the key's SHA-1, little-endian and signed."""
    return int.from_bytes(hashlib.sha1(key).digest()[12:20], "little", signed=True)


def _in_range(public: int, p: int) -> bool:
    margin = 1 << (8 * KEY_BYTES - 64)
    return margin <= public <= p - margin


def _power(base: int, exponent: int, modulus: int) -> int:
    """`pow` for an odd modulus, in a time that tells nothing of the exponent. Other threads, and with them the sound of
    other calls, run meanwhile, which they do not during the built-in's 25 ms.
    """
    import gmpy2  # of the extra "telegram", as the client libraries are

    if exponent == 0:
        return 1
    with gmpy2.context(allow_release_gil=True):
        return int(gmpy2.powmod_sec(base, exponent, modulus))


@lru_cache(maxsize=8)
def _is_safe_prime(p: int) -> bool:
    return _is_prime((p - 1) // 2) and _is_prime(p)


def _is_prime(n: int) -> bool:
    """Miller-Rabin."""
    if n < 4 or n % 2 == 0:
        return n in (2, 3)
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    odd = (n - 1) >> twos
    seed = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return all(_passes(n, 2 + _draw(seed, number) % (n - 3), odd, twos) for number in range(_WITNESSES))


def _draw(seed: bytes, number: int) -> int:
    return int.from_bytes(hashlib.shake_256(seed + number.to_bytes(1, "big")).digest(len(seed) + 8), "big")


def _passes(n: int, base: int, odd: int, twos: int) -> bool:
    x = _power(base, odd, n)
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False
