"""The methods of the loopback Telegram: each a function of the world, who asks, and the request."""

from collections.abc import Callable
from typing import Any

from hullo.demo.loopback_telegram.files import SentDocument, message_of
from hullo.demo.loopback_telegram.handshake import GENERATOR
from hullo.demo.loopback_telegram.login_methods import LOGIN_METHODS
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import DH_PRIME, LAYER, boolean, functions, method_name, objects, types, vector
from hullo.demo.loopback_telegram.world import DC, Authorization, World

Method = Callable[[World, Authorization, Any], Any]

_DH_VERSION = 3


def call(world: World, who: Authorization, request: Any) -> Any:
    """Carry out a request and return its result. Raises `RpcFailure`."""
    method = METHODS.get(type(request))
    name = method_name(request)
    world.faults.check(name)
    if method is None:
        raise RpcFailure(400, "METHOD_NOT_IMPLEMENTED")
    return method(world, who, request)


def _get_config(world: World, _who: Authorization, _request: Any) -> Any:
    host, port = world.address
    now = int(world.clock())
    numbers = dict.fromkeys(_CONFIG_NUMBERS, 0)
    return types.Config(
        **numbers,
        date=now,
        expires=now + 3600,
        test_mode=False,
        this_dc=DC,
        dc_options=[types.DcOption(id=DC, ip_address=host, port=port)],
        dc_txt_domain_name="",
        me_url_prefix="https://t.me/",
        webfile_dc_id=DC,
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
    return _state(world)


def _get_difference(world: World, who: Authorization, request: Any) -> Any:
    viewer = who.require()
    updates = world.book.recent(viewer.id, world.clock())
    readable = who.layer in (0, LAYER)  # a `message` looks different in every layer, and we write ours only
    documents = [one for one in world.files.sent if readable and one.recipient == viewer.id and _pts(one) > request.pts]
    if not updates and not documents:
        return types.updates.DifferenceEmpty(date=int(world.clock()), seq=0)
    people = {user.id: user for update in updates for user in world.users_in(update, viewer.id)}
    people |= {one.sender: world.user(world.directory.member(one.sender), viewer.id) for one in documents}
    return types.updates.Difference(
        new_messages=[message_of(one, viewer.id) for one in documents],
        new_encrypted_messages=[],
        other_updates=updates,
        chats=[],
        users=list(people.values()),
        state=_state(world),
    )


def _state(world: World) -> Any:
    pts = 1 + len(world.files.sent)
    return types.updates.State(pts=pts, qts=0, date=int(world.clock()), seq=0, unread_count=0)


def _pts(document: SentDocument) -> int:
    """One count for all members: it only has to grow."""
    return document.id + 1


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


def _save_file_part(world: World, who: Authorization, request: Any) -> Any:
    world.files.save(who.require(), request)
    return boolean(True)


def _send_media(world: World, who: Authorization, request: Any) -> Any:
    sender = who.require()
    recipient = world.member_from(sender, request.peer)
    now = int(world.clock())
    document = world.files.send(sender, recipient, request.media, request.random_id, now)
    message = message_of(document, recipient.id)
    world.push(recipient.id, types.UpdateNewMessage(message=message, pts=_pts(document), pts_count=1), None, None)
    return _updates(world, [types.UpdateMessageID(id=document.id, random_id=request.random_id)])


def _get_file(world: World, who: Authorization, request: Any) -> Any:
    data = world.files.part(who.require(), request)
    return types.upload.File(type=types.storage.FileUnknown(), mtime=0, bytes=data)


def _read_message_contents(world: World, who: Authorization, request: Any) -> Any:
    reader = who.require().id
    pts = 1 + len(world.files.sent)
    for document in world.files.sent:
        if document.id in request.id and document.recipient == reader:
            read = types.UpdateReadMessagesContents(messages=[document.id], pts=pts, pts_count=0)
            world.push(document.sender, read, None, None)
    return types.messages.AffectedMessages(pts=pts, pts_count=0)


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

METHODS: dict[Any, Method] = {
    **LOGIN_METHODS,
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
    functions.upload.SaveFilePart: _save_file_part,
    functions.upload.GetFile: _get_file,
    functions.messages.SendMedia: _send_media,
    functions.messages.ReadMessageContents: _read_message_contents,
}
