"""The methods of the loopback Telegram: each a function of the world, who asks, and the request."""

from collections.abc import Callable
from typing import Any

from hullo.demo.loopback_telegram.file_methods import FILE_METHODS, update_of
from hullo.demo.loopback_telegram.handshake import GENERATOR
from hullo.demo.loopback_telegram.login_methods import LOGIN_METHODS
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import DH_PRIME, LAYER, boolean, functions, method_name, objects, types, vector
from hullo.demo.loopback_telegram.world import Authorization, World

Method = Callable[[World, Authorization, Any], Any]

_DH_VERSION = 3
DIFFERENCE_SLICE = 20
"""Messages in one answer of updates.getDifference."""


def call(world: World, who: Authorization, request: Any) -> Any:
    """Carry out a request and return its result. Raises `RpcFailure`."""
    method = METHODS.get(type(request))
    name = method_name(request)
    world.faults.check(name)
    if method is None:
        raise RpcFailure(400, "METHOD_NOT_IMPLEMENTED")
    if who.member is not None and who.member.dc != who.dc and type(request) not in _ABROAD:
        raise RpcFailure(303, f"USER_MIGRATE_{who.member.dc}")
    return method(world, who, request)


def _get_config(world: World, who: Authorization, _request: Any) -> Any:
    now = int(world.clock())
    numbers = dict.fromkeys(_CONFIG_NUMBERS, 0)
    return types.Config(
        **numbers,
        date=now,
        expires=now + 3600,
        test_mode=False,
        this_dc=who.dc,
        dc_options=[
            types.DcOption(id=dc, ip_address=host, port=port) for dc, (host, port) in sorted(world.addresses.items())
        ],
        dc_txt_domain_name="",
        me_url_prefix="https://t.me/",
        webfile_dc_id=who.dc,
        call_receive_timeout_ms=world.timers.receive,
        call_ring_timeout_ms=world.timers.ring,
        call_connect_timeout_ms=world.timers.connect,
        call_packet_timeout_ms=world.timers.packet,
    )


def _get_users(world: World, who: Authorization, request: Any) -> Any:
    viewer = who.require()
    return vector([world.user(world.member_from(viewer, one), viewer.id) for one in objects(request.id)])


def _get_contacts(world: World, who: Authorization, _request: Any) -> Any:
    viewer = who.require()
    members = [member for member in world.directory if member.id in viewer.contacts]
    contacts = [types.Contact(user_id=one.id, mutual=viewer.id in one.contacts) for one in members]
    users = [world.user(one, viewer.id) for one in members]
    return types.contacts.Contacts(contacts=contacts, saved_count=len(contacts), users=users)


def _resolve_username(world: World, who: Authorization, request: Any) -> Any:
    viewer = who.require()
    found = world.directory.by_username(request.username)
    users = [world.user(found, viewer.id)]
    return types.contacts.ResolvedPeer(peer=types.PeerUser(user_id=found.id), chats=[], users=users)


def _get_state(world: World, who: Authorization, _request: Any) -> Any:
    who.require()
    return _state(world, world.history.pts)


def _get_difference(world: World, who: Authorization, request: Any) -> Any:
    viewer = who.require()
    updates = world.book.recent(viewer.id, world.clock())
    readable = who.layer in (0, LAYER)  # a `message` looks different in every layer, and we write ours only
    news = world.history.since(request.pts, viewer.id) if readable else []
    if request.pts_total_limit is not None and len(news) > request.pts_total_limit:
        return types.updates.DifferenceTooLong(pts=world.history.pts)
    if not updates and not news:
        return types.updates.DifferenceEmpty(date=int(world.clock()), seq=0)
    more = len(news) > DIFFERENCE_SLICE
    news = news[:DIFFERENCE_SLICE]
    state = _state(world, news[-1].pts if more else world.history.pts)
    came = [one.came for one in news if one.came is not None]
    people = {user.id: user for update in updates for user in world.users_in(update, viewer.id)}
    people |= {one.sender: world.user(world.directory.member(one.sender), viewer.id) for one in came}
    told = {
        "new_messages": [world.files.message(one.id, viewer.id) for one in came],
        "new_encrypted_messages": [],
        "other_updates": [*updates, *(update_of(world, one, viewer.id) for one in news if one.came is None)],
        "chats": [],
        "users": list(people.values()),
    }
    if more:
        return types.updates.DifferenceSlice(**told, intermediate_state=state)
    return types.updates.Difference(**told, state=state)


def _state(world: World, pts: int) -> Any:
    return types.updates.State(pts=pts, qts=0, date=int(world.clock()), seq=0, unread_count=0)


def _get_dh_config(world: World, who: Authorization, request: Any) -> Any:
    who.require()
    if not 0 <= request.random_length <= 1024:
        raise RpcFailure(400, "RANDOM_LENGTH_INVALID")
    random = world.random(request.random_length)
    if request.version == _DH_VERSION:
        return types.messages.DhConfigNotModified(random=random)
    return types.messages.DhConfig(g=GENERATOR, p=DH_PRIME.to_bytes(256, "big"), version=_DH_VERSION, random=random)


def _request_call(world: World, who: Authorization, request: Any) -> Any:
    caller = who.require()
    callee = world.member_from(caller, request.user_id)
    if callee is caller:
        raise RpcFailure(400, "USER_ID_INVALID")
    phone_call = world.book.request(caller, callee, who.device, request, world.clock())
    return _phone_call(world, who, phone_call)


def _received_call(world: World, who: Authorization, request: Any) -> Any:
    world.book.received(who.require().id, request.peer, world.clock())
    return boolean(True)


def _accept_call(world: World, who: Authorization, request: Any) -> Any:
    return _phone_call(world, who, world.book.accept(who.require().id, who.device, request))


def _confirm_call(world: World, who: Authorization, request: Any) -> Any:
    return _phone_call(world, who, world.book.confirm(who.require().id, request, world.clock()))


def _discard_call(world: World, who: Authorization, request: Any) -> Any:
    discarded = world.book.discard(who.require().id, request, world.clock())
    return _updates(world, [types.UpdatePhoneCall(phone_call=discarded)])


def _send_signaling_data(world: World, who: Authorization, request: Any) -> Any:
    world.book.signal(who.require().id, request.peer, request.data)
    return boolean(True)


def _set_call_rating(world: World, who: Authorization, request: Any) -> Any:
    world.book.check(who.require().id, request.peer)
    world.ratings.append((request.peer.id, request.rating))
    return _updates(world, [])


def _save_call_debug(world: World, who: Authorization, request: Any) -> Any:
    world.book.check(who.require().id, request.peer)
    world.debug_reports.append((request.peer.id, request.debug.data))
    return boolean(True)


def _get_call_config(_world: World, who: Authorization, _request: Any) -> Any:
    who.require()
    return types.DataJSON(data="{}")


def _phone_call(world: World, who: Authorization, phone_call: Any) -> Any:
    viewer = who.require().id
    users = world.users_in(types.UpdatePhoneCall(phone_call=phone_call), viewer)
    return types.phone.PhoneCall(phone_call=phone_call, users=users)


def _updates(world: World, updates: list[Any]) -> Any:
    return types.Updates(updates=updates, users=[], chats=[], date=int(world.clock()), seq=0)


_CONFIG_NUMBERS = (
    "chat_size_max",
    "megagroup_size_max",
    "forwarded_count_max",
    "online_update_period_ms",
    "offline_blur_timeout_ms",
    "offline_idle_timeout_ms",
    "online_cloud_timeout_ms",
    "notify_cloud_delay_ms",
    "notify_default_delay_ms",
    "push_chat_period_ms",
    "push_chat_limit",
    "edit_time_limit",
    "revoke_time_limit",
    "revoke_pm_time_limit",
    "rating_e_decay",
    "stickers_recent_limit",
    "channels_read_media_period",
    "caption_length_max",
    "message_length_max",
)

_ABROAD = (functions.help.GetConfig, functions.auth.ImportAuthorization, functions.upload.GetFile)
"""What a data centre does for the members of others."""

METHODS: dict[Any, Method] = {
    **LOGIN_METHODS,
    **FILE_METHODS,
    functions.help.GetConfig: _get_config,
    functions.users.GetUsers: _get_users,
    functions.contacts.GetContacts: _get_contacts,
    functions.contacts.ResolveUsername: _resolve_username,
    functions.updates.GetState: _get_state,
    functions.updates.GetDifference: _get_difference,
    functions.messages.GetDhConfig: _get_dh_config,
    functions.phone.RequestCall: _request_call,
    functions.phone.ReceivedCall: _received_call,
    functions.phone.AcceptCall: _accept_call,
    functions.phone.ConfirmCall: _confirm_call,
    functions.phone.DiscardCall: _discard_call,
    functions.phone.SendSignalingData: _send_signaling_data,
    functions.phone.SetCallRating: _set_call_rating,
    functions.phone.SaveCallDebug: _save_call_debug,
    functions.phone.GetCallConfig: _get_call_config,
}
