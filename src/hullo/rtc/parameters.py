"""What two peers tell each other to reach one another (after the W3C and ORTC dictionaries), free of any signaling."""

import base64
import hmac
import re
import secrets
from enum import StrEnum

import msgspec
from typing_extensions import override

from hullo.rtc.candidate import IceCandidate
from hullo.rtc.reflector import Reflector

_ICE_URL = re.compile(r"(stun|turn|turns):(\[[0-9A-Fa-f:.]+\]|[^\s:?\[\]/]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?")


class IceServerError(ValueError):
    """An ICE server URL that cannot be used; the message says why."""


LOGIN_SECONDS = 3600
"""How long a login that is made of a shared secret lets somebody in; a relay that was got with it stays longer."""


class Login(msgspec.Struct, frozen=True):
    """Username and credential for a TURN server."""

    username: str
    credential: str

    @override
    def __repr__(self) -> str:
        return f"Login({self.username!r})"  # never the credential


class IceServer(msgspec.Struct, frozen=True):
    """A STUN or TURN server: `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` or `turns:host[:port]`.

    `secret` is what the server shares with those who may make logins for it (draft-uberti-behave-turn-rest, coturn's
    `use-auth-secret`), in place of a credential. Raises `IceServerError` for any other URL (RFC 7064, RFC 7065), for
    TURN without username and credential or secret, and for both.
    """

    url: str
    username: str | None = None
    credential: str | None = None
    secret: str | None = None

    def __post_init__(self) -> None:
        if self.credential is not None and self.secret is not None:
            raise IceServerError(f"{self.url}: credential and secret are both set: keep one of them")
        if self.is_turn and self.secret is None and (self.username is None or self.credential is None):
            raise IceServerError(f"{self.url}: a TURN server needs a username and a credential, or a shared secret")

    def login(self, now: float) -> Login:
        """The one to use from `now`, Unix time, on: with a shared secret, one that is good for `LOGIN_SECONDS`."""
        if self.secret is None:
            return Login(self.username or "", self.credential or "")
        username = f"{int(now) + LOGIN_SECONDS}:{self.username or 'hullo'}"
        digest = hmac.digest(self.secret.encode(), username.encode(), "sha1")
        return Login(username, base64.b64encode(digest).decode())

    @override
    def __repr__(self) -> str:
        return f"IceServer({self.url!r})"  # never the credential

    @property
    def is_turn(self) -> bool:
        """Whether the server relays."""
        return self._parts()[0] != "stun"

    @property
    def uses_tls(self) -> bool:
        """Whether the relay is reached over TLS."""
        return self._parts()[0] == "turns"

    @property
    def transport(self) -> str:
        """`udp` or `tcp`, between us and the server."""
        return "tcp" if self.uses_tls else self._parts()[3] or "udp"

    @property
    def address(self) -> tuple[str, int]:
        """Host name or address, and port."""
        scheme, host, port, _ = self._parts()
        return host.strip("[]"), int(port) if port else (5349 if scheme == "turns" else 3478)

    def _parts(self) -> tuple[str, str, str | None, str | None]:
        match = _ICE_URL.fullmatch(self.url)
        if match is None or int(match[3] or 1) not in range(1, 65536):
            raise IceServerError(
                f"{self.url!r} is not one of stun:host:port, turn:host:port?transport=udp|tcp, turns:host:port"
            )
        scheme, host, port, transport = match.groups()
        if (scheme == "stun" and transport) or (scheme == "turns" and transport == "udp"):
            raise IceServerError(f"{self.url!r}: {scheme} does not go with transport={transport}")
        return scheme, host, port, transport


class Setup(StrEnum):
    """Who starts the DTLS handshake (RFC 4145, RFC 8842): the active side does."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"

    def answer(self) -> "Setup":
        """The role of the side that answers: active where it may choose (RFC 8842 5.3)."""
        return Setup.PASSIVE if self is Setup.ACTIVE else Setup.ACTIVE


class DtlsFingerprint(msgspec.Struct, frozen=True):
    """The hash of a certificate (RFC 8122): algorithm such as `sha-256`, value as colon-separated hex bytes."""

    algorithm: str
    value: str


class TransportDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One side of an ICE and DTLS session: everything the other side must know, candidates as far as known."""

    ufrag: str
    pwd: str
    fingerprints: tuple[DtlsFingerprint, ...]
    setup: Setup
    candidates: tuple[IceCandidate, ...] = ()
    candidates_complete: bool = False
    ice_lite: bool = False


class StreamIdentity(msgspec.Struct, frozen=True):
    """The names of the stream of sound that we send: SSRC and CNAME (RFC 3550 8.1, RFC 7022)."""

    ssrc: int
    cname: str

    @classmethod
    def random(cls) -> "StreamIdentity":
        """Fresh ones for a call, so that nobody can tell calls of one device by them."""
        return cls(secrets.randbits(32), secrets.token_urlsafe(12))


class Consent(msgspec.Struct, frozen=True):
    """Consent freshness (RFC 7675): seconds between checks, and without an answer until the path counts as lost.

    One second rather than five, because the check is also what moves a call after a NAT has changed its mapping.
    """

    interval: float = 1.0
    expiry: float = 30.0


class IceOptions(msgspec.Struct, frozen=True):
    """How a call finds its way: only the servers named here are ever asked; `relay_only` hides our addresses."""

    servers: tuple[IceServer, ...] = ()
    relay_only: bool = False
    consent: Consent = Consent()
    reflectors: tuple[Reflector, ...] = ()


class PairOutcome(StrEnum):
    """How far the check of a candidate pair came."""

    WAITING = "waiting"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class PairReport(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate pair of the check list: candidate types, transport, outcome, and whether it carries the call.

    A relayed candidate at a Telegram reflector is told from one at a TURN server as `reflector`.
    """

    local: str
    remote: str
    protocol: str
    outcome: PairOutcome
    chosen: bool
