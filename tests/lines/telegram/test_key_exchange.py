"""The key exchange against known values, and against values that would break it."""

import hashlib
import random

import pytest

from hullo.lines.telegram import key_exchange
from hullo.lines.telegram.emoji import key_emoji
from hullo.lines.telegram.key_exchange import (
    DhGroup,
    KeyExchangeError,
    KeyPair,
    check_group,
    commitment,
    keeps_commitment,
    key_fingerprint,
    make_key_pair,
    shared_key,
)
from tests.lines.telegram.vectors import DH, G_A, G_B, KEY, PRIME, xored_secret

GROUP = DhGroup(3, int.from_bytes(PRIME, "big"))
SERVER_RANDOM = bytes.fromhex(DH["server_random"])

# The 2048-bit MODP group of RFC 3526: a safe prime that is not Telegram's.
RFC_3526_PRIME = bytes.fromhex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF"
)


def pair(name: str) -> KeyPair:
    return make_key_pair(GROUP, SERVER_RANDOM, lambda count: xored_secret(name))


def test_both_sides_compute_the_known_values() -> None:
    caller, callee = pair("a_secret_after_xor"), pair("b_secret_after_xor")
    assert (caller.public, callee.public) == (G_A, G_B)
    assert shared_key(caller, G_B) == shared_key(callee, G_A) == KEY
    assert key_fingerprint(KEY) == DH["key_fingerprint_int64"]
    assert commitment(G_A).hex() == DH["g_a_hash_sha256"]
    assert keeps_commitment(G_A, commitment(G_A))
    assert not keeps_commitment(G_B, commitment(G_A))
    assert list(key_emoji(KEY, G_A)) == DH["emoji"]


def test_the_known_steps_on_the_way_to_fingerprint_and_emoji() -> None:
    from hullo.lines.telegram.emoji import _table

    assert (len(G_A), len(G_B)) == (DH["g_a_len"], DH["g_b_len"])
    assert hashlib.sha1(KEY).hexdigest() == DH["sha1_of_key"]
    assert key_fingerprint(KEY).to_bytes(8, "little", signed=True).hex() == DH["key_fingerprint_hex_le_bytes"]
    assert hashlib.sha256(KEY + G_A).hexdigest() == DH["emoji_sha256_key_plus_g_a"]
    assert [_table().index(emoji) for emoji in key_emoji(KEY, G_A)] == DH["emoji_indices_mod_333"]


def test_a_key_that_begins_with_zero_keeps_its_256_bytes() -> None:
    small = 1 << (8 * 256 - 64 + 8)
    own = KeyPair(GROUP, 1, G_A)
    key = shared_key(own, small.to_bytes(256, "big"))
    assert (len(key), key[:6]) == (256, bytes(6))
    assert len(key_emoji(key, G_A)) == 4


def test_the_table_of_emoji_is_the_one_that_all_clients_have() -> None:
    from hullo.lines.telegram.emoji import _table

    joined = "\n".join(_table()).encode()
    assert len(_table()) == 333
    assert hashlib.sha256(joined).hexdigest() == "bfae463f768800e2f624948a756025ca1a3ff55c8a858b9f0e4ebec8c1d66815"


def test_the_servers_prime_is_known_or_proven() -> None:
    assert check_group(3, PRIME) == GROUP
    assert check_group(2, RFC_3526_PRIME).g == 2


@pytest.mark.parametrize(
    ("g", "p", "why"),
    [
        (3, PRIME[:-1] + bytes([PRIME[-1] + 12]), "safe prime"),
        (3, bytes(1) + PRIME[1:], "2048 bits"),
        (3, b"\x01" + PRIME, "2048 bits"),
        (3, b"", "2048 bits"),
        (1, PRIME, "from 2 to 7"),
        (8, PRIME, "from 2 to 7"),
        (-3, PRIME, "from 2 to 7"),
        (3, RFC_3526_PRIME[:-1] + b"\xfd", "subgroup"),
    ],
)
def test_a_bad_group_is_refused(g: int, p: bytes, why: str) -> None:
    with pytest.raises(KeyExchangeError, match=why):
        check_group(g, p)


@pytest.mark.parametrize("g", range(2, 8))
def test_the_residues_of_the_generators_are_those_of_quadratic_residues(g: int) -> None:
    """Each table row against Euler's criterion, with small safe primes p = 2q + 1."""
    modulus, residues = key_exchange._RESIDUES[g]
    safe_primes = [p for p in range(11, 5000) if key_exchange._is_prime(p) and key_exchange._is_prime((p - 1) // 2)]
    assert len(safe_primes) > 50
    for p in safe_primes:
        assert (p % modulus in residues) == (pow(g, (p - 1) // 2, p) == 1), (g, p)


def test_the_primality_test_agrees_with_division() -> None:
    def divides(n: int) -> bool:
        return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))

    assert [n for n in range(2000) if key_exchange._is_prime(n)] == [n for n in range(2000) if divides(n)]
    assert not key_exchange._is_prime(3215031751)  # a strong pseudoprime to bases 2, 3, 5 and 7


def test_the_power_is_that_of_the_language() -> None:
    seeded = random.Random(7)
    for _ in range(50):
        base, exponent, modulus = seeded.getrandbits(256), seeded.getrandbits(200), seeded.getrandbits(256) | 1
        assert key_exchange._power(base, exponent, modulus) == pow(base, exponent, modulus)
    assert key_exchange._power(5, 0, 7) == 1


@pytest.mark.parametrize(
    "public",
    [
        b"",
        bytes(256),
        b"\x01",
        (GROUP.p - 1).to_bytes(256, "big"),
        GROUP.p.to_bytes(256, "big"),
        b"\xff" * 256,
        ((1 << 1984) - 1).to_bytes(256, "big"),
        (GROUP.p - (1 << 1984) + 1).to_bytes(256, "big"),
        bytes(1) + G_A,
    ],
)
def test_a_public_value_that_gives_the_key_away_is_refused(public: bytes) -> None:
    with pytest.raises(KeyExchangeError, match="out of range"):
        shared_key(pair("a_secret_after_xor"), public)


def test_bad_randomness_ends_in_an_error_and_not_in_a_loop() -> None:
    with pytest.raises(KeyExchangeError, match="no usable secret"):
        make_key_pair(GROUP, bytes(256), lambda count: bytes(count))
    with pytest.raises(KeyExchangeError, match="256 bytes"):
        make_key_pair(GROUP, b"", random.Random(1).randbytes)


def test_every_public_value_fills_256_bytes_and_no_secret_is_shown() -> None:
    seeded = random.Random(2)
    drawn = [make_key_pair(GROUP, seeded.randbytes(256), seeded.randbytes) for _ in range(5)]
    assert all(len(own.public) == 256 and own.public[0] for own in drawn)
    assert len({own.public for own in drawn}) == 5
    assert repr(drawn[0]) == "KeyPair()"
