"""Sessions with devices: messages in, envelopes out, and the reverse, with every key on disk before it is used."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

import doubleratchet
import msgspec
import x3dh
import xeddsa

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.envelope import (
    MAX_CHAIN,
    Agreement,
    Envelope,
    EnvelopeError,
    digest_of,
    encode_envelope,
    pad,
    parse_envelope,
    unpad,
)
from hullo.lines.direct.private.own_keys import OwnKeys
from hullo.lines.direct.private.ratchet import RATCHET, Ratchet
from hullo.lines.direct.private.session_store import Session, SessionStore
from hullo.lines.direct.private.vault import Vault
from hullo.rendezvous.succession import before, follow
from hullo.rendezvous.wire import Bundle, Succession

MAX_SEEN = 1024
"""Envelopes that are remembered, so that a replay is called one."""


class NoSession(Exception):
    """There is no session with the device yet; a bundle of its keys is needed to begin one."""


class Refused(Exception):
    """An envelope, or a bundle, is not accepted: `kind` names the attack or mishap, the text explains it.

    `lost` says that the envelope may be good, and the keys that read it were lost here.
    """

    def __init__(self, kind: str, detail: str, *, lost: bool = False) -> None:
        super().__init__(detail)
        self.kind = kind
        self.lost = lost


def _ignore(message: bytes) -> None: ...


class Sessions:
    """All sessions of this device. One message at a time: callers take turns."""

    def __init__(self, vault: Vault, book: ContactBook) -> None:
        """Raises `VaultError`, also before `OwnKeys.create` was used."""
        self.keys = OwnKeys(vault)
        self._vault = vault
        self._book = book
        self._store = SessionStore(vault)
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    # Out

    async def encrypt(
        self, peer: Device, message: bytes, bundle: Bundle | None = None, successions: Sequence[Succession] = ()
    ) -> bytes:
        """An envelope with the message, in a new session if `bundle` is given; `successions` may explain its key.

        Raises `NoSession`, `Refused` for a bundle that is not the peer's, `ValueError` for a message that is too long,
        `OSError` when the disk does not take the keys; nothing has changed then.
        """
        padded = pad(message)
        sessions = self._of(peer)
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
        self._store.save(peer, sessions)
        return encode_envelope(_envelope(session, sealed))

    def current(self, peer: Device) -> bytes | None:
        """The id of the session in which the peer is written to."""
        return next((session.id for session in self._store.of(peer) if self._usable(peer, session)), None)

    def _usable(self, peer: Device, session: Session) -> bool:
        if session.epoch != self._vault.epoch or session.ours != self.keys.identity.public:
            return False
        current = self._book.identity(peer.person) == session.identity
        return current and session.ratchet.sending_chain_length < MAX_CHAIN

    async def _begin(
        self, peer: Device, padded: bytes, bundle: Bundle
    ) -> tuple[Session, doubleratchet.EncryptedMessage]:
        if not self._book.accepts(peer.person, bundle.identity):
            raise self._strange(peer.person, bundle.identity, f"the rendezvous shows a key of {peer.person} that is")
        prekeys = frozenset() if bundle.prekey is None else frozenset({bundle.prekey})
        theirs = x3dh.Bundle(bundle.identity, bundle.keys.signed_prekey, bundle.keys.signature, prekeys)
        try:
            secret, associated, agreement = await self.keys.begin(theirs, _names(self.keys.own, peer))
            ratchet, sealed = await Ratchet.encrypt_initial_message(
                **RATCHET,
                shared_secret=secret,
                recipient_ratchet_pub=bundle.keys.signed_prekey,
                message=padded,
                associated_data=_bound(associated, agreement),
            )
        except (x3dh.KeyAgreementException, xeddsa.XEdDSAException, ValueError):
            raise Refused("forged", f"the rendezvous gave keys of {peer} that are not signed by them") from None
        session_id = _session_id(agreement.ephemeral)
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

    async def decrypt(self, sender: Device, data: bytes, take: Callable[[bytes], None] = _ignore) -> bytes:
        """The message in an envelope, once `take` has it.

        Only then is it kept that the envelope was read: when the program dies in between, it can be read again, and
        `take` gets the same once more. Raises `Refused`, and `OSError` when `take` or the disk does: it can be read
        again then, too, unless only the prekey of a new session could not be removed, which is made up for later.
        """
        digest = digest_of(data)
        if digest in self._seen:
            raise Refused("replayed", f"an envelope of {sender} came again")
        try:
            session, message = await self._read(sender, data)
            take(message)
            self._keep(sender, session)
        except Refused:
            raise
        except BaseException:  # the keys in memory have moved on, those on the disk have not
            self._store.forget(sender)
            raise
        self._seen[digest] = None
        while len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return message

    async def _read(self, sender: Device, data: bytes) -> tuple[Session, bytes]:
        try:
            session, padded = await self._open(sender, parse_envelope(data))
            return session, unpad(padded)
        except EnvelopeError as error:
            raise Refused("malformed", f"{sender}: {error}") from None

    def _keep(self, sender: Device, session: Session) -> None:
        """The peer uses this session, so it has it, and is answered in it."""
        session.agreement = None
        others = [other for other in self._of(sender) if other is not session]
        self._store.save(sender, [session, *others], durable=session.begun_with is not None)
        self._spend(session)

    def _of(self, peer: Device) -> list[Session]:
        """The sessions with a device. Raises `OSError`."""
        sessions = self._store.of(peer)
        for session in sessions:
            self._spend(session)
        return sessions

    def _spend(self, session: Session) -> None:
        """Its prekey goes after the session is on disk: before, a crash would leave nothing that reads its messages."""
        if session.begun_with is not None:
            self.keys.spend(session.begun_with)
            session.begun_with = None

    async def _open(self, sender: Device, envelope: Envelope) -> tuple[Session, bytes]:
        session = next((s for s in self._of(sender) if s.id == envelope.session), None)
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
                what = f"{sender} uses a session that is not known here (any more)"
                raise Refused("unknown-session", what, lost=True)
            return await self._begun(sender, envelope.agreement, sealed)
        except doubleratchet.DuplicateMessageException:
            raise Refused("replayed", f"a message of {sender} came again") from None
        except doubleratchet.DoSProtectionException:
            what = f"a message of {sender} claims that thousands before it are missing"
            raise Refused("forged", what, lost=True) from None
        except (
            doubleratchet.AuthenticationFailedException,
            doubleratchet.DecryptionFailedException,
            xeddsa.XEdDSAException,
            ValueError,  # a key that is no point of the curve
        ):
            what = f"a message in the name of {sender} is not theirs, or was changed"
            raise Refused("forged", what, lost=session is not None) from None  # the session may be an old copy

    async def _begun(
        self, sender: Device, agreement: Agreement, sealed: doubleratchet.EncryptedMessage
    ) -> tuple[Session, bytes]:
        """A session that the sender has begun."""
        if self.keys.has_begun(agreement):
            raise Refused("replayed", f"the beginning of a session of {sender} came again", lost=True)
        self._follow(sender.person, agreement.identity, agreement.successions)
        pinned = self._book.identity(sender.person)
        if pinned is not None and pinned != agreement.identity:
            self._book.accepts(sender.person, agreement.identity)
            raise self._strange(sender.person, agreement.identity, f"{sender} shows a key that is")
        try:
            names = _names(sender, self.keys.own)
            secret, associated, signed_prekey = await self.keys.agree(agreement, names)
        except x3dh.KeyAgreementException as error:
            what = f"{sender} begins a session with keys that are spent: {error}"
            raise Refused("unknown-prekey", what, lost=True) from None
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
        session = self._session(_session_id(agreement.ephemeral), agreement.identity, ratchet, associated, None)
        session.begun_with = agreement
        return session, padded

    def _strange(self, person: str, identity: bytes, what: str) -> Refused:
        """Why a key is refused that is not the person's."""
        if self._book.withdrew(person, identity):
            return Refused("withdrawn-key", f"{what} not theirs any more: a device that they have removed")
        return Refused("key-changed", f"{what} not theirs")

    def _session(
        self, session_id: bytes, identity: bytes, ratchet: Ratchet, associated: bytes, agreement: Agreement | None
    ) -> Session:
        """A session that begins."""
        epoch, ours = self._vault.epoch, self.keys.identity.public
        return Session(session_id, identity, ratchet, associated, agreement, epoch, ours)


def _envelope(session: Session, sealed: doubleratchet.EncryptedMessage) -> Envelope:
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
