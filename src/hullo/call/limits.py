"""How long a call may wait for what."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines of a call in seconds, and how many calls may live at once."""

    calls: int = 20
    ring: float = 60.0
    """From the dialing, or the first ring of an incoming call, to the answer."""
    connect: float = 20.0
    """From the answer to proven audio in both directions."""
    quiet: float = 3.0
    """Without any packet of the peer before the call counts as reconnecting."""
    lost: float = 30.0
    """Without any packet of the peer before the call is given up."""
    longest: float | None = None
    """A call is ended after this long; None for no limit."""
    quality_every: float = 5.0
    """Between two `call.quality` events."""
