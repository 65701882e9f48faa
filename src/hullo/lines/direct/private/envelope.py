"""Envelopes: what goes through the rendezvous, and how their length is kept from telling anything."""

import hashlib
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from hullo.rendezvous.wire import Successions

VERSION = 1

SIZES = (4096, 8192, 32_768)
"""Bytes of the padded plaintext; nearly every call message fits the first."""

MAX_CHAIN = 1000
"""Messages of one sending chain (and so keys of messages that may be missing); then a new session begins."""

MAX_ENVELOPE = SIZES[-1] + 8192

Key: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_CHAIN)]


class EnvelopeError(ValueError):
    """Bytes that are no envelope, or a plaintext without its padding."""


class Agreement(msgspec.Struct, frozen=True, array_like=True):
    """The X3DH header: in every envelope of who began the session, until the other side has answered in it."""

    identity: Key
    ephemeral: Key
    signed_prekey: Key
    prekey: Key | None
    successions: Successions = ()
    """How `identity` came to follow earlier ones, for who has not heard of it."""


class Envelope(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A Double Ratchet message: its session, its header, its ciphertext."""

    version: int
    session: Annotated[bytes, Meta(min_length=16, max_length=16)]
    agreement: Agreement | None
    ratchet: Key
    previous: Count
    number: Count
    ciphertext: Annotated[bytes, Meta(max_length=MAX_ENVELOPE)]


_DECODER = msgspec.msgpack.Decoder(Envelope)


def encode_envelope(envelope: Envelope) -> bytes:
    """The envelope as bytes."""
    return msgspec.msgpack.encode(envelope)


def parse_envelope(data: bytes) -> Envelope:
    """Read an envelope. Raises `EnvelopeError`."""
    if len(data) > MAX_ENVELOPE:
        raise EnvelopeError(f"an envelope of {len(data)} bytes; the longest is {MAX_ENVELOPE}")
    try:
        envelope = _DECODER.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise EnvelopeError(f"not an envelope: {error}") from None
    if envelope.version != VERSION:
        raise EnvelopeError(f"an envelope of version {envelope.version}, this program knows {VERSION}; update it")
    return envelope


def digest_of(data: bytes) -> bytes:
    """What names an encoded envelope (SHA-256)."""
    return hashlib.sha256(data).digest()


def pad(message: bytes) -> bytes:
    """The message with 0x80 and zeros behind it, to one of `SIZES` (ISO/IEC 7816-4). Raises `ValueError`."""
    size = next((size for size in SIZES if len(message) < size), None)
    if size is None:
        raise ValueError(f"a message of {len(message)} bytes; the longest is {SIZES[-1] - 1}")
    return (message + b"\x80").ljust(size, b"\0")


def unpad(padded: bytes) -> bytes:
    """The message again. Raises `EnvelopeError`."""
    message = padded.rstrip(b"\0")
    if not message.endswith(b"\x80"):
        raise EnvelopeError("the plaintext has no padding")
    return message[:-1]
