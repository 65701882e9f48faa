"""The sessions with each device, on disk: their keys are there before they are used."""

import logging
from typing import Any

import msgspec

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.envelope import Agreement
from hullo.lines.direct.private.ratchet import RATCHET, Ratchet
from hullo.lines.direct.private.vault import Vault, VaultError, file_name

logger = logging.getLogger(__name__)

MAX_SESSIONS = 4
"""With one device: both sides may begin one at the same time, and one may have been lost."""


class Session:
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
        self.begun_with: Agreement | None = None
        """What its peer has begun it with, until the one-time prekey in there is no more."""


class _StoredSession(msgspec.Struct):
    id: bytes
    identity: bytes
    ratchet: Any
    associated: bytes
    agreement: Agreement | None
    epoch: bytes = b""
    ours: bytes = b""
    begun_with: Agreement | None = None


class SessionStore:
    """Sessions by device, the one last used first."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._sessions: dict[Device, list[Session]] = {}

    def of(self, peer: Device) -> list[Session]:
        """Those with a device."""
        if peer not in self._sessions:
            self._sessions[peer] = [_restored(each) for each in self._kept(peer)]
        return self._sessions[peer]

    def save(self, peer: Device, sessions: list[Session], *, durable: bool = False) -> None:
        """Keep `MAX_SESSIONS` of them; `durable` as in `Vault.write`. Raises `OSError`; they are as before then."""
        self._sessions[peer] = sessions[:MAX_SESSIONS]
        stored = [_stored(session) for session in self._sessions[peer]]
        try:
            self._vault.write(file_name("session", str(peer)), msgspec.msgpack.encode(stored), durable=durable)
        except OSError:
            self.forget(peer)
            raise

    def forget(self, peer: Device) -> None:
        """Go on with what is on the disk: what was to be read or sent can be tried again."""
        self._sessions.pop(peer, None)

    def _kept(self, peer: Device) -> list[_StoredSession]:
        try:
            data = self._vault.read(file_name("session", str(peer)))
            return [] if data is None else msgspec.msgpack.decode(data, type=list[_StoredSession])
        except (VaultError, msgspec.ValidationError, msgspec.DecodeError):
            logger.warning("the sessions with a device can't be read; new ones are begun")
            return []


def _stored(s: Session) -> _StoredSession:
    return _StoredSession(s.id, s.identity, s.ratchet.json, s.associated, s.agreement, s.epoch, s.ours, s.begun_with)


def _restored(stored: _StoredSession) -> Session:
    ratchet = Ratchet.from_json(stored.ratchet, **RATCHET)
    session = Session(
        stored.id, stored.identity, ratchet, stored.associated, stored.agreement, stored.epoch, stored.ours
    )
    session.begun_with = stored.begun_with
    return session
