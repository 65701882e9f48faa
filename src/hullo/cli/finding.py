"""What `hullo doctor` says of one part of the machine."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """How a check came out; only `broken` makes the command fail."""

    OK = "ok"
    OPTIONAL = "optional"
    BROKEN = "broken"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: what was found and, where it matters, how to get it."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""
