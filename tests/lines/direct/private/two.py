"""Alice's and Bob's sessions, each in a vault of its own, and the bundles that a rendezvous would give out."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hullo.lines.direct.channel import Device, Notice
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.own_keys import OwnKeys
from hullo.lines.direct.private.sessions import Sessions
from hullo.lines.direct.private.vault import Vault
from hullo.rendezvous.wire import Bundle
from tests.lines.direct.samples import ALICE, BOB


class End:
    """One device: its contacts, its sessions and what it noticed."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.book = ContactBook(vault)
        self.notices: list[Notice] = []
        self.book.on_notice = self.notices.append
        self.sessions = Sessions(vault, self.book)
        self.own = self.sessions.keys.own
        self.keys = self.sessions.keys.publish()
        self._given = 0

    def bundle(self, *, spent: bool = False) -> Bundle:
        """The next bundle of this device."""
        keys = self.keys
        self._given += 1
        prekey = None if spent else keys.prekeys[self._given]
        return Bundle(self.own.device, self.sessions.keys.identity.public, keys, prekey)


@contextmanager
def end(directory: Path, own: Device, *contacts: str) -> Iterator[End]:
    """A device that is made the first time, and found again later."""
    with Vault(directory / f"{own.person}-{own.device}") as vault:
        if vault.read("device") is None:
            OwnKeys.create(vault, own)
        found = End(vault)
        for contact in contacts:
            found.book.add(contact)
        yield found


@contextmanager
def alice_and_bob(directory: Path) -> Iterator[tuple[End, End]]:
    """Two who know each other by name."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(end(directory, ALICE, "bob")),
            stack.enter_context(end(directory, BOB, "alice")),
        )
