"""The contacts as a user sees and changes them, from the shell or over JSON-RPC."""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.book import ContactBook, Entry
from hullo.lines.direct.private.identity import KEY_BYTES, safety_number
from hullo.lines.direct.private.invite import Invite
from hullo.rendezvous.wire import Person


class DeskError(Exception):
    """A contact can't be changed so; the text says why and what to do."""


class Change(StrEnum):
    """What can be done with a contact."""

    ADD = "add"
    REMOVE = "remove"
    BLOCK = "block"
    UNBLOCK = "unblock"
    VERIFY = "verify"
    """The safety number was compared."""
    UNVERIFY = "unverify"
    TRUST = "trust"
    """Take another key that they showed; it is not verified."""


class OwnKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are: `key` is what others may add us with, in hex, and `invite` the same with name and address."""

    person: str
    device: str
    key: str
    invite: str | None = None
    """None as long as no rendezvous is configured."""


class ContactStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One person. `safety_number` is for both to compare; None before any key of theirs was seen."""

    person: str
    contact: bool
    blocked: bool
    verified: bool
    key_changed: bool
    safety_number: str | None


class Desk:
    """Works on one device's contact book."""

    def __init__(
        self, own: Device, identity: Callable[[], bytes], book: ContactBook, rendezvous: tuple[str, ...] = ()
    ) -> None:
        """`identity` gives our public key, which changes when a device of ours is unlinked."""
        self._own = own
        self._book = book
        self._identity = identity
        self._rendezvous = rendezvous

    @property
    def own(self) -> OwnKeys:
        """Who we are."""
        own, key = self._own, self._identity()
        invite = str(Invite(own.person, key, self._rendezvous)) if self._rendezvous else None
        return OwnKeys(person=own.person, device=own.device, key=key.hex(), invite=invite)

    def contacts(self) -> list[ContactStatus]:
        """Everybody who is known, by name."""
        return [self._status(person, entry) for person, entry in self._book.entries().items()]

    def change(self, person: str, change: Change, key: str | None = None) -> list[ContactStatus]:
        """Change a contact, and return all. Raises `DeskError`."""
        if key is not None and change is not Change.ADD:
            raise DeskError("a key is only given to add somebody")
        if person == self._own.person:
            raise DeskError(f"{person} is you")
        try:
            self._apply(person, change, key)
        except KeyError:
            raise DeskError(f"{person} is not among the contacts: hullo contacts add {person}") from None
        except (ValueError, msgspec.ValidationError) as error:
            raise DeskError(str(error)) from None
        return self.contacts()

    def _apply(self, person: str, change: Change, key: str | None) -> None:
        book = self._book
        match change:
            case Change.ADD:
                book.add(_checked(person), None if key is None else _key(key))
            case Change.REMOVE:
                book.remove(person)
            case Change.BLOCK | Change.UNBLOCK:
                book.block(_checked(person), change is Change.BLOCK)
            case Change.VERIFY | Change.UNVERIFY:
                book.verify(person, change is Change.VERIFY)
            case Change.TRUST:
                book.trust(person)

    def _status(self, person: str, entry: Entry) -> ContactStatus:
        number = None
        if entry.identity is not None:
            number = safety_number((self._own.person, self._identity()), (person, entry.identity))
        return ContactStatus(
            person=person,
            contact=entry.contact,
            blocked=entry.blocked,
            verified=entry.verified,
            key_changed=entry.offered is not None,
            safety_number=number,
        )


def _checked(person: str) -> str:
    """Raises `ValueError` for what can't be a name at a rendezvous."""
    try:
        return msgspec.convert(person, Person)
    except msgspec.ValidationError:
        raise ValueError(
            f"{person!r} is no name: 1 to 32 small letters, digits, dots, hyphens and underscores"
        ) from None


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 64 hex digits; the other side sees theirs with: hullo contacts me")
    return key
