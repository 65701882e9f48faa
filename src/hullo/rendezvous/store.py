"""What a node keeps of people and their mail: by itself, or together with other nodes."""

from enum import Enum
from typing import NamedTuple, Protocol

from hullo.rendezvous.wire import Bundle, Envelope, PublishedKeys, Succession


class NotYours(Exception):
    """A name is bound to another key, or has too many devices; the text says what to do."""


class StoreUnavailable(Exception):
    """The store can't be reached, or is too slow; the text is for the device that wanted something of it."""


LETTER_UNIT = 8192
"""Bytes; nearly every letter is shorter."""


class Rate(NamedTuple):
    """`burst` at once, `rate` a second in the long run."""

    rate: float
    burst: float


class Limit(Enum):
    """What a device is limited in, at all nodes together."""

    POSTS = Rate(rate=20.0, burst=200.0)
    """Envelopes, by sending device."""
    LETTERS = Rate(rate=300 / 3600, burst=300.0)
    """Letters, in `LETTER_UNIT`s, by sending person: all together can't be filled by a few of them soon."""
    FETCHES = Rate(rate=0.5, burst=20.0)
    """Bundles of keys, by who asks and for whose."""
    SUCCESSIONS = Rate(rate=5 / 3600, burst=5.0)
    """New keys, by person."""
    RESERVATIONS = Rate(rate=0.5, burst=30.0)
    """Rooms for sealed files, by device."""


class Listener(Protocol):
    """What a store tells its node, in a turn of the loop of its own."""

    def mail_waits(self, person: str, device: str) -> None:
        """Another node has put something into this device's mailbox."""

    def moved(self, person: str, device: str) -> None:
        """This device has connected to another node."""

    def succeeded(self, person: str) -> None:
        """This person has another key: whoever is here with the one before has to be told."""

    def store_returned(self) -> None:
        """Something may have been missed: the store was away."""


class Store(Protocol):
    """Names, keys, mailboxes and limits. All but `run` ends soon, and raises `StoreUnavailable` if it can't be done."""

    async def run(self, listener: Listener) -> None:
        """Tell the listener what other nodes do, until cancelled."""

    async def register(self, person: str, device: str, identity: bytes) -> int:
        """A device has shown that it has this key, and is here now; how many prekeys of it are left.

        The first one binds the name. Raises `NotYours`.
        """

    async def identity(self, person: str) -> bytes | None:
        """The key that a name is bound to."""

    async def devices(self, person: str) -> tuple[str, ...]:
        """All devices of a person."""

    async def succeed(self, person: str, succession: Succession) -> tuple[str, ...]:
        """Bind the name to the new key, which is genuine, and forget all devices but the one that asks.

        Gives those that are no more. That one has no prekeys then. Raises `NotYours` if the old key is not bound.
        """

    async def successions(self, person: str) -> tuple[Succession, ...]:
        """The last `MAX_SUCCESSIONS`, in order."""

    async def publish(self, person: str, device: str, keys: PublishedKeys) -> None:
        """Replace a device's prekeys."""

    async def bundle(self, person: str, device: str) -> Bundle | None:
        """A device's keys, with a prekey that nobody else is given; None before it has published any."""

    async def prekeys_left(self, person: str, device: str) -> int:
        """How many prekeys of a device were not given out."""

    async def put(self, person: str, device: str, envelope: Envelope, seconds: float) -> bool:
        """Keep an envelope for that long, and tell the node that has the device; False if there is no room."""

    async def take(self, person: str, device: str) -> list[Envelope]:
        """Everything that waits for a device, with how long it waited; nobody else gets it."""

    async def allows(self, limit: Limit, key: str, amount: int) -> bool:
        """Whether there is that much left; if so it is taken."""
