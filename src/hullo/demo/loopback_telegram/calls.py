"""The calls between members, as the server sees them: phone.* in, results and updates out. Pure, with `now`.

What goes to whom follows core.telegram.org/api/calls; where that is silent (other devices of a callee, calls that
nobody answers) it is our reading.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256
from typing import Any, TypeAlias

from hullo.demo.loopback_telegram.crypto import RandomBytes
from hullo.demo.loopback_telegram.directory import Member
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import types
from hullo.lines.telegram.port import Connection, PhoneConnection

Device: TypeAlias = int
"""The id of an authorization key: which of a member's devices something came from or is meant for."""
Push: TypeAlias = Callable[[int, Any, Device | None, Device | None], None]
"""Send an update to a member: user id, the update, the only device it is for, the one it is not for."""


_REMEMBERED = 60.0
_MOST_REMEMBERED = 100


class Stage(Enum):
    """How far a call has come."""

    REQUESTED = auto()
    ACCEPTED = auto()
    CONFIRMED = auto()
    DISCARDED = auto()


@dataclass
class _Side:
    member: Member
    access_hash: int
    device: Device | None = None
    told: Any = None
    """The phoneCall* this side heard last."""


@dataclass
class _Call:
    id: int
    caller: _Side
    callee: _Side
    date: int
    random_id: int
    g_a_hash: bytes
    protocol: Any
    video: bool
    stage: Stage = Stage.REQUESTED
    receive_date: int | None = None
    g_b: bytes = b""
    start_date: int = 0
    end_date: int = 0

    def side(self, user_id: int) -> _Side:
        return self.caller if self.caller.member.id == user_id else self.callee

    def other(self, user_id: int) -> _Side:
        return self.callee if self.caller.member.id == user_id else self.caller

    def head(self, side: _Side) -> dict[str, Any]:
        """The fields that every live phoneCall* has, as one side sees them."""
        return {
            "id": self.id,
            "access_hash": side.access_hash,
            "date": self.date,
            "admin_id": self.caller.member.id,
            "participant_id": self.callee.member.id,
            "protocol": self.protocol,
            "video": self.video or None,
        }


@dataclass
class CallSettings:
    """What the server decides about calls; may be changed at any time."""

    connections: Sequence[Connection] = ()
    """Reflectors, TURN and STUN servers that both sides are told of."""
    p2p: bool = True
    """False: no call is allowed to go peer to peer, whatever the members' privacy says."""
    ring_seconds: float = 90.0
    need_rating: bool = False
    need_debug: bool = False
    custom_parameters: str | None = None
    echo_to_caller: bool = False
    """Whether the caller gets `phoneCall` as an update besides the result of confirmCall."""


class CallBook:
    """All calls."""

    def __init__(self, settings: CallSettings, push: Push, random: RandomBytes) -> None:
        self._settings = settings
        self._push = push
        self._random = random
        self._calls: dict[int, _Call] = {}

    def request(self, caller: Member, callee: Member, device: Device, request: Any, now: float) -> Any:
        """phone.requestCall. Raises `RpcFailure`, as all methods here."""
        _check_protocol(request.protocol)
        if caller.id in callee.blocked:
            raise RpcFailure(403, "USER_IS_BLOCKED")
        if not callee.allows(callee.may_call, caller.id):
            raise RpcFailure(403, "USER_PRIVACY_RESTRICTED")
        if any(call.random_id == request.random_id and call.caller.member is caller for call in self._calls.values()):
            raise RpcFailure(500, "RANDOM_ID_DUPLICATE")
        call = _Call(
            id=self._number(),
            caller=_Side(caller, self._number(), device),
            callee=_Side(callee, self._number()),
            date=int(now),
            random_id=request.random_id,
            g_a_hash=request.g_a_hash,
            protocol=request.protocol,
            video=bool(request.video),
        )
        self._calls[call.id] = call
        self._tell(call.callee, types.PhoneCallRequested(**call.head(call.callee), g_a_hash=call.g_a_hash))
        return types.PhoneCallWaiting(**call.head(call.caller))

    def received(self, user_id: int, peer: Any, now: float) -> None:
        """phone.receivedCall: the caller hears that it rings."""
        call = self._find(user_id, peer)
        if call.callee.member.id != user_id:
            raise RpcFailure(400, "CALL_PEER_INVALID")
        if call.stage is Stage.REQUESTED and call.receive_date is None:
            call.receive_date = int(now)
            self._tell(call.caller, self._waiting(call, call.caller))

    def accept(self, user_id: int, device: Device, request: Any) -> Any:
        """phone.acceptCall: the caller gets g_b, other devices of the callee stop to ring."""
        call = self._find(user_id, request.peer)
        if call.callee.member.id != user_id:
            raise RpcFailure(400, "CALL_PEER_INVALID")
        if call.stage is Stage.DISCARDED:
            raise RpcFailure(400, "CALL_ALREADY_DECLINED")
        if call.stage is not Stage.REQUESTED:
            raise RpcFailure(400, "CALL_ALREADY_ACCEPTED")
        _check_protocol(request.protocol)
        call.protocol = negotiated(call.protocol, request.protocol)
        call.stage = Stage.ACCEPTED
        call.callee.device = device
        call.g_b = request.g_b
        self._tell(call.caller, types.PhoneCallAccepted(**call.head(call.caller), g_b=call.g_b))
        self._push(user_id, _update(types.PhoneCallDiscarded(id=call.id)), None, device)
        return self._waiting(call, call.callee)

    def confirm(self, user_id: int, request: Any, now: float) -> Any:
        """phone.confirmCall: both sides get the connections."""
        call = self._find(user_id, request.peer)
        if call.caller.member.id != user_id:
            raise RpcFailure(400, "CALL_PEER_INVALID")
        if call.stage is Stage.DISCARDED:
            raise RpcFailure(400, "CALL_ALREADY_DECLINED")
        if call.stage is not Stage.ACCEPTED or not hmac.compare_digest(
            sha256(request.g_a).digest(), bytes(call.g_a_hash)
        ):
            raise RpcFailure(400, "CALL_PEER_INVALID")
        call.stage = Stage.CONFIRMED
        call.start_date = int(now)
        self._tell(call.callee, self._established(call, call.callee, request.g_a, request.key_fingerprint))
        answer = self._established(call, call.caller, call.g_b, request.key_fingerprint)
        if self._settings.echo_to_caller:
            self._tell(call.caller, answer)
        return answer

    def discard(self, user_id: int, request: Any, now: float) -> Any:
        """phone.discardCall; returns the phoneCallDiscarded."""
        call = self._find(user_id, request.peer)
        if call.stage is Stage.DISCARDED:
            raise RpcFailure(400, "CALL_ALREADY_DECLINED")
        ended = self._end(call, request.reason, request.duration, now)
        self._tell(call.other(user_id), ended)
        return ended

    def signal(self, user_id: int, peer: Any, data: bytes) -> None:
        """phone.sendSignalingData: the other side gets the bytes."""
        call = self._find(user_id, peer)
        if call.stage is not Stage.CONFIRMED:
            raise RpcFailure(400, "CALL_NOT_ACTIVE")
        other = call.other(user_id)
        update = types.UpdatePhoneCallSignalingData(phone_call_id=call.id, data=data)
        self._push(other.member.id, update, other.device, None)

    def check(self, user_id: int, peer: Any) -> None:
        """Raises `RpcFailure` unless the call is one of that member's; for ratings and debug reports."""
        self._find(user_id, peer)

    def expire(self, now: float) -> None:
        """End every call that has rung long enough, and forget old ones."""
        for call in self._calls.values():
            if call.stage is Stage.REQUESTED and now >= call.date + self._settings.ring_seconds:
                ended = self._end(call, types.PhoneCallDiscardReasonMissed(), None, now)
                self._tell(call.caller, ended)
                self._tell(call.callee, ended)
        over = [one for one in self._calls.values() if one.stage is Stage.DISCARDED]
        for call in over[:-_MOST_REMEMBERED]:
            del self._calls[call.id]

    def recent(self, user_id: int, now: float) -> list[Any]:
        """What a device that comes back is told again: how its calls stand that are live or ended just now."""
        return [
            _update(side.told)
            for call in self._calls.values()
            if user_id in (call.caller.member.id, call.callee.member.id)
            and (call.stage is not Stage.DISCARDED or now - call.end_date < _REMEMBERED)
            and (side := call.side(user_id)).told is not None
        ]

    def live(self) -> int:
        """How many calls are not over."""
        return sum(call.stage is not Stage.DISCARDED for call in self._calls.values())

    def _waiting(self, call: _Call, side: _Side) -> Any:
        return types.PhoneCallWaiting(**call.head(side), receive_date=call.receive_date)

    def _established(self, call: _Call, side: _Side, public: bytes, fingerprint: int) -> Any:
        custom = self._settings.custom_parameters
        return types.PhoneCall(
            **call.head(side),
            g_a_or_b=public,
            key_fingerprint=fingerprint,
            connections=[_connection(one) for one in self._settings.connections],
            start_date=call.start_date,
            p2p_allowed=self._p2p_allowed(call) or None,
            custom_parameters=None if custom is None else types.DataJSON(data=custom),
        )

    def _p2p_allowed(self, call: _Call) -> bool:
        a, b = call.caller.member, call.callee.member
        return self._settings.p2p and a.allows(a.may_p2p, b.id) and b.allows(b.may_p2p, a.id)

    def _end(self, call: _Call, reason: Any, duration: int | None, now: float) -> Any:
        was_live = call.stage is Stage.CONFIRMED
        call.stage = Stage.DISCARDED
        call.end_date = int(now)
        return types.PhoneCallDiscarded(
            id=call.id,
            reason=reason,
            duration=duration if was_live else None,
            need_rating=(was_live and self._settings.need_rating) or None,
            need_debug=(was_live and self._settings.need_debug) or None,
            video=call.video or None,
        )

    def _tell(self, side: _Side, phone_call: Any) -> None:
        side.told = phone_call
        self._push(side.member.id, _update(phone_call), side.device, None)

    def _find(self, user_id: int, peer: Any) -> _Call:
        call = self._calls.get(peer.id)
        if call is None or user_id not in (call.caller.member.id, call.callee.member.id):
            raise RpcFailure(400, "CALL_PEER_INVALID")
        if call.side(user_id).access_hash != peer.access_hash:
            raise RpcFailure(400, "CALL_PEER_INVALID")
        return call

    def _number(self) -> int:
        return int.from_bytes(self._random(8), "little", signed=True)


def negotiated(caller: Any, callee: Any) -> Any:
    """The protocol both sides are told: one library version, the newest that both have. Raises `RpcFailure`."""
    common = set(caller.library_versions) & set(callee.library_versions)
    low = max(caller.min_layer, callee.min_layer)
    high = min(caller.max_layer, callee.max_layer)
    if not common or low > high:
        raise RpcFailure(406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID")
    return types.PhoneCallProtocol(
        min_layer=low,
        max_layer=high,
        library_versions=[max(common, key=_version)],
        udp_p2p=(caller.udp_p2p and callee.udp_p2p) or None,
        udp_reflector=(caller.udp_reflector and callee.udp_reflector) or None,
    )


def _check_protocol(protocol: Any) -> None:
    if not (protocol.udp_p2p or protocol.udp_reflector):
        raise RpcFailure(400, "CALL_PROTOCOL_FLAGS_INVALID")
    if protocol.min_layer > protocol.max_layer:
        raise RpcFailure(400, "CALL_PROTOCOL_LAYER_INVALID")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _update(phone_call: Any) -> Any:
    return types.UpdatePhoneCall(phone_call=phone_call)


def _connection(one: Connection) -> Any:
    if isinstance(one, PhoneConnection):
        return types.PhoneConnection(
            id=one.id, ip=one.ip, ipv6=one.ipv6, port=one.port, peer_tag=one.peer_tag, tcp=one.tcp or None
        )
    return types.PhoneConnectionWebrtc(
        id=one.id,
        ip=one.ip,
        ipv6=one.ipv6,
        port=one.port,
        username=one.username,
        password=one.password,
        turn=one.turn or None,
        stun=one.stun or None,
    )
