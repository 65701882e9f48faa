"""What the receiver of a sealed voice message must know, to travel inside an end-to-end encrypted message."""

import hashlib
from typing import Final

import msgspec

from hullo.messages.errors import MessageError
from hullo.messages.waveform import LEVELS, pack

VERSION: Final = 1
CHUNK_BYTES: Final = 1 << 15
"""What a message is fetched in; the last chunk is shorter or not."""
MAX_SIZE: Final = 20 << 20
"""Bytes of a sealed message: 20 MiB, nearly two hours at 24 kbit/s; its envelope then fits into a message of a call."""

_KEY: Final = 32
_DIGEST: Final = 32
_CHUNK_DIGEST: Final = 16
_WAVEFORM: Final = len(pack([0] * LEVELS))
_LONGEST: Final = 7 * 24 * 3600.0


class EnvelopeError(MessageError):
    """Bytes that are no envelope, or one that this program does not understand."""


class _Version(msgspec.Struct):
    version: int


class VoiceMessageEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """The key of a sealed message, what its sealed bytes must be, and what to show before they are there."""

    version: int = VERSION
    id: str
    key: bytes
    size: int
    """Sealed bytes."""
    digest: bytes
    """SHA-256 of the sealed bytes."""
    chunk_digests: bytes
    """BLAKE2b of each chunk of `CHUNK_BYTES`, 16 bytes each, one after the other."""
    duration: float
    """Seconds."""
    waveform: bytes
    codec: str = "opus"

    def __repr__(self) -> str:
        """Without the key, which is a secret."""
        return f"VoiceMessageEnvelope(id={self.id!r}, size={self.size}, duration={self.duration:g})"

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-self.size // CHUNK_BYTES)

    def chunk_size(self, index: int) -> int:
        """Bytes of one chunk."""
        return min(CHUNK_BYTES, self.size - index * CHUNK_BYTES)

    def is_chunk(self, index: int, data: bytes) -> bool:
        """Whether this is that chunk, unchanged."""
        begin = index * _CHUNK_DIGEST
        return len(data) == self.chunk_size(index) and (
            chunk_digest(data) == self.chunk_digests[begin : begin + _CHUNK_DIGEST]
        )

    def encode(self) -> bytes:
        """MessagePack, some 200 bytes and 16 for each chunk."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "VoiceMessageEnvelope":
        """Raises `EnvelopeError` for anything that does not hold together."""
        try:
            version = msgspec.msgpack.decode(data, type=_Version).version
            if version != VERSION:
                raise EnvelopeError(f"the voice message has version {version}, which this program does not know")
            envelope = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EnvelopeError(f"this is no voice message: {error}") from None
        envelope._check()
        return envelope

    def _check(self) -> None:
        lengths = (
            ("key", len(self.key), _KEY),
            ("digest", len(self.digest), _DIGEST),
            ("waveform", len(self.waveform), _WAVEFORM),
            ("list of chunks", len(self.chunk_digests), self.chunks * _CHUNK_DIGEST),
        )
        if not 0 < self.size <= MAX_SIZE:
            raise EnvelopeError(f"a voice message of {self.size} bytes: at most {MAX_SIZE} are fetched")
        for name, length, right in lengths:
            if length != right:
                raise EnvelopeError(f"the {name} of the voice message has {length} bytes instead of {right}")
        if not 0 <= self.duration <= _LONGEST:
            raise EnvelopeError(f"a voice message of {self.duration:g} s is not possible")


def chunk_digest(data: bytes) -> bytes:
    """What stands for a chunk in the envelope."""
    return hashlib.blake2b(data, digest_size=_CHUNK_DIGEST).digest()
