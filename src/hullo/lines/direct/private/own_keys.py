"""The keys of this device: its person's identity key and the steps to it, and prekeys to begin sessions with."""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import x3dh
from x3dh.identity_key_pair import IdentityKeyPairSeed
from x3dh.signed_pre_key_pair import SignedPreKeyPair

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.envelope import Agreement
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.ratchet import AGREEMENT, Prekeys
from hullo.lines.direct.private.vault import Vault, VaultError
from hullo.rendezvous.succession import MAX_SUCCESSIONS, follow, signed_by_succession
from hullo.rendezvous.wire import PublishedKeys, Succession

_FILE = "device"
PREKEYS = 100
"""In a batch."""
MAX_BATCHES = 5
"""Of prekeys that somebody may still use; the oldest are thrown away."""
ROTATE_AFTER = 7 * 86_400.0
"""Seconds after which the signed prekey is replaced; the old one is kept for as long again."""
MAX_AGREED = 1024
"""Beginnings of sessions that are remembered, so that none begins twice."""


class _StoredKeys(msgspec.Struct):
    person: str
    device: str
    seed: bytes
    prekeys: Any
    batches: list[list[bytes]]
    """Public prekeys as they were published."""
    agreed: list[bytes]
    """Ephemeral keys of sessions that others began with the prekeys there are, so that none begins twice."""
    epoch: bytes = b""
    """In which prekeys were published the last time."""
    former: Any = None
    """The prekeys of our key before this one: others may have used them before they heard of it."""
    successions: tuple[Succession, ...] = ()
    """How our key came to follow earlier ones."""
    next_seed: bytes = b""
    """Of the key that is to follow, before it is known whether the rendezvous took it."""
    told: bool = True
    """Whether contacts were told of the last of them."""
    unlinked: str | None = None
    """Why this is no device of its person any more."""

    def __repr__(self) -> str:
        """Without the keys."""
        return f"_StoredKeys({self.person!r}, {self.device!r})"


class OwnKeys:
    """Each change is on disk before anybody can hear of it. What changes raises `OSError` when the disk refuses, and
    nothing has changed then."""

    def __init__(self, vault: Vault) -> None:
        """Raises `VaultError`, also before `create` was used."""
        self._vault = vault
        stored = _load(vault)
        self.own = Device(stored.person, stored.device)
        self._take(stored)

    def _take(self, stored: _StoredKeys) -> None:
        self.identity = Identity(stored.seed)
        self.successions: tuple[Succession, ...] = stored.successions
        """How our key came to follow earlier ones."""
        self.unlinked: str | None = stored.unlinked
        """Why this is no device of its person any more; None as long as it is."""
        self.told: bool = stored.told
        """Whether contacts were told of the last of them."""
        self._next_seed = stored.next_seed
        self._prekeys: Prekeys = Prekeys.from_json(stored.prekeys, **AGREEMENT)[0]
        self._former: Prekeys | None = None
        if stored.former is not None:
            self._former = Prekeys.from_json(stored.former, **AGREEMENT)[0]
        self._batches: list[list[bytes]] = stored.batches
        self._agreed = stored.agreed
        self._published_in = stored.epoch

    @staticmethod
    def create(
        vault: Vault, own: Device, identity: Identity | None = None, successions: tuple[Succession, ...] = ()
    ) -> None:
        """Make the keys of a new device; with `identity` it is one more device of the same person."""
        seed = (identity or Identity.new()).seed
        prekeys = Prekeys.create(**AGREEMENT, identity_key_pair=IdentityKeyPairSeed(seed))
        _store(vault, _StoredKeys(own.person, own.device, seed, prekeys.json, [], [], successions=successions))

    @staticmethod
    def why_unlinked(vault: Vault) -> str | None:
        """Why the device whose keys are there is none of its person any more. Raises `VaultError`."""
        return _load(vault).unlinked

    # Our key, and what follows it

    def propose(self, removed: tuple[str, ...], at: int) -> Succession:
        """A new key that those devices will not have; `adopt` it once the rendezvous has taken it.

        Its secret is on disk before anybody can hear of it, and it is the same until one was taken. Raises `OSError`.
        """
        if not self._next_seed:
            self._next_seed = Identity.new().seed
            self._save()
        following = Identity(self._next_seed)
        number = self.successions[-1].number + 1 if self.successions else 1
        signed = signed_by_succession(
            self.own.person, number, at, self.own.device, removed, self.identity.public, following.public
        )
        return Succession(
            number=number,
            at=at,
            by=self.own.device,
            removed=removed,
            old=self.identity.public,
            new=following.public,
            old_signature=self.identity.sign(signed),
            new_signature=following.sign(signed),
        )

    def own_steps(self, successions: Iterable[Succession]) -> tuple[Succession, ...]:
        """Those that lead on from our key; none if it has signed none of them."""
        return follow(self.own.person, self.identity.public, successions)

    def adopt(self, steps: Sequence[Succession]) -> bool:
        """Go on with the key of the last step; False if that is none that we have proposed. Raises `OSError`."""
        following = Identity(self._next_seed) if self._next_seed else None
        if following is None or following.public != steps[-1].new:
            return False
        self.identity, self._next_seed, self.told = following, b"", False
        self.successions = (*self.successions, *steps)[-MAX_SUCCESSIONS:]
        self._former = self._prekeys
        self._prekeys = Prekeys.create(**AGREEMENT, identity_key_pair=IdentityKeyPairSeed(following.seed))
        self._batches = []
        self._save()
        return True

    def contacts_told(self) -> None:
        """Contacts were told of our key."""
        self.told = True
        self._save()

    def unlink(self, why: str) -> None:
        """This is no device of its person any more. Raises `OSError`."""
        self.unlinked, self._next_seed = why, b""
        self._save()

    # Our prekeys

    def publication_due(self) -> bool:
        """Whether new keys should be published: the signed one is a week old, or a crash may have cost us some."""
        return self._rotation_due() or self._published_in != self._vault.epoch

    def publish(self) -> PublishedKeys:
        """What others need to begin a session, with fresh prekeys, since those before may be on their way to us.

        Raises `OSError`.
        """
        if self._rotation_due():
            self._prekeys.rotate_signed_pre_key()
        before = self._prekeys.bundle.pre_keys
        self._prekeys.generate_pre_keys(PREKEYS)
        bundle = self._prekeys.bundle
        fresh = sorted(bundle.pre_keys - before)
        self._batches.append(fresh)
        while len(self._batches) > MAX_BATCHES:
            for prekey in self._batches.pop(0):
                self._prekeys.delete_pre_key(prekey)
        self._published_in = self._vault.epoch
        self._save()
        return PublishedKeys(bundle.signed_pre_key, bundle.signed_pre_key_sig, tuple(fresh))

    def _rotation_due(self) -> bool:
        return self._prekeys.signed_pre_key_age() > ROTATE_AFTER

    # Sessions that begin with them

    async def begin(self, theirs: x3dh.Bundle, names: bytes) -> tuple[bytes, bytes, Agreement]:
        """X3DH with the keys of another device, `names` bound into it: the secret, the associated data, and what
        tells the other of it. Raises `x3dh.KeyAgreementException`, `xeddsa.XEdDSAException`, `ValueError`."""
        secret, associated, header = await self._prekeys.get_shared_secret_active(theirs, names, require_pre_key=False)
        told = Agreement(
            self.identity.public, header.ephemeral_key, header.signed_pre_key, header.pre_key, self.successions
        )
        return secret, associated, told

    async def agree(self, agreement: Agreement, names: bytes) -> tuple[bytes, bytes, SignedPreKeyPair]:
        """What X3DH gives for somebody who begins, with the prekeys that they used: ours, or those of our key before
        this one. The secret, the associated data, and our signed prekey. Raises `x3dh.KeyAgreementException`."""
        header = x3dh.Header(agreement.identity, agreement.ephemeral, agreement.signed_prekey, agreement.prekey)
        if self._former is not None:
            with contextlib.suppress(x3dh.KeyAgreementException):
                return await self._former.get_shared_secret_passive(header, names, require_pre_key=False)
        return await self._prekeys.get_shared_secret_passive(header, names, require_pre_key=False)

    def has_begun(self, agreement: Agreement) -> bool:
        """Whether a session has begun with it already."""
        return agreement.ephemeral in self._agreed

    def spend(self, agreement: Agreement) -> None:
        """A session has begun: its one-time prekey is no more, and it does not begin again; nothing the second time.

        Raises `OSError`.
        """
        if self.has_begun(agreement):
            return
        for prekeys in (self._prekeys, self._former):
            if prekeys is not None and agreement.prekey is not None:
                prekeys.delete_pre_key(agreement.prekey)
        self._agreed = [*self._agreed, agreement.ephemeral][-MAX_AGREED:]
        self._save()

    # On disk

    def _save(self) -> None:
        own, seed = self.own, self.identity.seed
        device = _StoredKeys(
            own.person,
            own.device,
            seed,
            self._prekeys.json,
            self._batches,
            self._agreed,
            self._published_in,
            former=None if self._former is None else self._former.json,
            successions=self.successions,
            next_seed=self._next_seed,
            told=self.told,
            unlinked=self.unlinked,
        )
        try:
            _store(self._vault, device)
        except OSError:
            self._take(_load(self._vault))
            raise


def _load(vault: Vault) -> _StoredKeys:
    data = vault.read(_FILE)
    if data is None:
        raise VaultError("this device has no keys yet: hullo contacts init NAME makes them")
    try:
        return msgspec.msgpack.decode(data, type=_StoredKeys)
    except (msgspec.ValidationError, msgspec.DecodeError):
        raise VaultError("the keys are of another version of this program") from None


def _store(vault: Vault, device: _StoredKeys) -> None:
    vault.write(_FILE, msgspec.msgpack.encode(device), durable=True)
