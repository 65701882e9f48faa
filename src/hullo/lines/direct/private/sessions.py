"""Sessions with devices: messages in, envelopes out, and the reverse, with every key on disk before it is used."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import doubleratchet
import msgspec
import x3dh
import xeddsa
from x3dh.identity_key_pair import IdentityKeyPairSeed
from x3dh.signed_pre_key_pair import SignedPreKeyPair

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.envelope import (
    MAX_CHAIN,
    Agreement,
    Envelope,
    EnvelopeError,
    encode_envelope,
    pad,
    parse_envelope,
    unpad,
)
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.ratchet import AGREEMENT, RATCHET, Prekeys, Ratchet
from hullo.lines.direct.private.vault import Vault, VaultError, file_name
from hullo.rendezvous.succession import MAX_SUCCESSIONS, before, follow, signed_by_succession
from hullo.rendezvous.wire import Bundle, PublishedKeys, Succession

logger = logging.getLogger(__name__)

_FILE = "device"
MAX_SESSIONS = 4
"""With one device: both sides may begin one at the same time, and one may have been lost."""
MAX_SEEN = 1024
"""Envelopes that are remembered, so that a replay is called one."""
PREKEYS = 100
"""In a batch."""
MAX_BATCHES = 5
"""Of prekeys that somebody may still use; the oldest are thrown away."""
ROTATE_AFTER = 7 * 86_400.0
"""Seconds after which the signed prekey is replaced; the old one is kept for as long again."""


class NoSession(Exception):
    """There is no session with the device yet; a bundle of its keys is needed to begin one."""


class Refused(Exception):
    """An envelope, or a bundle, is not accepted: `kind` names the attack or mishap, the text explains it."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class _Session:
    """One session with one device."""

    def __init__(
        self,
        session_id: bytes,
        identity: bytes,
        ratchet: Ratchet,
        associated: bytes,
        agreement: Agreement | None,
        epoch: bytes,
        ours: bytes,
    ) -> None:
        self.id = session_id
        self.identity = identity
        self.ratchet = ratchet
        self.associated = associated
        self.agreement = agreement
        """Sent along until the peer has answered."""
        self.epoch = epoch
        """In which it began. In another one nothing is sent in it: keys that were used already may have come back."""
        self.ours = ours
        """Our key when it began; once that has been followed by another one, nothing is sent in it."""


class _StoredSession(msgspec.Struct):
    id: bytes
    identity: bytes
    ratchet: Any
    associated: bytes
    agreement: Agreement | None
    epoch: bytes = b""
    ours: bytes = b""


class _StoredDevice(msgspec.Struct):
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
        return f"_StoredDevice({self.person!r}, {self.device!r})"


class Sessions:
    """All sessions of this device. One message at a time: callers take turns."""

    def __init__(self, vault: Vault, book: ContactBook) -> None:
        """Raises `VaultError`, also before `create` was used."""
        self._vault = vault
        self._book = book
        stored = _load(vault)
        self.own = Device(stored.person, stored.device)
        self._take(stored)
        self._sessions: dict[Device, list[_Session]] = {}
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def _take(self, stored: _StoredDevice) -> None:
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
        _store(vault, _StoredDevice(own.person, own.device, seed, prekeys.json, [], [], successions=successions))

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
            self._save_device()
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
        self._save_device()
        return True

    def contacts_told(self) -> None:
        """Contacts were told of our key."""
        self.told = True
        self._save_device()

    def unlink(self, why: str) -> None:
        """This is no device of its person any more. Raises `OSError`."""
        self.unlinked, self._next_seed = why, b""
        self._save_device()

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
        self._save_device()
        return PublishedKeys(bundle.signed_pre_key, bundle.signed_pre_key_sig, tuple(fresh))

    def _rotation_due(self) -> bool:
        return self._prekeys.signed_pre_key_age() > ROTATE_AFTER

    # Out

    async def encrypt(
        self, peer: Device, message: bytes, bundle: Bundle | None = None, successions: Sequence[Succession] = ()
    ) -> bytes:
        """An envelope with the message, in a new session if `bundle` is given; `successions` may explain its key.

        Raises `NoSession`, `Refused` for a bundle that is not the peer's, `ValueError` for a message that is too long,
        `OSError` when the disk does not take the keys; nothing has changed then.
        """
        padded = pad(message)
        sessions = self._with(peer)
        if bundle is None:
            session = next((s for s in sessions if self._usable(peer, s)), None)
            if session is None:
                raise NoSession
            sealed = await session.ratchet.encrypt_message(padded, _bound(session.associated, session.agreement))
        else:
            self._follow(peer.person, bundle.identity, successions)
            session, sealed = await self._begin(peer, padded, bundle)
            self._know_earlier(peer.person, bundle.identity, successions)
            sessions = [session, *sessions]
        self._save(peer, sessions)
        return encode_envelope(_envelope(session, sealed))

    def current(self, peer: Device) -> bytes | None:
        """The id of the session in which the peer is written to."""
        return next((session.id for session in self._with(peer) if self._usable(peer, session)), None)

    def _usable(self, peer: Device, session: _Session) -> bool:
        if session.epoch != self._vault.epoch or session.ours != self.identity.public:
            return False
        current = self._book.identity(peer.person) == session.identity
        return current and session.ratchet.sending_chain_length < MAX_CHAIN

    async def _begin(
        self, peer: Device, padded: bytes, bundle: Bundle
    ) -> tuple[_Session, doubleratchet.EncryptedMessage]:
        if not self._book.accepts(peer.person, bundle.identity):
            raise self._strange(peer.person, bundle.identity, f"the rendezvous shows a key of {peer.person} that is")
        prekeys = frozenset() if bundle.prekey is None else frozenset({bundle.prekey})
        theirs = x3dh.Bundle(bundle.identity, bundle.keys.signed_prekey, bundle.keys.signature, prekeys)
        try:
            secret, associated, header = await self._prekeys.get_shared_secret_active(
                theirs, _names(self.own, peer), require_pre_key=False
            )
            agreement = Agreement(
                self.identity.public, header.ephemeral_key, header.signed_pre_key, header.pre_key, self.successions
            )
            ratchet, sealed = await Ratchet.encrypt_initial_message(
                **RATCHET,
                shared_secret=secret,
                recipient_ratchet_pub=bundle.keys.signed_prekey,
                message=padded,
                associated_data=_bound(associated, agreement),
            )
        except (x3dh.KeyAgreementException, xeddsa.XEdDSAException, ValueError):
            raise Refused("forged", f"the rendezvous gave keys of {peer} that are not signed by them") from None
        session_id = _session_id(header.ephemeral_key)
        return self._session(session_id, bundle.identity, ratchet, associated, agreement), sealed

    # In

    def hear_of_successor(self, sender: Device, data: bytes) -> None:
        """Follow a new key of the sender's, which an envelope shows beside what it says; the envelope stays unread."""
        try:
            agreement = parse_envelope(data).agreement
        except EnvelopeError:
            return
        if agreement is not None:
            self._follow(sender.person, agreement.identity, agreement.successions)

    def _follow(self, person: str, identity: bytes, successions: Sequence[Succession]) -> None:
        """Take another key of a person, if there are signed steps from the one we know."""
        known = self._book.identity(person)
        if known is None or known == identity:
            return
        steps = follow(person, known, successions)
        if steps and steps[-1].new == identity:
            self._book.succeed(person, steps)

    def _know_earlier(self, person: str, identity: bytes, successions: Sequence[Succession]) -> None:
        """The keys before the one that was taken are not to be taken any more, also if it is the first we have seen."""
        self._book.withdraw(person, before(person, identity, successions))

    async def decrypt(self, sender: Device, data: bytes) -> bytes:
        """The message in an envelope. Raises `Refused`, and `OSError` as `encrypt` does; nothing has changed then."""
        digest = hashlib.sha256(data).digest()
        if digest in self._seen:
            raise Refused("replayed", f"an envelope of {sender} came again")
        try:
            envelope = parse_envelope(data)
            session, padded = await self._open(sender, envelope)
            message = unpad(padded)
        except EnvelopeError as error:
            raise Refused("malformed", f"{sender}: {error}") from None
        session.agreement = None
        others = [other for other in self._with(sender) if other is not session]
        self._save(sender, [session, *others])  # the peer uses it, so it has it, and is answered in it
        self._seen[digest] = None
        while len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return message

    async def _open(self, sender: Device, envelope: Envelope) -> tuple[_Session, bytes]:
        session = next((s for s in self._with(sender) if s.id == envelope.session), None)
        header = doubleratchet.Header(envelope.ratchet, envelope.previous, envelope.number)
        sealed = doubleratchet.EncryptedMessage(header, envelope.ciphertext)
        try:
            if session is not None and self._book.accepts(sender.person, session.identity):
                return session, await session.ratchet.decrypt_message(
                    sealed, _bound(session.associated, envelope.agreement)
                )
            if session is not None:
                raise self._strange(sender.person, session.identity, f"a session of {sender} belongs to a key that is")
            if envelope.agreement is None:
                raise Refused("unknown-session", f"{sender} uses a session that is not known here (any more)")
            return await self._begun(sender, envelope.agreement, sealed)
        except doubleratchet.DuplicateMessageException:
            raise Refused("replayed", f"a message of {sender} came again") from None
        except doubleratchet.DoSProtectionException:
            raise Refused("forged", f"a message of {sender} claims that thousands before it are missing") from None
        except (
            doubleratchet.AuthenticationFailedException,
            doubleratchet.DecryptionFailedException,
            xeddsa.XEdDSAException,
            ValueError,  # a key that is no point of the curve
        ):
            raise Refused("forged", f"a message in the name of {sender} is not theirs, or was changed") from None

    async def _begun(
        self, sender: Device, agreement: Agreement, sealed: doubleratchet.EncryptedMessage
    ) -> tuple[_Session, bytes]:
        """A session that the sender has begun."""
        if agreement.ephemeral in self._agreed:
            raise Refused("replayed", f"the beginning of a session of {sender} came again")
        self._follow(sender.person, agreement.identity, agreement.successions)
        pinned = self._book.identity(sender.person)
        if pinned is not None and pinned != agreement.identity:
            self._book.accepts(sender.person, agreement.identity)
            raise self._strange(sender.person, agreement.identity, f"{sender} shows a key that is")
        prekeys, (secret, associated, signed_prekey) = await self._agree(sender, agreement)
        ratchet, padded = await Ratchet.decrypt_initial_message(
            **RATCHET,
            shared_secret=secret,
            own_ratchet_priv=signed_prekey.priv,
            message=sealed,
            associated_data=_bound(associated, agreement),
        )
        if not self._book.accepts(sender.person, agreement.identity):
            raise Refused("stranger", f"{sender.person} is not among the contacts")
        self._know_earlier(sender.person, agreement.identity, agreement.successions)
        if agreement.prekey is not None:
            prekeys.delete_pre_key(agreement.prekey)
        self._agreed = [*self._agreed, agreement.ephemeral][-MAX_SEEN:]
        self._save_device()
        session_id = _session_id(agreement.ephemeral)
        return self._session(session_id, agreement.identity, ratchet, associated, None), padded

    async def _agree(
        self, sender: Device, agreement: Agreement
    ) -> tuple[Prekeys, tuple[bytes, bytes, SignedPreKeyPair]]:
        """What X3DH gives with the prekeys that the sender has used: ours, or those of our key before this one."""
        header = x3dh.Header(agreement.identity, agreement.ephemeral, agreement.signed_prekey, agreement.prekey)
        names = _names(sender, self.own)
        problem = ""
        for prekeys in (self._former, self._prekeys):
            try:
                if prekeys is not None:
                    return prekeys, await prekeys.get_shared_secret_passive(header, names, require_pre_key=False)
            except x3dh.KeyAgreementException as error:
                problem = str(error)
        raise Refused("unknown-prekey", f"{sender} begins a session with keys that are spent: {problem}")

    def _strange(self, person: str, identity: bytes, what: str) -> Refused:
        """Why a key is refused that is not the person's."""
        if self._book.withdrew(person, identity):
            return Refused("withdrawn-key", f"{what} not theirs any more: a device that they have removed")
        return Refused("key-changed", f"{what} not theirs")

    def _session(
        self, session_id: bytes, identity: bytes, ratchet: Ratchet, associated: bytes, agreement: Agreement | None
    ) -> _Session:
        """A session that begins."""
        epoch, ours = self._vault.epoch, self.identity.public
        return _Session(session_id, identity, ratchet, associated, agreement, epoch, ours)

    # On disk

    def _with(self, peer: Device) -> list[_Session]:
        if peer not in self._sessions:
            self._sessions[peer] = [_restored(each) for each in self._stored(peer)]
        return self._sessions[peer]

    def _stored(self, peer: Device) -> list[_StoredSession]:
        try:
            data = self._vault.read(file_name("session", str(peer)))
            return [] if data is None else msgspec.msgpack.decode(data, type=list[_StoredSession])
        except (VaultError, msgspec.ValidationError, msgspec.DecodeError):
            logger.warning("the sessions with a device can't be read; new ones are begun")
            return []

    def _save(self, peer: Device, sessions: list[_Session]) -> None:
        self._sessions[peer] = sessions[:MAX_SESSIONS]
        stored = [
            _StoredSession(s.id, s.identity, s.ratchet.json, s.associated, s.agreement, s.epoch, s.ours)
            for s in self._sessions[peer]
        ]
        try:
            self._vault.write(file_name("session", str(peer)), msgspec.msgpack.encode(stored))
        except OSError:
            del self._sessions[peer]  # as on the disk: what was to be read or sent can be tried again
            raise

    def _save_device(self) -> None:
        own, seed = self.own, self.identity.seed
        device = _StoredDevice(
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


def _restored(stored: _StoredSession) -> _Session:
    ratchet = Ratchet.from_json(stored.ratchet, **RATCHET)
    return _Session(stored.id, stored.identity, ratchet, stored.associated, stored.agreement, stored.epoch, stored.ours)


def _envelope(session: _Session, sealed: doubleratchet.EncryptedMessage) -> Envelope:
    return Envelope(
        version=1,
        session=session.id,
        agreement=session.agreement,
        ratchet=sealed.header.ratchet_pub,
        previous=sealed.header.previous_sending_chain_length,
        number=sealed.header.sending_chain_length,
        ciphertext=sealed.ciphertext,
    )


def _bound(associated: bytes, agreement: Agreement | None) -> bytes:
    """What a message authenticates besides itself: the names and keys of both sides, and the header of X3DH."""
    return associated + msgspec.msgpack.encode(agreement)


def _session_id(ephemeral: bytes) -> bytes:
    return hashlib.sha256(b"hullo direct session 1" + ephemeral).digest()[:16]


def _names(beginner: Device, other: Device) -> bytes:
    """Who begins a session with whom, bound into each of its messages, so that nobody can put another name on one."""
    parts = [part.encode() for part in (beginner.person, beginner.device, other.person, other.device)]
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def _load(vault: Vault) -> _StoredDevice:
    data = vault.read(_FILE)
    if data is None:
        raise VaultError("this device has no keys yet: hullo contacts init NAME makes them")
    try:
        return msgspec.msgpack.decode(data, type=_StoredDevice)
    except (msgspec.ValidationError, msgspec.DecodeError):
        raise VaultError("the keys are of another version of this program") from None


def _store(vault: Vault, device: _StoredDevice) -> None:
    vault.write(_FILE, msgspec.msgpack.encode(device), durable=True)
