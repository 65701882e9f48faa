"""Whom the user knows: who rings here, and with whom keys were compared."""

from typing import Protocol

import msgspec


class People(Protocol):
    """What calls need to know of people, named as the channel names them."""

    def knows(self, person: str) -> bool:
        """Whether this is a contact, so that a plain name is called over this line."""

    def may_ring(self, person: str) -> bool:
        """Whether a call of theirs rings."""

    def verified(self, person: str) -> bool:
        """Whether keys were compared with them, so that they are who the name says."""


class Contact(msgspec.Struct, kw_only=True):
    """One person."""

    blocked: bool = False
    verified: bool = False


class Contacts:
    """Contacts in memory. Only they ring, and none that is blocked; with `strangers` everybody else rings too."""

    def __init__(self, *names: str, strangers: bool = False) -> None:
        self._strangers = strangers
        self._contacts = {name: Contact() for name in names}

    def knows(self, person: str) -> bool:
        """See `People.knows`."""
        return person in self._contacts

    def may_ring(self, person: str) -> bool:
        """See `People.may_ring`."""
        contact = self._contacts.get(person)
        return self._strangers if contact is None else not contact.blocked

    def verified(self, person: str) -> bool:
        """See `People.verified`."""
        contact = self._contacts.get(person)
        return contact is not None and contact.verified

    def block(self, person: str, blocked: bool = True) -> None:
        """Let nothing of theirs ring, or let it ring again."""
        self._contacts.setdefault(person, Contact()).blocked = blocked

    def verify(self, person: str, verified: bool = True) -> None:
        """The user has compared keys with them, or takes that back."""
        self._contacts.setdefault(person, Contact()).verified = verified
