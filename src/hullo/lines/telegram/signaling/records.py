"""The records inside a sealed packet of versions 8.0.0 and 9.0.0: messages, empty carriers and acknowledgements."""

import struct
from collections.abc import Iterable
from enum import IntEnum

import msgspec

_HEADER = struct.Struct(">IB")
_LENGTH = struct.Struct(">I")

NEEDS_ACK = 1 << 30
COUNTER = NEEDS_ACK - 1
_SINGLE_MESSAGE = 1 << 31


class RecordError(ValueError):
    """A plaintext that is no sequence of records."""


class Kind(IntEnum):
    """What a record is."""

    CUSTOM = 0x7F
    """A message."""
    EMPTY = 0xFE
    """Only carries what comes after it."""
    ACK = 0xFF
    """Acknowledges the record whose whole `seq` it repeats."""


class Record(msgspec.Struct, frozen=True):
    """One record; `seq` is the counter with its flag, as on the wire."""

    kind: Kind
    seq: int
    payload: bytes = b""

    @property
    def counter(self) -> int:
        """The number in its direction, from 1."""
        return self.seq & COUNTER

    @property
    def needs_ack(self) -> bool:
        """Whether the sender repeats it until it is acknowledged."""
        return bool(self.seq & NEEDS_ACK)

    @property
    def size(self) -> int:
        """Its bytes on the wire."""
        return _HEADER.size + (_LENGTH.size + len(self.payload) if self.kind is Kind.CUSTOM else 0)


def encode_records(records: Iterable[Record]) -> bytes:
    """The plaintext of one packet."""
    parts: list[bytes] = []
    for record in records:
        parts.append(_HEADER.pack(record.seq, record.kind))
        if record.kind is Kind.CUSTOM:
            parts += [_LENGTH.pack(len(record.payload)), record.payload]
    return b"".join(parts)


def parse_records(plaintext: bytes) -> list[Record]:
    """The records of one packet, of which the first carries its number. Raises `RecordError` unless all is well."""
    records: list[Record] = []
    at = 0
    while at < len(plaintext):
        record, at = _parse_record(plaintext, at)
        records.append(record)
    if not records or records[0].kind is Kind.ACK:
        raise RecordError("a packet begins with a message or an empty record")
    return records


def _parse_record(plaintext: bytes, at: int) -> tuple[Record, int]:
    try:
        seq, kind_number = _HEADER.unpack_from(plaintext, at)
        kind = Kind(kind_number)
        at += _HEADER.size
        length = 0
        if kind is Kind.CUSTOM:
            (length,) = _LENGTH.unpack_from(plaintext, at)
            at += _LENGTH.size
    except (struct.error, ValueError) as error:
        raise RecordError(f"it holds no record: {error}") from error
    if seq & _SINGLE_MESSAGE or not seq & COUNTER:
        raise RecordError("it has a number that these versions do not have")
    if length > len(plaintext) - at:
        raise RecordError("a message is cut short")
    return Record(kind, seq, plaintext[at : at + length]), at + length
