"""Messages with files: uploaded, sent, fetched from the data centre where they lie, and listened to."""

from typing import Any

from hullo.demo.loopback_telegram.history import Happening
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.tl import boolean, functions, objects, types
from hullo.demo.loopback_telegram.world import Authorization, World


def save_file_part(world: World, who: Authorization, request: Any) -> Any:
    """upload.saveFilePart."""
    world.files.save(who.require(), request)
    return boolean(True)


def send_media(world: World, who: Authorization, request: Any) -> Any:
    """messages.sendMedia: the file lies in the data centre of who sends it."""
    sender = who.require()
    recipient = world.member_from(sender, request.peer)
    document = world.files.send(sender, recipient, request.media, request.random_id, int(world.clock()))
    world.push(recipient.id, update_of(world, world.history.add(recipient.id, came=document), recipient.id), None, None)
    update = types.UpdateMessageID(id=document.id, random_id=request.random_id)
    return types.Updates(updates=[update], users=[], chats=[], date=int(world.clock()), seq=0)


def get_file(world: World, who: Authorization, request: Any) -> Any:
    """upload.getFile."""
    data = world.files.part(who.require(), who.dc, request)
    return types.upload.File(type=types.storage.FileUnknown(), mtime=0, bytes=data)


def get_messages(world: World, who: Authorization, request: Any) -> Any:
    """messages.getMessages: each message again, with a file reference that is good now."""
    viewer = who.require()
    wanted = objects(request.id)
    if not wanted or any(not isinstance(one, types.InputMessageID) for one in wanted):
        raise RpcFailure(400, "MESSAGE_IDS_EMPTY")
    messages = [world.files.message(one.id, viewer.id) for one in wanted]
    senders = {one.from_id.user_id for one in messages if isinstance(one, types.Message)}
    users = [world.user(world.directory.member(one), viewer.id) for one in senders]
    return types.messages.Messages(messages=messages, topics=[], chats=[], users=users)


def read_message_contents(world: World, who: Authorization, request: Any) -> Any:
    """messages.readMessageContents."""
    reader = who.require().id
    for document in world.files.sent:
        if document.id in request.id and document.recipient == reader:
            heard = world.history.add(document.sender, heard=(document.id,))
            world.push(document.sender, update_of(world, heard, document.sender), None, None)
    return types.messages.AffectedMessages(pts=world.history.pts, pts_count=0)


def update_of(world: World, happening: Happening, viewer: int) -> Any:
    """The update that tells of it."""
    if happening.came is None:
        return types.UpdateReadMessagesContents(messages=list(happening.heard), pts=happening.pts, pts_count=1)
    message = world.files.message(happening.came.id, viewer)
    return types.UpdateNewMessage(message=message, pts=happening.pts, pts_count=1)


FILE_METHODS = {
    functions.upload.SaveFilePart: save_file_part,
    functions.upload.GetFile: get_file,
    functions.messages.SendMedia: send_media,
    functions.messages.GetMessages: get_messages,
    functions.messages.ReadMessageContents: read_message_contents,
}
