"""An invite: a line of text that a person hands to a friend, with all that is needed to call them privately."""

import base64
import binascii
import re
from dataclasses import dataclass

import msgspec

from hullo.lines.direct.private.identity import KEY_BYTES
from hullo.lines.direct.private.settings import check_rendezvous
from hullo.rendezvous.wire import Person

_PREFIX = "hullo:"
_SECURE = "wss://"


class InviteError(ValueError):
    """A text is no invite; it says what is wrong."""


@dataclass(frozen=True, slots=True)
class Invite:
    """Who invites: the name, the public key, and the nodes of the rendezvous where the name means something.

    As text it is `hullo:NAME@NODE,NODE#KEY`, nodes without their `wss://` and the key in base64url.
    """

    person: str
    key: bytes
    rendezvous: tuple[str, ...]

    def meets(self, other: "Invite") -> bool:
        """Whether both are at the same rendezvous, as far as their lists of nodes tell."""
        return not {*self.rendezvous}.isdisjoint(other.rendezvous)

    def __str__(self) -> str:
        key = base64.urlsafe_b64encode(self.key).rstrip(b"=").decode()
        nodes = ",".join(node.removeprefix(_SECURE) for node in self.rendezvous)
        return f"{_PREFIX}{self.person}@{nodes}#{key}"


def is_invite(text: str) -> bool:
    """Whether a text means to be an invite."""
    return text.strip().startswith(_PREFIX)


def parse_invite(text: str) -> Invite:
    """The invite that a text is, also one that was broken over lines. Raises `InviteError`."""
    parts = re.fullmatch(f"{_PREFIX}([^@#]+)@([^#]+)#(.+)", re.sub(r"\s", "", text))
    if parts is None:
        raise InviteError("that is no invite: one begins with hullo: and has a name, an address and a key in it")
    person, addresses, key = parts.groups()
    rendezvous = tuple(node if "://" in node else _SECURE + node for node in addresses.split(","))
    try:
        for node in rendezvous:
            check_rendezvous(node)
    except ValueError as error:
        raise InviteError(f"the address in that invite can't be used: {error}") from None
    return Invite(_person(person), _key(key), rendezvous)


def _person(text: str) -> str:
    try:
        return msgspec.convert(text, Person)
    except msgspec.ValidationError:
        raise InviteError("the name in that invite is none") from None


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise InviteError("the key in that invite is incomplete: copy all of it")
    return key
