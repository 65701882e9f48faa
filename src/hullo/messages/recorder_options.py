"""How a message is recorded; apart from the recorder, because a configuration needs no codec to be read."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Bitrate: TypeAlias = Literal[10_000, 16_000, 24_000]

MAX_SECONDS: Final = 300.0
"""How long a message gets if nothing else is asked for (MSC3245)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderOptions:
    """How a message is recorded; times in seconds of sound."""

    bitrate: Bitrate = 24_000
    max_seconds: float = MAX_SECONDS
    warn_before: float = 30.0
    """How long before the limit `LimitNear` comes."""
    trim_silence: bool = False
    """Leave silence out at both ends."""
