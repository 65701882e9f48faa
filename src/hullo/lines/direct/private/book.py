"""The contact book: whom the user knows, the key of each, and whether it was compared."""

from collections.abc import Callable, Collection, Sequence

import msgspec

from hullo.lines.direct.channel import Notice
from hullo.lines.direct.private.vault import Vault, VaultError
from hullo.rendezvous.wire import MAX_DEVICES, Succession

_FILE = "contacts"
MAX_STRANGERS = 1000


class Entry(msgspec.Struct, kw_only=True):
    """One person. The first key that is seen is kept; another one is refused until the user takes it."""

    contact: bool = False
    """False for somebody who only called."""
    blocked: bool = False
    identity: bytes | None = None
    verified: bool = False
    offered: bytes | None = None
    """A key that the person, or somebody in between, showed instead of `identity`."""
    devices: list[str] = []
    """Those that messages went to, or came from."""
    withdrawn: list[bytes] = []
    """Earlier keys, which the person has followed by others when a device was removed."""


class ContactBook:
    """See `hullo.lines.direct.people.People`. Only contacts ring; with `strangers` everybody who is not blocked."""

    def __init__(self, vault: Vault, *, strangers: bool = False) -> None:
        """Raises `VaultError`."""
        self.on_notice: Callable[[Notice], None] = _ignore
        self._vault = vault
        self._strangers = strangers
        data = vault.read(_FILE)
        try:
            self._entries = {} if data is None else msgspec.msgpack.decode(data, type=dict[str, Entry])
        except (msgspec.ValidationError, msgspec.DecodeError):
            raise VaultError("the contacts are of another version of this program") from None

    # What calls ask

    def knows(self, person: str) -> bool:
        """See `People.knows`."""
        entry = self._entries.get(person)
        return entry is not None and entry.contact

    def may_ring(self, person: str) -> bool:
        """See `People.may_ring`."""
        entry = self._entries.get(person)
        return self._strangers if entry is None else not entry.blocked and (entry.contact or self._strangers)

    def verified(self, person: str) -> bool:
        """See `People.verified`."""
        entry = self._entries.get(person)
        return entry is not None and entry.verified

    # What sessions ask

    def accepts(self, person: str, identity: bytes) -> bool:
        """Whether this is the person's key: the first one is. Another one is refused, and told as `key-changed`."""
        entry = self._entries.get(person)
        if entry is None:
            if not self._strangers or len(self._entries) >= MAX_STRANGERS:
                return False
            entry = self._entries[person] = Entry()
        if entry.identity == identity:
            return True
        if entry.identity is not None:
            self._refuse(person, entry, identity)
            return False
        entry.identity = identity
        self._save()
        return True

    def identity(self, person: str) -> bytes | None:
        """The person's key, as far as one was seen."""
        entry = self._entries.get(person)
        return None if entry is None else entry.identity

    def withdrew(self, person: str, identity: bytes) -> bool:
        """Whether this was the person's key once, and a removed device may still have it."""
        entry = self._entries.get(person)
        return entry is not None and identity in entry.withdrawn

    def withdraw(self, person: str, keys: Collection[bytes]) -> None:
        """These are keys of before, which nobody is to be talked into taking."""
        entry = self._entries[person]
        fresh = [key for key in keys if key not in entry.withdrawn]
        if fresh:
            entry.withdrawn = [*entry.withdrawn, *fresh]
            entry.offered = None if entry.offered in fresh else entry.offered
            self._save()

    def succeed(self, person: str, steps: Sequence[Succession]) -> None:
        """The person's key is followed by that of the last step; the others are never taken again."""
        entry = self._entries[person]
        removed = {device for step in steps for device in step.removed}
        entry.withdrawn = [*entry.withdrawn, *(step.old for step in steps)]
        entry.identity, entry.verified = steps[-1].new, False
        entry.devices = []
        if entry.offered in (entry.identity, *entry.withdrawn):
            entry.offered = None
        self._save()
        names = ", ".join(sorted(removed)) or "none"
        detail = (
            f"{person} has removed a device ({names}) and has a new key since, signed by the one before: "
            f"nothing is sent to that device any more; compare the safety number again: hullo contacts"
        )
        notice = Notice(kind="device-removed", person=person, detail=detail, devices=tuple(sorted(removed)))
        self.on_notice(notice)

    def _refuse(self, person: str, entry: Entry, identity: bytes) -> None:
        if identity in entry.withdrawn:
            detail = f"a key came that {person} has withdrawn with a device that was removed; it was refused"
            self.on_notice(Notice(kind="withdrawn-key", person=person, detail=detail))
            return
        if entry.offered != identity:
            entry.offered = identity
            self._save()
        detail = (
            f"{person} shows another key than before: a new device, or somebody in between; "
            f"ask them over another channel, then: hullo contacts trust {person}"
        )
        self.on_notice(Notice(kind="key-changed", person=person, detail=detail))

    def devices(self, person: str) -> tuple[str, ...]:
        """The person's devices, as far as they are known."""
        entry = self._entries.get(person)
        return () if entry is None else tuple(entry.devices)

    def remember_device(self, person: str, device: str) -> None:
        """A device of the person is known."""
        entry = self._entries.get(person)
        if entry is not None and device not in entry.devices:
            entry.devices = [*entry.devices, device][-MAX_DEVICES:]
            self._save()

    def forget_devices(self, person: str, devices: Collection[str]) -> None:
        """These devices of the person are no more."""
        entry = self._entries.get(person)
        if entry is not None and not set(devices).isdisjoint(entry.devices):
            entry.devices = [device for device in entry.devices if device not in devices]
            self._save()

    # What the user does

    def entries(self) -> dict[str, Entry]:
        """All people, by name."""
        return {name: msgspec.structs.replace(entry) for name, entry in sorted(self._entries.items())}

    def add(self, person: str, identity: bytes | None = None) -> None:
        """Make somebody a contact; with a key that was handed over safely they are verified at once."""
        entry = self._entries.setdefault(person, Entry())
        entry.contact = True
        if identity is not None:
            entry.identity, entry.verified, entry.offered = identity, True, None
        self._save()

    def adopt(self, entries: dict[str, Entry]) -> None:
        """Take the people of another device of ours."""
        self._entries |= entries
        self._save()

    def remove(self, person: str) -> None:
        """Forget somebody, and their key. Raises `KeyError`."""
        del self._entries[person]
        self._save()

    def block(self, person: str, blocked: bool = True) -> None:
        """Let nothing of theirs ring, or let it ring again."""
        self._entries.setdefault(person, Entry()).blocked = blocked
        self._save()

    def verify(self, person: str, verified: bool = True) -> None:
        """The user has compared the safety number. Raises `KeyError`, and `ValueError` before any key was seen."""
        entry = self._entries[person]
        if entry.identity is None:
            raise ValueError(f"no key of {person} has been seen yet: call them first")
        entry.verified = verified
        self._save()

    def trust(self, person: str) -> None:
        """Take the other key that was shown. Raises `KeyError`, and `ValueError` if there is none."""
        entry = self._entries[person]
        if entry.offered is None:
            raise ValueError(f"{person} has shown no other key")
        entry.identity, entry.offered, entry.verified = entry.offered, None, False
        self._save()

    def _save(self) -> None:
        self._vault.write(_FILE, msgspec.msgpack.encode(self._entries), durable=True)


def _ignore(notice: Notice) -> None: ...
