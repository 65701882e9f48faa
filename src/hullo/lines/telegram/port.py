"""What the calls need of a Telegram account: a few MTProto methods and updates as our own values.

Names, fields and meanings are those of the TL schema (core.telegram.org/schema); `phone.requestCall` is
`RequestCall`, `phoneCallAccepted` is `PhoneCallAccepted`. No client library is known on this side of the port.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Generic, Protocol, TypeAlias, TypeVar

import msgspec

ResultT = TypeVar("ResultT")
AnyResultT = TypeVar("AnyResultT")


class TelegramError(Exception):
    """The server refused a request: `name` without a number (`FLOOD_WAIT`), `retry_after` in seconds if it said so."""

    def __init__(self, name: str, code: int, retry_after: float | None = None) -> None:
        super().__init__(f"{name} ({code})" if retry_after is None else f"{name} ({code}), wait {retry_after:g} s")
        self.name = name
        self.code = code
        self.retry_after = retry_after


class TelegramUnreachable(TelegramError):
    """No answer within the deadline, or no connection: whether the server carried out the request is not known."""

    def __init__(self, detail: str) -> None:
        super().__init__("UNREACHABLE", 0)
        self.detail = detail


class UnknownUser(Exception):
    """Nobody is known by that name, number or id; the message says what to do."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on Telegram, as this account knows them; `access_hash` is this account's key to them."""

    id: int
    access_hash: int
    name: str = ""
    username: str | None = None
    is_contact: bool = False
    is_bot: bool = False

    @property
    def address(self) -> str:
        """How a call to them is placed: @username, or the user id."""
        return f"@{self.username}" if self.username else str(self.id)


class DiscardReason(StrEnum):
    """phoneCallDiscardReason*."""

    MISSED = "missed"
    DISCONNECT = "disconnect"
    HANGUP = "hangup"
    BUSY = "busy"
    MIGRATE = "migrate"
    """The call moved into a group call."""


class CallProtocol(msgspec.Struct, frozen=True, kw_only=True):
    """phoneCallProtocol."""

    library_versions: tuple[str, ...]
    min_layer: int = 65
    max_layer: int = 92
    udp_p2p: bool = True
    udp_reflector: bool = True


class InputPhoneCall(msgspec.Struct, frozen=True):
    """inputPhoneCall."""

    id: int
    access_hash: int


# What a call is


class PhoneCallEmpty(msgspec.Struct, frozen=True, kw_only=True):
    """phoneCallEmpty: the server knows no such call any more."""

    id: int


class _KnownCall(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    access_hash: int
    date: int
    """Unix time in seconds, of the server."""
    admin_id: int
    """The caller."""
    participant_id: int
    """The callee."""
    protocol: CallProtocol
    video: bool = False

    @property
    def peer(self) -> InputPhoneCall:
        """The call, as requests name it."""
        return InputPhoneCall(self.id, self.access_hash)


class PhoneCallWaiting(_KnownCall, frozen=True, kw_only=True):
    """phoneCallWaiting: requested and not yet answered, or accepted and not yet confirmed."""

    receive_date: int | None = None
    """When a device of the callee began to ring."""


class PhoneCallRequested(_KnownCall, frozen=True, kw_only=True):
    """phoneCallRequested: somebody calls us."""

    g_a_hash: bytes


class PhoneCallAccepted(_KnownCall, frozen=True, kw_only=True):
    """phoneCallAccepted: the callee answered and we are to confirm."""

    g_b: bytes


class PhoneConnection(msgspec.Struct, frozen=True, kw_only=True):
    """phoneConnection: a reflector."""

    id: int
    ip: str
    ipv6: str = ""
    port: int
    peer_tag: bytes
    tcp: bool = False


class PhoneConnectionWebrtc(msgspec.Struct, frozen=True, kw_only=True):
    """phoneConnectionWebrtc: a STUN server, a TURN server, or both."""

    id: int
    ip: str
    ipv6: str = ""
    port: int
    username: str = ""
    password: str = ""
    turn: bool = False
    stun: bool = False


Connection: TypeAlias = PhoneConnection | PhoneConnectionWebrtc


class PhoneCall(_KnownCall, frozen=True, kw_only=True):
    """phoneCall: both sides have what they need for the media."""

    g_a_or_b: bytes
    key_fingerprint: int
    """Signed 64 bits."""
    connections: tuple[Connection, ...] = ()
    p2p_allowed: bool = False
    start_date: int = 0
    custom_parameters: str | None = None
    """JSON text."""


class PhoneCallDiscarded(msgspec.Struct, frozen=True, kw_only=True):
    """phoneCallDiscarded."""

    id: int
    reason: DiscardReason | None = None
    duration: int | None = None
    need_rating: bool = False
    need_debug: bool = False


AnyPhoneCall: TypeAlias = (
    PhoneCallEmpty | PhoneCallWaiting | PhoneCallRequested | PhoneCallAccepted | PhoneCall | PhoneCallDiscarded
)


# Updates


class UpdatePhoneCall(msgspec.Struct, frozen=True):
    """updatePhoneCall."""

    phone_call: AnyPhoneCall


class UpdateSignalingData(msgspec.Struct, frozen=True):
    """updatePhoneCallSignalingData."""

    phone_call_id: int
    data: bytes


PhoneUpdate: TypeAlias = UpdatePhoneCall | UpdateSignalingData
OnUpdate = Callable[[PhoneUpdate], None]


# Requests; the type argument is what `TelegramPort.call` returns for it


class Request(msgspec.Struct, Generic[ResultT], frozen=True, kw_only=True):
    """One MTProto method call."""


class DhConfig(msgspec.Struct, frozen=True, kw_only=True):
    """messages.dhConfig. For messages.dhConfigNotModified `p` is empty and `g` and `version` are 0."""

    g: int
    p: bytes
    version: int
    random: bytes


class GetDhConfig(Request[DhConfig], frozen=True, kw_only=True):
    """messages.getDhConfig; `version` is the one we hold, 0 for none."""

    version: int = 0
    random_length: int = 256


class RequestCall(Request[AnyPhoneCall], frozen=True, kw_only=True):
    """phone.requestCall; `random_id` is a signed 32-bit number."""

    user: User
    random_id: int
    g_a_hash: bytes
    protocol: CallProtocol
    video: bool = False


class ReceivedCall(Request[bool], frozen=True, kw_only=True):
    """phone.receivedCall: our device rings."""

    peer: InputPhoneCall


class AcceptCall(Request[AnyPhoneCall], frozen=True, kw_only=True):
    """phone.acceptCall."""

    peer: InputPhoneCall
    g_b: bytes
    protocol: CallProtocol


class ConfirmCall(Request[AnyPhoneCall], frozen=True, kw_only=True):
    """phone.confirmCall."""

    peer: InputPhoneCall
    g_a: bytes
    key_fingerprint: int
    protocol: CallProtocol


class DiscardCall(Request[None], frozen=True, kw_only=True):
    """phone.discardCall. What its Updates hold comes by `on_update`, as any other update."""

    peer: InputPhoneCall
    reason: DiscardReason
    duration: int = 0
    connection_id: int = 0
    video: bool = False


class SendSignalingData(Request[bool], frozen=True, kw_only=True):
    """phone.sendSignalingData."""

    peer: InputPhoneCall
    data: bytes


class SetCallRating(Request[None], frozen=True, kw_only=True):
    """phone.setCallRating, `rating` 1 to 5."""

    peer: InputPhoneCall
    rating: int
    comment: str = ""
    user_initiative: bool = False


class SaveCallDebug(Request[None], frozen=True, kw_only=True):
    """phone.saveCallDebug; `debug` is JSON text."""

    peer: InputPhoneCall
    debug: str


class CallConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The call timers of help.getConfig, in seconds."""

    receive_timeout: float = 20.0
    """From our request until a device of the callee rings."""
    ring_timeout: float = 90.0
    connect_timeout: float = 30.0
    packet_timeout: float = 10.0


class GetCallConfig(Request[CallConfig], frozen=True, kw_only=True):
    """help.getConfig, of which only the call_*_timeout_ms are of interest. An adapter may answer from its cache."""


class AccountHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the account can call now; if not, `detail` says what to do about it."""

    online: bool
    detail: str
    address: str | None = None
    """The account as people know it: @username, or its user id."""


class TelegramPort(Protocol):
    """One user account, logged in."""

    @property
    def self_id(self) -> int:
        """The account's own user id; 0 before it was first online."""

    async def run(self) -> None:
        """Connect, and keep the connection until cancelled; frees everything then."""

    def health(self) -> AccountHealth:
        """How it stands, now."""

    async def ended(self) -> str:
        """Return when this login will never be online again, and say why and what to do."""

    def set_listener(self, on_update: OnUpdate) -> None:
        """Hand each phone update to `on_update`, in order of arrival, in the event loop's thread."""

    async def call(self, request: Request[AnyResultT]) -> AnyResultT:
        """Carry out one request, once, within a deadline of the adapter's.

        Raises `TelegramError` with the server's own error name, or `TelegramUnreachable`.
        """

    async def resolve(self, to: str) -> User:
        """Look up `@name`, a user id or a phone number in the contacts. Raises `UnknownUser`, `TelegramError`."""


class Safety(Protocol):
    """What keeps an account from being limited or banned, and strangers from ringing. `now` is monotonic seconds."""

    def refuse_outgoing(self, user: User, now: float) -> str | None:
        """Why `user` may not be called now, as one sentence that says what to do; None if they may."""

    def outgoing(self, user: User, now: float) -> None:
        """A call to `user` is being placed."""

    def refuse_incoming(self, user: User, now: float) -> str | None:
        """Why a call from `user` is not even offered; None if it is."""

    def failed(self, user: User | None, error: TelegramError, now: float) -> None:
        """The server answered a request with an error (about `user`, where it was about somebody)."""
