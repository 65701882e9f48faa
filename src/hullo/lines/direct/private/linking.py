"""Linking one more device of a person: a code that the new device shows, and the keys sealed for that code alone. Pure.

The new device shows its public key as the code; a device that has the person's keys is given it, and seals them for it
(X25519, HKDF with SHA-256, ChaCha20-Poly1305). They go through the rendezvous to a name made from a hash of the code,
so the rendezvous, which does not know the code, can neither read them nor make up others.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hullo.lines.direct.private.book import Entry
from hullo.lines.direct.private.envelope import EnvelopeError, pad, unpad
from hullo.lines.direct.private.identity import KEY_BYTES
from hullo.rendezvous.wire import Succession

LIFETIME = 300.0
"""Seconds for which the new device waits; then its code is good for nothing."""

_PREFIX = "hullo-link:"
_MAILBOX = b"hullo link mailbox 1"
_KEY = b"hullo link key 1"
_NONCE = bytes(12)  # each key seals once


class LinkError(Exception):
    """A device can't be linked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class LinkCode:
    """A new device's public key; as text capital letters and digits in groups of four, so that it can be typed."""

    key: bytes

    @property
    def mailbox(self) -> str:
        """The name at the rendezvous under which the new device waits."""
        return "link." + hashlib.sha256(_MAILBOX + self.key).hexdigest()[:24]

    def __str__(self) -> str:
        text = base64.b32encode(self.key).decode().rstrip("=")
        return _PREFIX + "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def parse_link_code(text: str) -> LinkCode:
    """The code that a text is, however it was grouped. Raises `LinkError`."""
    code = re.sub(r"[\s-]", "", text.rpartition(":")[2]).upper()
    try:
        key = base64.b32decode(code + "=" * (-len(code) % 8))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise LinkError("that is no code of a new device: copy all of what `hullo contacts link` shows there")
    return LinkCode(key)


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """What a new device needs: who it is, the person's identity, the names that are taken, and the contacts."""

    version: int = 1
    person: str
    seed: bytes
    devices: tuple[str, ...]
    contacts: dict[str, Entry]
    successions: tuple[Succession, ...] = ()
    """How the identity came to follow earlier ones."""

    def __repr__(self) -> str:
        return f"Handover({self.person!r}, with keys)"

    def free_name(self, wanted: str) -> str:
        """A name for the new device that no other one has."""
        names = (wanted, *(f"{wanted[:29]}-{number}" for number in range(2, 100)))
        return next(name for name in names if name not in self.devices)


def seal_handover(code: LinkCode, handover: Handover) -> bytes:
    """For the device that showed the code, and nobody else. Raises `LinkError` when there are too many contacts."""
    try:
        padded = pad(msgspec.msgpack.encode(handover))
    except ValueError:
        raise LinkError("there are too many contacts to hand over") from None
    ours = X25519PrivateKey.generate()
    public = ours.public_key().public_bytes_raw()
    try:
        shared = ours.exchange(X25519PublicKey.from_public_bytes(code.key))
    except ValueError:
        raise LinkError("that is no code of a new device") from None
    return public + ChaCha20Poly1305(_derived(shared, public, code.key)).encrypt(_NONCE, padded, _MAILBOX)


class NewDevice:
    """A device that has no keys of its person yet; its private key lives as long as this."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.code = LinkCode(self._private.public_key().public_bytes_raw())

    def open(self, sealed: bytes) -> Handover:
        """The handover, from somebody who knew the code. Raises `LinkError`."""
        public = sealed[:KEY_BYTES]
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(public))
            key = _derived(shared, public, self.code.key)
            padded = ChaCha20Poly1305(key).decrypt(_NONCE, sealed[KEY_BYTES:], _MAILBOX)
            handover = msgspec.msgpack.decode(unpad(padded), type=Handover)
        except (ValueError, InvalidTag, EnvelopeError, msgspec.DecodeError, RecursionError):
            raise LinkError("somebody who does not know the code sent keys; they were refused") from None
        if handover.version != 1 or len(handover.seed) != KEY_BYTES:
            raise LinkError("the other device has another version of this program; update both")
        return handover


def _derived(shared: bytes, public: bytes, code: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=public + code, info=_KEY).derive(shared)
