"""Telegram's side of calls in memory: routes phone.* between accounts, with the faults that a test asks for."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec

from hullo.lines.telegram.port import (
    AcceptCall,
    AccountHealth,
    AnyPhoneCall,
    AnyResultT,
    CallConfig,
    CallProtocol,
    ConfirmCall,
    Connection,
    DhConfig,
    DiscardCall,
    GetCallConfig,
    GetDhConfig,
    InputPhoneCall,
    OnUpdate,
    PhoneCall,
    PhoneCallAccepted,
    PhoneCallDiscarded,
    PhoneCallRequested,
    PhoneCallWaiting,
    PhoneUpdate,
    ReceivedCall,
    Request,
    RequestCall,
    SendSignalingData,
    TelegramError,
    UnknownUser,
    UpdatePhoneCall,
    UpdateSignalingData,
    User,
)
from tests.lines.telegram.vectors import PRIME

Choose = Callable[[tuple[str, ...]], str]


def highest(versions: tuple[str, ...]) -> str:
    """The newest of some versions."""
    return max(versions, key=lambda version: [int(part) for part in version.split(".")])


class Faults(msgspec.Struct):
    """What goes wrong: each update `copies` times, `delay` gives the seconds that it takes."""

    copies: int = 1
    delay: Callable[[PhoneUpdate], float] = lambda update: 0.0
    refuse: Callable[[int, Request[Any]], TelegramError | None] = lambda user_id, request: None
    lose_packets: dict[int, int] = {}
    """How many of the first signaling packets of a user are lost."""


class _Call(msgspec.Struct):
    id: int
    caller: int
    callee: int
    request: RequestCall
    accept: AcceptCall | None = None
    confirm: ConfirmCall | None = None
    receive_date: int | None = None
    over: bool = False


class MemoryTelegram:
    """The server. `connections` is what each user is told of relays, `choose` picks among the common versions."""

    def __init__(
        self,
        *,
        p2p_allowed: bool = True,
        connections: dict[int, tuple[Connection, ...]] | None = None,
        choose: Choose = highest,
        config: CallConfig = CallConfig(),  # noqa: B008  # frozen
        faults: Faults | None = None,
        custom_parameters: str | None = None,
    ) -> None:
        self.p2p_allowed = p2p_allowed
        self.connections = connections or {}
        self.choose = choose
        self.config = config
        self.faults = faults or Faults()
        self.custom_parameters = custom_parameters
        self.accounts: dict[int, MemoryAccount] = {}
        self.discarded: list[tuple[int, DiscardCall]] = []
        self._ids = itertools.count(1000)
        self._calls: dict[int, _Call] = {}

    def account(self, user_id: int, name: str) -> "MemoryAccount":
        """A new account."""
        account = MemoryAccount(self, User(id=user_id, access_hash=user_id * 7, name=name, username=name))
        self.accounts[user_id] = account
        return account

    def carry_out(self, user_id: int, request: Request[Any]) -> Any:
        """One request of a user. Raises `TelegramError`."""
        error = self.faults.refuse(user_id, request)
        if error is not None:
            raise error
        match request:
            case GetDhConfig():
                return DhConfig(g=3, p=b"" if request.version == 1 else PRIME, version=1, random=bytes(range(256)))
            case GetCallConfig():
                return self.config
            case RequestCall():
                return self._request(user_id, request)
            case ReceivedCall() | AcceptCall() | ConfirmCall() | DiscardCall() | SendSignalingData():
                return self._in_call(user_id, self._call(request.peer), request)
        return None

    def _call(self, peer: InputPhoneCall) -> _Call:
        call = self._calls.get(peer.id)
        if call is None or peer.access_hash != peer.id * 3:
            raise TelegramError("CALL_PEER_INVALID", 400)
        return call

    def _request(self, user_id: int, request: RequestCall) -> AnyPhoneCall:
        if request.user.access_hash != request.user.id * 7:
            raise TelegramError("USER_ID_INVALID", 400)
        call = _Call(next(self._ids), user_id, request.user.id, request)
        self._calls[call.id] = call
        ringing = PhoneCallRequested(g_a_hash=request.g_a_hash, **self._fields(call, request.protocol))
        self.tell(call.callee, UpdatePhoneCall(ringing))
        return PhoneCallWaiting(**self._fields(call, request.protocol))

    def _in_call(self, user_id: int, call: _Call, request: Any) -> Any:
        other = call.callee if user_id == call.caller else call.caller
        match request:
            case ReceivedCall():
                call.receive_date = int(time.time())
                waiting = PhoneCallWaiting(receive_date=call.receive_date, **self._fields(call, call.request.protocol))
                self.tell(call.caller, UpdatePhoneCall(waiting))
                return True
            case DiscardCall():
                return self._discard(user_id, call, request)
            case SendSignalingData():
                if call.confirm is None or call.over:
                    raise TelegramError("CALL_NOT_ACTIVE", 400)
                if self.faults.lose_packets.get(user_id, 0) > 0:
                    self.faults.lose_packets[user_id] -= 1
                else:
                    self.tell(other, UpdateSignalingData(call.id, request.data))
                return True
        if call.over:
            raise TelegramError("CALL_ALREADY_DECLINED", 400)
        return self._accepted(call, request) if isinstance(request, AcceptCall) else self._confirmed(call, request)

    def _accepted(self, call: _Call, accept: AcceptCall) -> AnyPhoneCall:
        if call.accept is not None:
            raise TelegramError("CALL_ALREADY_ACCEPTED", 400)
        call.accept = accept
        protocol = self._agreed(call)
        self.tell(call.caller, UpdatePhoneCall(PhoneCallAccepted(g_b=accept.g_b, **self._fields(call, protocol))))
        return PhoneCallWaiting(receive_date=call.receive_date, **self._fields(call, protocol))

    def _confirmed(self, call: _Call, confirm: ConfirmCall) -> AnyPhoneCall:
        assert call.accept is not None
        call.confirm = confirm
        self.tell(call.callee, UpdatePhoneCall(self._phone_call(call, call.callee, confirm.g_a)))
        return self._phone_call(call, call.caller, call.accept.g_b)

    def _phone_call(self, call: _Call, user_id: int, public: bytes) -> PhoneCall:
        assert call.confirm is not None
        return PhoneCall(
            g_a_or_b=public,
            key_fingerprint=call.confirm.key_fingerprint,
            connections=self.connections.get(user_id, ()),
            p2p_allowed=self.p2p_allowed,
            custom_parameters=self.custom_parameters,
            **self._fields(call, self._agreed(call)),
        )

    def _agreed(self, call: _Call) -> CallProtocol:
        assert call.accept is not None
        ours = call.request.protocol.library_versions
        common = tuple(version for version in call.accept.protocol.library_versions if version in ours)
        if not common:
            raise TelegramError("CALL_PROTOCOL_COMPAT_LAYER_INVALID", 406)
        return msgspec.structs.replace(call.accept.protocol, library_versions=(self.choose(common),))

    def _discard(self, user_id: int, call: _Call, discard: DiscardCall) -> None:
        self.discarded.append((user_id, discard))
        if call.over:
            raise TelegramError("CALL_ALREADY_DECLINED", 400)
        call.over = True
        for to in (call.caller, call.callee):
            end = PhoneCallDiscarded(
                id=call.id, reason=discard.reason, duration=discard.duration, need_debug=True, need_rating=True
            )
            self.tell(to, UpdatePhoneCall(end))

    def _fields(self, call: _Call, protocol: CallProtocol) -> dict[str, Any]:
        return {
            "id": call.id,
            "access_hash": call.id * 3,
            "date": int(time.time()),
            "admin_id": call.caller,
            "participant_id": call.callee,
            "protocol": protocol,
        }

    def tell(self, user_id: int, update: PhoneUpdate) -> None:
        """Push an update, with the faults of the day."""
        loop = asyncio.get_running_loop()
        account = self.accounts.get(user_id)
        for _ in range(self.faults.copies):
            if account is not None:
                loop.call_later(self.faults.delay(update), account.deliver, update)


class MemoryAccount:
    """One account; see `TelegramPort`. `requests` is what it asked for."""

    def __init__(self, server: MemoryTelegram, user: User) -> None:
        self.user = user
        self.self_id = user.id
        self.online = False
        self.requests: list[Request[Any]] = []
        self.before_result: Callable[[], Awaitable[None]] = _at_once
        self.logged_out = asyncio.Event()
        self._server = server
        self._on_update: OnUpdate = _ignore

    async def run(self) -> None:
        """See `TelegramPort.run`."""
        self.online = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.online = False

    def health(self) -> AccountHealth:
        """See `TelegramPort.health`."""
        detail = "online" if self.online else "not connected"
        return AccountHealth(online=self.online, detail=detail, address=self.user.address)

    async def ended(self) -> str:
        """See `TelegramPort.ended`."""
        await self.logged_out.wait()
        return "the login was ended from another device"

    def set_listener(self, on_update: OnUpdate) -> None:
        """See `TelegramPort.set_listener`."""
        self._on_update = on_update

    def deliver(self, update: PhoneUpdate) -> None:
        """An update arrives."""
        self._on_update(update)

    async def call(self, request: Request[AnyResultT]) -> AnyResultT:
        """See `TelegramPort.call`."""
        self.requests.append(request)
        await asyncio.sleep(0)
        result = self._server.carry_out(self.self_id, request)
        await self.before_result()
        return cast("AnyResultT", result)

    async def resolve(self, to: str) -> User:
        """See `TelegramPort.resolve`."""
        for account in self._server.accounts.values():
            if to in (account.user.address, str(account.user.id)):
                return account.user
        raise UnknownUser(f"nobody is called {to}")


class Anybody:
    """A `Safety` that refuses nothing, or whom it is told to; it notes errors."""

    def __init__(self, *, outgoing: str | None = None, incoming: str | None = None) -> None:
        self.errors: list[str] = []
        self.placed: list[int] = []
        self._outgoing = outgoing
        self._incoming = incoming

    def refuse_outgoing(self, user: User, now: float) -> str | None:
        """See `Safety`."""
        return self._outgoing

    def outgoing(self, user: User, now: float) -> None:
        """See `Safety`."""
        self.placed.append(user.id)

    def refuse_incoming(self, user: User, now: float) -> str | None:
        """See `Safety`."""
        return self._incoming

    def failed(self, user: User | None, error: TelegramError, now: float) -> None:
        """See `Safety`."""
        self.errors.append(error.name)


async def _at_once() -> None: ...
def _ignore(update: PhoneUpdate) -> None: ...
