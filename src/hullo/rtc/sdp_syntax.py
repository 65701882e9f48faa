"""SDP as text (RFC 8866): lines into sections and attributes, nothing of their meaning."""

import re
from collections.abc import Iterator
from itertools import pairwise

import msgspec

MAX_SDP = 64 * 1024
"""Characters. Chromium's offers with video are about 8,000."""

MAX_SECTIONS = 64

_MEDIA = re.compile(r"([A-Za-z0-9]{1,32}) (\d{1,5})(?:/\d{1,5})? ([A-Za-z0-9/]{1,64})((?: [!-~]{1,32}){1,256})")
_ATTRIBUTE = re.compile(r"([!-9;-~]{1,64})(?::(.*))?")


class SdpError(ValueError):
    """A session description that cannot be used; the message says what is wrong with it."""


class Attributes(msgspec.Struct, frozen=True):
    """The `a=` lines of the session or of one media section, in order."""

    lines: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value of an attribute, the empty string for a flag, None when it is missing."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[str]:
        """Every value of an attribute."""
        return (value for key, value in self.lines if key == name)


class MediaSection(msgspec.Struct, frozen=True, kw_only=True):
    """One `m=` line and what follows it."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: Attributes = Attributes()

    @property
    def mid(self) -> str | None:
        """Its identification (RFC 9143)."""
        return self.attributes.get("mid")

    @property
    def bundle_only(self) -> bool:
        """Whether its port 0 only means that it lives in the bundle (RFC 9143 6)."""
        return self.attributes.get("bundle-only") is not None


class SessionText(msgspec.Struct, frozen=True, kw_only=True):
    """A session description, cut up."""

    attributes: Attributes
    media: tuple[MediaSection, ...]


def parse_session(text: str) -> SessionText:
    """Cut a session description up. Raises `SdpError`."""
    if len(text) > MAX_SDP:
        raise SdpError(f"the session description is longer than {MAX_SDP} characters")
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    if not lines or lines[0] != "v=0":
        raise SdpError("a session description begins with v=0")
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > MAX_SECTIONS:
        raise SdpError(f"the session description has more than {MAX_SECTIONS} media sections")
    bounds = [*starts, len(lines)]
    media = tuple(_section(lines, start, end) for start, end in pairwise(bounds))
    return SessionText(attributes=_attributes(lines, 1, bounds[0]), media=media)


def _section(lines: list[str], start: int, end: int) -> MediaSection:
    match = _MEDIA.fullmatch(lines[start][2:])
    if match is None or int(match[2]) > 65535:
        raise SdpError(f"line {start + 1} is not m=<media> <port> <protocol> <formats>")
    kind, port, protocol, formats = match.groups()
    attributes = _attributes(lines, start + 1, end)
    return MediaSection(
        kind=kind, port=int(port), protocol=protocol, formats=(*formats.split(),), attributes=attributes
    )


def _attributes(lines: list[str], start: int, end: int) -> Attributes:
    found = []
    for number in range(start, end):
        kind, equals, rest = lines[number].partition("=")
        if len(kind) != 1 or not equals:
            raise SdpError(f"line {number + 1} is not <type>=<value>")
        if kind == "a":
            match = _ATTRIBUTE.fullmatch(rest)
            if match is None:
                raise SdpError(f"line {number + 1} is not a=<name>[:<value>]")
            found.append((match[1], match[2] or ""))
    return Attributes(tuple(found))
