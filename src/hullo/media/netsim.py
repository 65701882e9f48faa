"""A network in a box: delays, loses, doubles and reorders datagrams, the same way for the same seed."""

import heapq
import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from typing import Final, Literal

Times = tuple[tuple[float, float], ...]
"""Spans of time as (start, duration) in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkProfile:
    """What a network does to datagrams. Times are in seconds, shares from 0 to 1."""

    delay: float = 0.0
    jitter: float = 0.0
    """Uniform: up to so much more or less than `delay`. Normal: the standard deviation."""
    distribution: Literal["uniform", "normal"] = "uniform"
    reordering: bool = True
    """Whether a datagram may overtake one that was sent before it."""
    loss: float = 0.0
    burst: float = 1.0
    """Mean number of datagrams lost in a row; above 1 the losses follow the model of Gilbert and Elliott."""
    duplication: float = 0.0
    outages: Times = ()
    """Spans in which everything is lost."""
    stalls: Times = ()
    """Spans in which everything is held back, to arrive together at their end."""

    def __post_init__(self) -> None:
        """Raises `ValueError` for a network that cannot be."""
        if not (0 <= self.loss <= 1 and 0 <= self.duplication <= 1 and self.burst >= 1):
            raise ValueError("loss and duplication are shares from 0 to 1, and a burst is at least 1 datagram")
        if self.burst > 1 and self.loss >= 1:
            raise ValueError("a network that loses everything has no bursts")
        if self.delay < 0 or self.jitter < 0:
            raise ValueError("delay and jitter are not negative")


PROFILES: Final[Mapping[str, NetworkProfile]] = MappingProxyType(
    {
        "perfect": NetworkProfile(),
        "lan": NetworkProfile(delay=0.0005, jitter=0.0003),
        "broadband": NetworkProfile(delay=0.02, jitter=0.003, distribution="normal", reordering=False, loss=0.001),
        "wifi": NetworkProfile(delay=0.015, jitter=0.012, distribution="normal", reordering=False, loss=0.01, burst=2),
        "mobile": NetworkProfile(delay=0.05, jitter=0.02, distribution="normal", reordering=False, loss=0.02, burst=2),
        "rough": NetworkProfile(delay=0.06, jitter=0.03, loss=0.10, duplication=0.01),
        "bursty": NetworkProfile(delay=0.06, jitter=0.03, distribution="normal", loss=0.10, burst=4),
        "satellite": NetworkProfile(delay=0.3, jitter=0.01, distribution="normal", reordering=False, loss=0.01),
    }
)


class Network:
    """One direction of a network, in virtual time: whoever sends and receives says what time it is."""

    def __init__(self, profile: NetworkProfile, *, seed: int) -> None:
        """Networks with the same profile and seed treat the same datagrams in the same way."""
        self.profile = profile
        """May be replaced at any time: the network changes for what is sent from then on."""
        self._rng = random.Random(seed)
        self._losing = False
        self._latest = 0.0
        self._order = count()
        self._under_way: list[tuple[float, int, bytes]] = []

    def send(self, data: bytes, now: float) -> None:
        """Put one datagram on its way."""
        if self._is_lost(now):
            return
        copies = 2 if self._rng.random() < self.profile.duplication else 1
        for _ in range(copies):
            heapq.heappush(self._under_way, (self._arrival(now), next(self._order), data))

    def receive(self, now: float) -> list[tuple[float, bytes]]:
        """The datagrams that have arrived by now and were not yet taken, with their arrival, in its order."""
        arrived = []
        while self._under_way and self._under_way[0][0] <= now:
            arrival, _, data = heapq.heappop(self._under_way)
            arrived.append((arrival, data))
        return arrived

    @property
    def next_arrival(self) -> float | None:
        """When the next datagram arrives; None when nothing is under way."""
        return self._under_way[0][0] if self._under_way else None

    def _is_lost(self, now: float) -> bool:
        profile = self.profile
        if profile.burst > 1 and profile.loss > 0:
            # Two states: the mean stay in the losing one is the burst, and the share of time in it the loss.
            leave = 1 / profile.burst
            enter = leave * profile.loss / (1 - profile.loss)
            self._losing = self._rng.random() < (1 - leave if self._losing else enter)
        else:
            self._losing = self._rng.random() < profile.loss
        return self._losing or any(start <= now < start + duration for start, duration in profile.outages)

    def _arrival(self, now: float) -> float:
        profile = self.profile
        if profile.distribution == "uniform":
            jitter = self._rng.uniform(-profile.jitter, profile.jitter)
        else:
            jitter = self._rng.gauss(0.0, profile.jitter)
        arrival = now + max(profile.delay + jitter, 0.0)
        for start, duration in profile.stalls:
            if start <= arrival < start + duration:
                arrival = start + duration
        if not profile.reordering:
            arrival = max(arrival, self._latest)
        self._latest = max(arrival, self._latest)
        return arrival
