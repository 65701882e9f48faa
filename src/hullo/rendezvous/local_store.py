"""The store of a rendezvous that is one process: names in a file, mail in memory."""

import asyncio
import time
from collections.abc import Callable

from hullo.rendezvous.directory import Directory
from hullo.rendezvous.limits import Buckets
from hullo.rendezvous.mailbox import Mailboxes
from hullo.rendezvous.store import Limit, Listener
from hullo.rendezvous.wire import Bundle, Envelope, PublishedKeys, Succession


class LocalStore:
    """See `hullo.rendezvous.store.Store`. `clock` gives monotonic seconds."""

    def __init__(
        self,
        directory: Directory | None = None,
        mailboxes: Mailboxes | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = Directory() if directory is None else directory
        self._mailboxes = Mailboxes() if mailboxes is None else mailboxes
        self._clock = clock
        self._buckets = {limit: Buckets(*limit.value) for limit in Limit}

    async def run(self, listener: Listener) -> None:
        """There are no other nodes."""
        await asyncio.Event().wait()

    async def register(self, person: str, device: str, identity: bytes) -> int:
        """See `Store.register`."""
        self._directory.register(person, device, identity)
        return self._directory.prekeys_left(person, device)

    async def identity(self, person: str) -> bytes | None:
        """See `Store.identity`."""
        return self._directory.identity(person)

    async def devices(self, person: str) -> tuple[str, ...]:
        """See `Store.devices`."""
        return self._directory.devices(person)

    async def succeed(self, person: str, succession: Succession) -> tuple[str, ...]:
        """See `Store.succeed`."""
        gone = self._directory.succeed(person, succession)
        for device in gone:
            self._mailboxes.take(person, device, self._clock())
        return gone

    async def successions(self, person: str) -> tuple[Succession, ...]:
        """See `Store.successions`."""
        return self._directory.successions(person)

    async def publish(self, person: str, device: str, keys: PublishedKeys) -> None:
        """See `Store.publish`."""
        self._directory.publish(person, device, keys)

    async def bundle(self, person: str, device: str) -> Bundle | None:
        """See `Store.bundle`."""
        return self._directory.bundle(person, device)

    async def prekeys_left(self, person: str, device: str) -> int:
        """See `Store.prekeys_left`."""
        return self._directory.prekeys_left(person, device)

    async def put(self, person: str, device: str, envelope: Envelope, seconds: float) -> bool:
        """See `Store.put`."""
        return seconds > 0 and self._mailboxes.put(person, device, envelope, self._clock(), seconds)

    async def take(self, person: str, device: str) -> list[Envelope]:
        """See `Store.take`."""
        return self._mailboxes.take(person, device, self._clock())

    async def allows(self, limit: Limit, key: str, amount: int) -> bool:
        """See `Store.allows`."""
        return self._buckets[limit].take(key, self._clock(), amount)
