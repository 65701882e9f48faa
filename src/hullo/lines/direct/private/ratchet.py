"""The Signal protocols with our parameters: X3DH on Curve25519, the Double Ratchet as its specification advises."""

from typing import TypedDict

import doubleratchet
import x3dh
from doubleratchet.recommended import aead_aes_hmac, diffie_hellman_ratchet_curve25519, kdf_hkdf, kdf_separate_hmacs
from doubleratchet.recommended.crypto_provider import HashFunction
from typing_extensions import override
from x3dh.crypto_provider import HashFunction as AgreementHash

from hullo.lines.direct.private.envelope import MAX_CHAIN


class _AgreementParameters(TypedDict):
    identity_key_format: x3dh.IdentityKeyFormat
    hash_function: AgreementHash
    info: bytes


class _RatchetParameters(TypedDict):
    diffie_hellman_ratchet_class: type[doubleratchet.DiffieHellmanRatchet]
    root_chain_kdf: type[doubleratchet.KDF]
    message_chain_kdf: type[doubleratchet.KDF]
    message_chain_constant: bytes
    dos_protection_threshold: int
    max_num_skipped_message_keys: int
    aead: type[doubleratchet.AEAD]


AGREEMENT: _AgreementParameters = {
    "identity_key_format": x3dh.IdentityKeyFormat.ED_25519,
    "hash_function": AgreementHash.SHA_256,
    "info": b"hullo direct x3dh 1",
}
"""What the methods of `Prekeys` are told."""


class Prekeys(x3dh.BaseState):
    """One device's identity key and prekeys; when they are rotated, spent and made anew is up to its owner."""

    @staticmethod
    @override
    def _encode_public_key(key_format: x3dh.IdentityKeyFormat, pub: bytes) -> bytes:
        return (b"\x01" if key_format is x3dh.IdentityKeyFormat.ED_25519 else b"\x02") + pub


class _RootKdf(kdf_hkdf.KDF):
    @staticmethod
    @override
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    @override
    def _get_info() -> bytes:
        return b"hullo direct root 1"


class _MessageKdf(kdf_separate_hmacs.KDF):
    @staticmethod
    @override
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class _Aead(aead_aes_hmac.AEAD):
    @staticmethod
    @override
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    @override
    def _get_info() -> bytes:
        return b"hullo direct message 1"


RATCHET: _RatchetParameters = {
    "diffie_hellman_ratchet_class": diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet,
    "root_chain_kdf": _RootKdf,
    "message_chain_kdf": _MessageKdf,
    "message_chain_constant": b"\x01\x02",
    "dos_protection_threshold": MAX_CHAIN,
    "max_num_skipped_message_keys": 2 * MAX_CHAIN,
    "aead": _Aead,
}
"""What the methods of `Ratchet` are told."""


class Ratchet(doubleratchet.DoubleRatchet):
    """One session's keys, in motion."""

    @staticmethod
    @override
    def _build_associated_data(associated_data: bytes, header: doubleratchet.Header) -> bytes:
        counts = (header.previous_sending_chain_length, header.sending_chain_length)
        encoded = b"".join(count.to_bytes(8, "big") for count in counts)
        return len(associated_data).to_bytes(4, "big") + associated_data + header.ratchet_pub + encoded
