"""Telegram's reflectors, a kind of relay: their packets and their ICE candidates, pure.

A reflector passes on whatever comes for one of the tags under a call's prefix. Towards ICE, a tag at a reflector is an
address: candidates name it `reflector-<id>-<tag>.reflector`, and inside it is an IPv6 address of the discard-only
prefix (RFC 6666), which no packet of a real host can have.
"""

import re
import struct
from ipaddress import AddressValueError, IPv6Address

import msgspec
from typing_extensions import override

PREFIX_BYTES = 12
KEEP_ALIVE = 10.0
HELLO_EVERY = 0.5
MAX_ID = 0xFFFF
TCP_PREAMBLE = b"\xee\xee\xee\xee"

_CONTROL = b"\xff" * 12
_UDP_HELLO = b"\xff" * 12 + b"\xfe\xff\xff\xff" + struct.pack(">q", 123)
_TCP_HELLO = bytes(4)
_TAG = struct.Struct("<I")
_LENGTH = struct.Struct(">I")
_DATA = 24

_NAME = re.compile(r"reflector-(\d{1,5})-(\d{1,10})\.reflector")
_DISCARD = int(IPv6Address("100::"))


class Reflector(msgspec.Struct, frozen=True, kw_only=True):
    """One reflector that a call may use; `id` is the same at both ends. Raises `ValueError` for what can't be one."""

    id: int
    host: str
    port: int
    peer_tag: bytes
    tcp: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.id <= MAX_ID or not 0 < self.port < 65536 or len(self.peer_tag) != 16:
            raise ValueError("a reflector has a small id, a port and a peer tag of 16 bytes")

    @property
    def url(self) -> str:
        """What logs call it; never its tag."""
        return f"reflector {self.id} over {'TCP' if self.tcp else 'UDP'}"

    @override
    def __repr__(self) -> str:
        return f"Reflector({self.id})"

    @property
    def prefix(self) -> bytes:
        """What all packets of the call begin with."""
        return self.peer_tag[:PREFIX_BYTES]


def udp_hello(prefix: bytes, tag: int) -> bytes:
    """Tells a reflector over UDP where `tag` is."""
    return prefix + _TAG.pack(tag) + _UDP_HELLO


def tcp_hello(prefix: bytes, tag: int) -> bytes:
    """The same over TCP."""
    return prefix + _TAG.pack(tag) + _TCP_HELLO


def data_packet(prefix: bytes, destination: int, sender: int, payload: bytes) -> bytes:
    """Takes `payload` from one tag to the other."""
    header = prefix + _TAG.pack(destination) + _TAG.pack(sender) + _LENGTH.pack(len(payload))
    return header + payload + bytes(-len(payload) % 4)


def is_ours(prefix: bytes, packet: bytes) -> bool:
    """Whether a packet belongs to the call, data or not."""
    return len(packet) >= PREFIX_BYTES + _TAG.size and packet.startswith(prefix)


def parse_data(prefix: bytes, packet: bytes) -> tuple[int, bytes] | None:
    """The tag of the sender and the payload; None for control packets and for what is not of this call."""
    if not is_ours(prefix, packet) or len(packet) <= _DATA or packet[16:28] == _CONTROL:
        return None
    (sender,) = _TAG.unpack_from(packet, 16)
    (length,) = _LENGTH.unpack_from(packet, 20)
    if _DATA + length > len(packet):
        return None
    return sender, packet[_DATA : _DATA + length]


def tcp_frame(packet: bytes) -> bytes:
    """A packet on a TCP connection."""
    return _TAG.pack(len(packet)) + packet


def candidate_name(reflector_id: int, tag: int) -> str:
    """The connection-address of a candidate."""
    return f"reflector-{reflector_id}-{tag}.reflector"


def address_of(reflector_id: int, tag: int) -> str:
    """The address that stands for a tag inside ICE, in canonical form."""
    return str(IPv6Address(_DISCARD | reflector_id << 32 | tag))


def address_of_name(name: str) -> str | None:
    """The inside address for a candidate name; None for any other name."""
    match = _NAME.fullmatch(name)
    if match is None or not 0 < int(match[1]) <= MAX_ID or int(match[2]) > 0xFFFF_FFFF:
        return None
    return address_of(int(match[1]), int(match[2]))


def parse_address(address: str) -> tuple[int, int] | None:
    """The id and tag behind an inside address; None for an address of a real host."""
    if not address.startswith("100::"):
        return None
    try:
        value = int(IPv6Address(address)) ^ _DISCARD
    except AddressValueError:
        return None
    reflector_id, tag = value >> 32, value & 0xFFFF_FFFF
    return (reflector_id, tag) if 0 < reflector_id <= MAX_ID else None
