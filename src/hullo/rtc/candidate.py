"""ICE candidates as values, and their `candidate-attribute` text (RFC 8839 5.1), which every signaling carries."""

import logging
import re
from collections.abc import Iterable
from ipaddress import ip_address

import msgspec
from typing_extensions import override

logger = logging.getLogger(__name__)

TYPES = ("host", "srflx", "prflx", "relay")

_TOKEN = re.compile(r"[!-~]{1,64}")
_FOUNDATION = re.compile(r"[A-Za-z0-9+/]{1,32}")
_MDNS = re.compile(r"[A-Za-z0-9-]{1,63}\.local")
_NAME = re.compile(r"[A-Za-z0-9.-]{1,255}")


class CandidateError(ValueError):
    """A text that is no ICE candidate; the message says which part is wrong."""


class IceCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """One transport address of a peer, as signaled."""

    foundation: str
    component: int = 1
    protocol: str = "udp"
    priority: int
    address: str
    port: int
    type: str
    related_address: str | None = None
    related_port: int | None = None
    tcp_type: str | None = None

    @override
    def __str__(self) -> str:
        """The candidate-attribute, without `a=`."""
        text = (
            f"candidate:{self.foundation} {self.component} {self.protocol} {self.priority}"
            f" {self.address} {self.port} typ {self.type}"
        )
        if self.related_address is not None:
            text += f" raddr {self.related_address} rport {self.related_port or 0}"
        if self.tcp_type is not None:
            text += f" tcptype {self.tcp_type}"
        return text

    @property
    def is_mdns(self) -> bool:
        """Whether the address is a multicast DNS name (draft-ietf-mmusic-mdns-ice-candidates)."""
        return _MDNS.fullmatch(self.address) is not None


def parse_candidate(text: str) -> IceCandidate:
    """Read a candidate-attribute, with or without `a=` and `candidate:`. Raises `CandidateError`."""
    fields = text.strip().removeprefix("a=").removeprefix("candidate:").split()
    if len(fields) < 8 or fields[6] != "typ":
        raise CandidateError("a candidate needs foundation, component, protocol, priority, address, port and typ")
    extension = dict(zip(fields[8::2], fields[9::2], strict=False))
    related = extension.get("raddr")
    return IceCandidate(
        foundation=_matching(_FOUNDATION, fields[0], "foundation"),
        component=_integer(fields[1], 1, 256, "component"),
        protocol=_matching(_TOKEN, fields[2], "protocol").lower(),
        priority=_integer(fields[3], 0, 2**32 - 1, "priority"),
        address=_address(fields[4]),
        port=_integer(fields[5], 0, 65535, "port"),
        type=_known_type(fields[7]),
        related_address=None if related is None else _address(related),
        related_port=_integer(extension.get("rport", "0"), 0, 65535, "rport") if related is not None else None,
        tcp_type=extension.get("tcptype"),
    )


def readable(texts: Iterable[str]) -> list[IceCandidate]:
    """The candidates among these texts; what can't be read is left out (RFC 8839 5.1)."""
    found = []
    for text in texts:
        try:
            found.append(parse_candidate(text))
        except CandidateError:
            logger.debug("a candidate that can't be read is left out")
    return found


def _matching(pattern: re.Pattern[str], value: str, name: str) -> str:
    if pattern.fullmatch(value) is None:
        raise CandidateError(f"candidate {name} has characters or a length that RFC 8839 does not allow")
    return value


def _integer(value: str, lowest: int, highest: int, name: str) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > 10 or not lowest <= int(value) <= highest:
        raise CandidateError(f"candidate {name} is not a number from {lowest} to {highest}")
    return int(value)


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        return _matching(_NAME, value, "address")


def _known_type(value: str) -> str:
    if value not in TYPES:
        raise CandidateError(f"candidate type is not one of {', '.join(TYPES)}")
    return value
