"""The methods about voice messages."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hullo.audio.devices.device import DeviceError
from hullo.messages.errors import MessageError
from hullo.messages.info import MessageInfo, info
from hullo.messages.messenger import Messenger
from hullo.messages.metadata import Direction
from hullo.messages.store import StoredMessage
from hullo.service import rpc
from hullo.service.errors import ErrorCode, domain_error
from hullo.service.message_desk import MessageDesk
from hullo.service.method import Method, Service
from hullo.service.params import Nothing
from hullo.service.paths import absolute
from hullo.speech.errors import SpeechError

MessageId = Annotated[
    str, Meta(description="The message; the beginning of its id is enough.", min_length=1, max_length=64)
]


class SendParams(msgspec.Struct, frozen=True):
    """To whom, and what: one of a file, a text to be spoken, and a message that is there already."""

    to: Annotated[str | int, Meta(description="The address, as its line writes it.")]
    path: Annotated[
        str | None, Meta(description="Absolute path of a sound file of any format that the daemon can read.")
    ] = None
    text: Annotated[
        Annotated[str, Meta(min_length=1, max_length=10_000)] | None,
        Meta(description="Words that the daemon's voice says."),
    ] = None
    message_id: Annotated[str | None, Meta(description="A message that was recorded or received here.")] = None
    line: Annotated[str | None, Meta(description="The line to use; left out: the one that knows such addresses.")] = (
        None
    )


class MessagesParams(msgspec.Struct, frozen=True):
    """Which messages to show."""

    direction: Annotated[Direction | None, Meta(description="`received`, `sent` or `recorded`; left out: all.")] = None
    unheard: Annotated[bool, Meta(description="True to leave out what was heard, and what was sent.")] = False
    peer: Annotated[str | None, Meta(description="Only messages from or to them.")] = None
    limit: Annotated[Annotated[int, Meta(ge=1, le=10_000)], Meta(description="The latest so many.")] = 1000


class MessageParams(msgspec.Struct, frozen=True):
    """Which message."""

    message_id: MessageId


class FinishParams(msgspec.Struct, frozen=True):
    """What becomes of the recording."""

    discard: Annotated[bool, Meta(description="True to leave nothing behind.")] = False


class PlayMessageParams(msgspec.Struct, frozen=True):
    """Which message, and how."""

    message_id: MessageId
    position: Annotated[Annotated[float, Meta(ge=0)], Meta(description="Seconds from its beginning.")] = 0.0
    speed: Annotated[Annotated[float, Meta(ge=0.5, le=4)], Meta(description="At the same pitch.")] = 1.0


class RecordingResult(msgspec.Struct, frozen=True, kw_only=True):
    """The recording that has begun."""

    recording_id: str


class StoppedResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there was anything to stop."""

    stopped: bool


class DeletedResult(msgspec.Struct, frozen=True, kw_only=True):
    """The message that is no more."""

    message_id: str


async def send(service: Service, params: SendParams) -> MessageInfo:
    """Send a voice message: a sound file, a text to be spoken, or one that is here. Returns when it is on its way.

    `message.progress`, `message.sent`, `message.delivered` and `message.heard` follow, or `message.failed`. What can't
    be sent yet is sent later, also by the next daemon.
    """
    messenger = _messenger(service)
    to = str(params.to)
    given = [name for name in ("path", "text", "message_id") if getattr(params, name) is not None]
    if len(given) != 1:
        raise rpc.RpcError(rpc.INVALID_PARAMS, "message.send: one of path, text and message_id", 'send {"text": "..."}')
    try:
        if params.path is not None:
            return _info(await messenger.send_file(to, Path(absolute("message.send", params.path)), params.line))
        if params.text is not None:
            return _info(await messenger.send_text(to, params.text, params.line))
        return _info(await messenger.send_message(to, await _found(service, params.message_id or ""), params.line))
    except SpeechError as error:
        raise domain_error(ErrorCode.SPEECH_FAILED, str(error), "turn [speech] on, or send a file") from None
    except MessageError as error:
        raise _failed(error) from None


async def list_messages(service: Service, params: MessagesParams) -> list[MessageInfo]:
    """The voice messages that are here, oldest first."""
    try:
        stored = await asyncio.to_thread(_messenger(service).store.messages)
    except MessageError as error:
        raise _failed(error) from None
    shown = [
        one
        for one in map(info, stored)
        if one is not None
        and params.direction in (None, one.direction)
        and params.peer in (None, one.peer)
        and not (params.unheard and (one.heard or one.direction is Direction.SENT))
    ]
    return shown[-params.limit :]


async def mark_heard(service: Service, params: MessageParams) -> MessageInfo:
    """Say that somebody here has heard a message; its sender is told, where receipts are on and the line has them."""
    try:
        return _info(_messenger(service).heard(await _found(service, params.message_id)))
    except MessageError as error:
        raise _failed(error) from None


async def record(service: Service, params: Nothing) -> RecordingResult:
    """Record a message by the microphone of this machine; `message.recording` tells how it stands."""
    with _errors():
        return RecordingResult(recording_id=await _desk(service).record())


async def finish(service: Service, params: FinishParams) -> MessageInfo | None:
    """End the recording: the message, which `message.send` sends; null when it was to be discarded."""
    with _errors():
        desk = _desk(service)
        if not params.discard:
            return _info(await desk.finish())
        await desk.discard()
        return None


async def play(service: Service, params: PlayMessageParams) -> MessageInfo:
    """Play a message by the speaker of this machine, in place of the one that plays. Returns at once.

    `message.playing` tells how far it is, `message.played` that it is over. One that came to its end counts as heard.
    """
    with _errors():
        message = await _found(service, params.message_id)
        await _desk(service).play(message, params.position, params.speed)
        return _info(message)


async def stop(service: Service, params: Nothing) -> StoppedResult:
    """Play no more; nothing happens if nothing plays."""
    return StoppedResult(stopped=await _desk(service).stop())


async def delete(service: Service, params: MessageParams) -> DeletedResult:
    """Remove a message from this machine; what was sent of it stays with others."""
    try:
        message = await _found(service, params.message_id)
        return DeletedResult(message_id=_messenger(service).store.delete(message))
    except MessageError as error:
        raise _failed(error) from None


def _messenger(service: Service) -> Messenger:
    if service.messages is None:
        raise domain_error(ErrorCode.NO_MESSAGES, "this daemon keeps no voice messages", "turn [messages] on")
    return service.messages


async def _found(service: Service, message_id: str) -> StoredMessage:
    """In a thread: to look through some hundred files takes longer than a tick of the media. Raises `MessageError`."""
    return await asyncio.to_thread(_messenger(service).store.find, message_id)


def _desk(service: Service) -> MessageDesk:
    if service.message_desk is None:
        problem = "this daemon uses no microphone and no speaker for messages"
        raise domain_error(ErrorCode.NO_AUDIO, problem, "turn [audio] and [messages] on")
    return service.message_desk


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except DeviceError as error:
        raise domain_error(ErrorCode.DEVICE_FAILED, str(error), "audio.devices shows what there is") from None
    except MessageError as error:
        raise _failed(error) from None


def _info(message: StoredMessage) -> MessageInfo:
    found = info(message)
    if found is None:
        raise domain_error(ErrorCode.MESSAGE_FAILED, f"{message.path.name} is not finished", "hullo message recover")
    return found


def _failed(error: MessageError) -> rpc.RpcError:
    return domain_error(ErrorCode.MESSAGE_FAILED, str(error), "message.list shows the messages, line.list the lines")


_ERRORS = (ErrorCode.NO_MESSAGES, ErrorCode.MESSAGE_FAILED)
_SOUND = (*_ERRORS, ErrorCode.NO_AUDIO, ErrorCode.DEVICE_FAILED)

MESSAGE_METHODS: tuple[Method[Any], ...] = (
    Method("message.send", SendParams, MessageInfo, send, (*_ERRORS, ErrorCode.SPEECH_FAILED, ErrorCode.TOO_SLOW)),
    Method("message.list", MessagesParams, list[MessageInfo], list_messages, _ERRORS),
    Method("message.mark_heard", MessageParams, MessageInfo, mark_heard, _ERRORS),
    Method("message.record", Nothing, RecordingResult, record, _SOUND),
    Method("message.finish", FinishParams, MessageInfo | None, finish, _SOUND),
    Method("message.play", PlayMessageParams, MessageInfo, play, _SOUND),
    Method("message.stop", Nothing, StoppedResult, stop, _SOUND),
    Method("message.delete", MessageParams, DeletedResult, delete, _ERRORS),
)
