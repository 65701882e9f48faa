"""How much anybody may ask for. Pure; times are monotonic seconds."""

from collections import OrderedDict
from collections.abc import Hashable
from ipaddress import IPv6Address, ip_address


class Buckets:
    """A token bucket for each key: `burst` at once, `rate` a second in the long run; the least used are forgotten."""

    def __init__(self, rate: float, burst: float, *, most_keys: int = 10_000) -> None:
        self._rate = rate
        self._burst = burst
        self._most_keys = most_keys
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now: float, amount: float = 1.0) -> bool:
        """Whether there is that much left; if so it is taken."""
        level, then = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - then) * self._rate)
        allowed = level >= amount
        self._levels[key] = (level - amount if allowed else level, now)
        if len(self._levels) > self._most_keys:
            self._levels.popitem(last=False)
        return allowed


def customer(address: str) -> str:
    """What limits by address count: of IPv6 the first 64 bits, since whoever has one address has all of those."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
