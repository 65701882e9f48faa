"""Our values of the port to TL objects and back. Both libraries name fields as the schema does: one way fits both."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from hullo.lines.telegram import port
from hullo.lines.telegram.account.client import MtprotoClient, kind

_REASONS = {
    port.DiscardReason.MISSED: "phoneCallDiscardReasonMissed",
    port.DiscardReason.DISCONNECT: "phoneCallDiscardReasonDisconnect",
    port.DiscardReason.HANGUP: "phoneCallDiscardReasonHangup",
    port.DiscardReason.BUSY: "phoneCallDiscardReasonBusy",
}
_REASONS_READ = {
    "PhoneCallDiscardReasonMissed": port.DiscardReason.MISSED,
    "PhoneCallDiscardReasonDisconnect": port.DiscardReason.DISCONNECT,
    "PhoneCallDiscardReasonHangup": port.DiscardReason.HANGUP,
    "PhoneCallDiscardReasonBusy": port.DiscardReason.BUSY,
    "PhoneCallDiscardReasonMigrateConferenceCall": port.DiscardReason.MIGRATE,
}


class UnexpectedAnswer(port.TelegramError):
    """The server answered with something that is no answer to the request."""

    def __init__(self, answer: Any) -> None:
        super().__init__(f"UNEXPECTED_{kind(answer).upper()}", 0)


def method(request: port.Request[Any]) -> str:
    """The TL name of a request, such as `phone.requestCall`."""
    return _METHODS[type(request)][0]


def function(client: MtprotoClient, request: port.Request[Any]) -> Any:
    """A request as a TL method call of the client's library."""
    name, fields = _METHODS[type(request)]
    return client.function(name, **fields(client, request))


def result(request: port.Request[port.ResultT], answer: Any) -> port.ResultT:
    """The answer to a request as our value. Raises `UnexpectedAnswer`."""
    value: Any
    if isinstance(request, port.GetDhConfig):
        value = _dh_config(answer)
    elif isinstance(request, port.GetCallConfig):
        value = call_config(answer)
    elif isinstance(request, port.RequestCall | port.AcceptCall | port.ConfirmCall):
        value = phone_call(getattr(answer, "phone_call", answer))
    elif isinstance(request, port.ReceivedCall | port.SendSignalingData):
        value = bool(answer)
    else:
        value = None
    return value  # type: ignore[no-any-return]


def updates(answer: Any) -> Iterable[Any]:
    """The single updates in an `Updates` object, or in an answer that is one; nothing if it is neither."""
    match kind(answer):
        case "Updates" | "UpdatesCombined":
            return list(answer.updates)
        case "UpdateShort":
            return [answer.update]
        case _:
            return []


def update(one: Any) -> port.PhoneUpdate | None:
    """A phone update as our value; None if it is about something else, or about a group call."""
    match kind(one):
        case "UpdatePhoneCall":
            return port.UpdatePhoneCall(phone_call(one.phone_call))
        case "UpdatePhoneCallSignalingData":
            return port.UpdateSignalingData(one.phone_call_id, bytes(one.data))
        case _:
            return None


def user(one: Any) -> port.User | None:
    """A `user` as ours; None for one the server did not say enough about to call them."""
    if kind(one) != "User" or one.access_hash is None or one.min:
        return None
    others = [name.username for name in one.usernames or [] if name.active]
    return port.User(
        id=one.id,
        access_hash=one.access_hash,
        name=" ".join(part for part in (one.first_name, one.last_name) if part),
        username=one.username or (others[0] if others else None),
        is_contact=bool(one.contact),
        is_bot=bool(one.bot),
    )


def input_user(client: MtprotoClient, one: port.User) -> Any:
    """`inputUser`."""
    return client.make("inputUser", user_id=one.id, access_hash=one.access_hash)


def call_config(config: Any) -> port.CallConfig:
    """The call timers in `help.config`."""
    return port.CallConfig(
        receive_timeout=config.call_receive_timeout_ms / 1000,
        ring_timeout=config.call_ring_timeout_ms / 1000,
        connect_timeout=config.call_connect_timeout_ms / 1000,
        packet_timeout=config.call_packet_timeout_ms / 1000,
    )


def phone_call(call: Any) -> port.AnyPhoneCall:
    """Any phoneCall*. Raises `UnexpectedAnswer`."""
    match kind(call):
        case "PhoneCallEmpty":
            return port.PhoneCallEmpty(id=call.id)
        case "PhoneCallWaiting":
            return port.PhoneCallWaiting(**_head(call), receive_date=_date(call.receive_date))
        case "PhoneCallRequested":
            return port.PhoneCallRequested(**_head(call), g_a_hash=bytes(call.g_a_hash))
        case "PhoneCallAccepted":
            return port.PhoneCallAccepted(**_head(call), g_b=bytes(call.g_b))
        case "PhoneCall":
            return _established(call)
        case "PhoneCallDiscarded":
            return port.PhoneCallDiscarded(
                id=call.id,
                reason=None if call.reason is None else _REASONS_READ.get(kind(call.reason)),
                duration=call.duration,
                need_rating=bool(call.need_rating),
                need_debug=bool(call.need_debug),
            )
        case _:
            raise UnexpectedAnswer(call)


def _established(call: Any) -> port.PhoneCall:
    custom = call.custom_parameters
    return port.PhoneCall(
        **_head(call),
        g_a_or_b=bytes(call.g_a_or_b),
        key_fingerprint=call.key_fingerprint,
        connections=tuple(_connection(one) for one in call.connections),
        p2p_allowed=bool(call.p2p_allowed),
        start_date=_date(call.start_date) or 0,
        custom_parameters=None if custom is None else custom.data,
    )


def _head(call: Any) -> dict[str, Any]:
    return {
        "id": call.id,
        "access_hash": call.access_hash,
        "date": _date(call.date),
        "admin_id": call.admin_id,
        "participant_id": call.participant_id,
        "protocol": port.CallProtocol(
            library_versions=tuple(call.protocol.library_versions),
            min_layer=call.protocol.min_layer,
            max_layer=call.protocol.max_layer,
            udp_p2p=bool(call.protocol.udp_p2p),
            udp_reflector=bool(call.protocol.udp_reflector),
        ),
        "video": bool(call.video),
    }


def _connection(one: Any) -> port.Connection:
    where = {"id": one.id, "ip": one.ip, "ipv6": one.ipv6, "port": one.port}
    match kind(one):
        case "PhoneConnection":
            return port.PhoneConnection(**where, peer_tag=bytes(one.peer_tag), tcp=bool(one.tcp))
        case "PhoneConnectionWebrtc":
            return port.PhoneConnectionWebrtc(
                **where, username=one.username, password=one.password, turn=bool(one.turn), stun=bool(one.stun)
            )
        case _:
            raise UnexpectedAnswer(one)


def _date(value: Any) -> int | None:
    """Unix seconds; Telethon makes datetimes of them."""
    return int(value.timestamp()) if isinstance(value, datetime) else value


def _dh_config(answer: Any) -> port.DhConfig:
    match kind(answer):
        case "DhConfig":
            return port.DhConfig(g=answer.g, p=bytes(answer.p), version=answer.version, random=bytes(answer.random))
        case "DhConfigNotModified":
            return port.DhConfig(g=0, p=b"", version=0, random=bytes(answer.random))
        case _:
            raise UnexpectedAnswer(answer)


def _peer(client: MtprotoClient, peer: port.InputPhoneCall) -> Any:
    return client.make("inputPhoneCall", id=peer.id, access_hash=peer.access_hash)


def _protocol(client: MtprotoClient, protocol: port.CallProtocol) -> Any:
    return client.make(
        "phoneCallProtocol",
        min_layer=protocol.min_layer,
        max_layer=protocol.max_layer,
        library_versions=list(protocol.library_versions),
        udp_p2p=protocol.udp_p2p or None,
        udp_reflector=protocol.udp_reflector or None,
    )


Fields = Callable[[MtprotoClient, Any], dict[str, Any]]

_METHODS: dict[type[port.Request[Any]], tuple[str, Fields]] = {
    port.GetDhConfig: (
        "messages.getDhConfig",
        lambda _, r: {"version": r.version, "random_length": r.random_length},
    ),
    port.GetCallConfig: ("help.getConfig", lambda _, r: {}),
    port.RequestCall: (
        "phone.requestCall",
        lambda c, r: {
            "user_id": input_user(c, r.user),
            "random_id": r.random_id,
            "g_a_hash": r.g_a_hash,
            "protocol": _protocol(c, r.protocol),
            "video": r.video or None,
        },
    ),
    port.ReceivedCall: ("phone.receivedCall", lambda c, r: {"peer": _peer(c, r.peer)}),
    port.AcceptCall: (
        "phone.acceptCall",
        lambda c, r: {"peer": _peer(c, r.peer), "g_b": r.g_b, "protocol": _protocol(c, r.protocol)},
    ),
    port.ConfirmCall: (
        "phone.confirmCall",
        lambda c, r: {
            "peer": _peer(c, r.peer),
            "g_a": r.g_a,
            "key_fingerprint": r.key_fingerprint,
            "protocol": _protocol(c, r.protocol),
        },
    ),
    port.DiscardCall: (
        "phone.discardCall",
        lambda c, r: {
            "peer": _peer(c, r.peer),
            "reason": c.make(_REASONS.get(r.reason, _REASONS[port.DiscardReason.HANGUP])),
            "duration": r.duration,
            "connection_id": r.connection_id,
            "video": r.video or None,
        },
    ),
    port.SendSignalingData: (
        "phone.sendSignalingData",
        lambda c, r: {"peer": _peer(c, r.peer), "data": r.data},
    ),
    port.SetCallRating: (
        "phone.setCallRating",
        lambda c, r: {
            "peer": _peer(c, r.peer),
            "rating": r.rating,
            "comment": r.comment,
            "user_initiative": r.user_initiative or None,
        },
    ),
    port.SaveCallDebug: (
        "phone.saveCallDebug",
        lambda c, r: {"peer": _peer(c, r.peer), "debug": c.make("dataJSON", data=r.debug)},
    ),
}
