"""The methods of the daemon, as one table.

A handler asks something of a call and returns at once; what comes of it is told by events. Handlers raise what the
room `call` raises (`CallError`, `OSError`), and `RpcError` for parameters that make no sense.
"""

import functools
import time
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from hullo.call.bridge import bridge as bridge_calls
from hullo.call.call import Call
from hullo.call.errors import CannotHear, CannotSpeak, WrongState
from hullo.call.report import CallReport
from hullo.call.status import CallStatus
from hullo.lines.direct.channel import ChannelError
from hullo.lines.direct.private.desk import DeskError
from hullo.lines.direct.private.linking import LinkError
from hullo.lines.direct.private.unlinking import UnlinkError
from hullo.lines.line import LineStatus
from hullo.service import openrpc, rpc
from hullo.service.audio_methods import AUDIO_METHODS
from hullo.service.errors import ErrorCode, domain_error
from hullo.service.history import PastCall
from hullo.service.message_methods import MESSAGE_METHODS
from hullo.service.method import Contacts, Method, Service
from hullo.service.params import (
    BridgeParams,
    CallParams,
    ContactParams,
    HearingParams,
    InterruptibleParams,
    LinkParams,
    ListenParams,
    ListParams,
    MuteParams,
    Nothing,
    PlayParams,
    PrepareParams,
    RecordParams,
    SpeakParams,
    StartParams,
    UnlinkParams,
)
from hullo.service.paths import absolute
from hullo.service.results import (
    BridgeResult,
    CallResult,
    ContactsResult,
    DevicesResult,
    Health,
    HearingResult,
    InterruptibleResult,
    ListenResult,
    MuteResult,
    PrepareResult,
    RecordResult,
    SpeakResult,
    UnlinkResult,
    UtteranceResult,
)
from hullo.service.which_call import which_call as _call
from hullo.speech.errors import SpeechError
from hullo.speech.listening.hearing import HearingChange
from hullo.speech.settings import SpeechSettings


async def start(service: Service, params: StartParams) -> CallResult:
    """Call somebody. `call.ringing`, `call.connected` or `call.ended` follow."""
    hearing = await _hearing(service, params)
    call = service.switchboard.dial(str(params.to), line=params.line)
    if hearing is not None:
        call.hear_by(hearing)
    return _result(call)


async def accept(service: Service, params: HearingParams) -> CallResult:
    """Answer an incoming call. `call.connected` follows; a second time changes only how it is heard."""
    call = _call(service, params.call_id)
    hearing = await _hearing(service, params)
    call.accept()
    if hearing is not None:
        call.hear_by(hearing)
    return _result(call)


async def reject(service: Service, params: CallParams) -> CallResult:
    """Decline an incoming call. `call.ended` follows."""
    call = _call(service, params.call_id)
    call.reject()
    return _result(call)


async def hangup(service: Service, params: CallParams) -> CallResult:
    """End a call, whatever it is doing. `call.ended` follows; a second time does nothing."""
    call = _call(service, params.call_id)
    call.hangup()
    return _result(call)


async def speak(service: Service, params: SpeakParams) -> SpeakResult:
    """Say something after what is being said. `call.speaking` follows, then `call.spoken` or `call.interrupted`.

    What can't be said, or not to its end, is told by a `call.error` with its `utterance_id`.

    With `stream_id` the text may come in pieces: the first request begins the stream, further ones `append`, the last
    one says `end`. It is spoken sentence by sentence while the rest still comes.
    """
    if params.stream_id is not None:
        return _speak_stream(_call(service, params.call_id), params.stream_id, params)
    if params.append or params.end:
        raise rpc.RpcError(rpc.INVALID_PARAMS, "call.speak: append and end belong to a stream", "name it: stream_id")
    if not params.text:
        raise rpc.RpcError(rpc.INVALID_PARAMS, "call.speak: there is no text", 'send {"text": "..."}')
    call = _call(service, params.call_id)
    return SpeakResult(call_id=call.call_id, utterance_id=call.speak(params.text, interruptible=params.interruptible))


def _speak_stream(call: Call, stream_id: str, params: SpeakParams) -> SpeakResult:
    if not params.append:
        call.open_stream(stream_id, interruptible=params.interruptible)
    appended = call.append(stream_id, params.text, end=params.end)
    return SpeakResult(
        call_id=call.call_id,
        utterance_id=appended.utterance_id,
        accepted=appended.accepted,
        stream=appended.state.value,
    )


async def prepare(service: Service, params: PrepareParams) -> PrepareResult:
    """Make the sound of texts that will be said soon: a greeting while the call rings, phrases that come often.

    `call.speak` with the same sentences then begins at once.
    """
    if service.speech is None:
        raise domain_error(ErrorCode.NO_SPEECH, "this daemon runs without speech", "turn [speech] on")
    for text in params.texts:
        try:
            await service.speech.prepare(text)
        except SpeechError as error:
            raise CannotSpeak(error) from error
    return PrepareResult(prepared=len(params.texts))


async def play(service: Service, params: PlayParams) -> UtteranceResult:
    """Play a sound file after what is being said, told by the same events as speech."""
    call = _call(service, params.call_id)
    path = absolute("call.play", params.path)
    utterance_id = await call.play(path, interruptible=params.interruptible)
    return UtteranceResult(call_id=call.call_id, utterance_id=utterance_id)


async def interrupt(service: Service, params: CallParams) -> CallResult:
    """Be silent at once. `call.interrupted` tells for each utterance how much of it was heard."""
    call = _call(service, params.call_id)
    call.interrupt()
    return _result(call)


async def interruptible(service: Service, params: InterruptibleParams) -> InterruptibleResult:
    """Let the peer of this call interrupt by speaking, or not. The beginning is as `[speech] interruptible` says."""
    call = _call(service, params.call_id)
    call.set_interruptible(params.enabled)
    return InterruptibleResult(call_id=call.call_id, enabled=params.enabled)


async def configure(service: Service, params: HearingParams) -> HearingResult:
    """Hear a call in another way, from the next pause on; without a change, tell how it is heard."""
    call = _call(service, params.call_id)
    settings = await call.configure(_change(params))
    return HearingResult(
        call_id=call.call_id,
        endpointing=settings.endpointing,
        end_pause=settings.end_pause,
        noise_suppression=settings.noise_suppression,
    )


async def mute(service: Service, params: MuteParams) -> MuteResult:
    """Stop sending sound, or go on with it. Speech that is under way goes on unheard."""
    call = _call(service, params.call_id)
    call.set_muted(params.muted)
    return MuteResult(call_id=call.call_id, muted=params.muted)


async def record(service: Service, params: RecordParams) -> RecordResult:
    """Record both sides of a call into a stereo WAV or Ogg Opus file, or finish it. It ends with the call, too."""
    if params.stop == (params.path is not None) or (params.stop and params.transcript is not None):
        raise rpc.RpcError(
            rpc.INVALID_PARAMS,
            "call.record: either path or stop",
            'send {"path": "/..."} to begin, {"stop": true} to end',
        )
    call = _call(service, params.call_id)
    if params.path is None:
        return RecordResult(call_id=call.call_id, path=await call.stop_recording(), recording=False)
    path = absolute("call.record", params.path)
    transcript = None if params.transcript is None else absolute("call.record", params.transcript)
    try:
        call.start_recording(path, transcript)
    except ValueError as error:
        raise rpc.RpcError(
            rpc.INVALID_PARAMS, f"call.record: {error}", "name a .wav or .opus file, and another one for the transcript"
        ) from None
    return RecordResult(call_id=call.call_id, path=path, recording=True)


async def bridge(service: Service, params: BridgeParams) -> BridgeResult:
    """Let the peers of two calls hear each other, in place of an agent, until one of the calls ends.

    `call.bridged` is told of both; what was being spoken is interrupted, and nothing is recognised unless `call.listen`
    says so.
    """
    call = _call(service, params.call_id)
    bridge_calls(call, service.switchboard.call(params.other_id))
    return BridgeResult(call_id=call.call_id, bridged_to=call.bridged_to)


async def listen(service: Service, params: ListenParams) -> ListenResult:
    """Recognise what the peer says, or leave it be: a conversation of two people is nobody else's unless they want."""
    call = _call(service, params.call_id)
    call.set_listening(params.enabled)
    return ListenResult(call_id=call.call_id, enabled=params.enabled)


async def report(service: Service, params: CallParams) -> CallReport:
    """The report of a call that has ended lately, as `call.ended` told it."""
    call = _call(service, params.call_id)
    if call.report is None:
        raise WrongState(f"call {call.call_id} has not ended", "wait for call.ended")
    return call.report


async def status(service: Service, params: CallParams) -> CallStatus:
    """One call, as it stands: also one that ended lately."""
    return _call(service, params.call_id).status()


async def list_calls(service: Service, params: ListParams) -> list[CallStatus]:
    """The calls that are live or ended lately, oldest first."""
    statuses = service.switchboard.statuses()
    return [status for status in statuses if not params.live or status.status != "ended"]


async def list_contacts(service: Service, params: Nothing) -> ContactsResult:
    """The contacts of the direct line, with the safety numbers to compare, and missed calls, the latest last."""
    return _contacts_result(_contacts(service))


async def change_contact(service: Service, params: ContactParams) -> ContactsResult:
    """Add, remove, block, unblock, verify or unverify a contact, or trust another key that was shown."""
    contacts = _contacts(service)
    try:
        contacts.desk.change(params.person, params.change, params.key)
    except DeskError as error:
        raise domain_error(ErrorCode.CONTACT_REFUSED, str(error), "contact.list shows the contacts") from None
    return _contacts_result(contacts)


async def list_history(service: Service, params: Nothing) -> list[PastCall]:
    """The calls that ended, the latest last: `[calls] history` of them at most."""
    return list(service.history)


async def clear_history(service: Service, params: Nothing) -> list[PastCall]:
    """Forget the calls that ended."""
    service.history.clear()
    return list(service.history)


async def clear_missed(service: Service, params: Nothing) -> ContactsResult:
    """Forget the missed calls of the direct line."""
    contacts = _contacts(service)
    contacts.missed.clear()
    return _contacts_result(contacts)


async def link_device(service: Service, params: LinkParams) -> ContactsResult:
    """Make the device that shows this code one more device of our person: it gets our identity and contacts."""
    contacts = _contacts(service)
    try:
        await contacts.link(params.code)
    except LinkError as error:
        hint = "run hullo contacts link on the new device, and give its code within five minutes"
        raise domain_error(ErrorCode.CONTACT_REFUSED, str(error), hint) from None
    return _contacts_result(contacts)


async def list_devices(service: Service, params: Nothing) -> DevicesResult:
    """Our own devices on the direct line."""
    contacts = _contacts(service)
    try:
        found = await contacts.devices()
    except ChannelError as error:
        raise domain_error(ErrorCode.CONTACT_REFUSED, str(error), "line.list shows the direct line") from None
    return DevicesResult(devices=found, here=contacts.desk.own.device)


async def unlink_device(service: Service, params: UnlinkParams) -> UnlinkResult:
    """Remove a device of ours, by a new key that it does not get; contacts are told (`device-removed`)."""
    contacts = _contacts(service)
    try:
        return UnlinkResult(removed=await contacts.unlink(params.device, params.unlisted))
    except UnlinkError as error:
        raise domain_error(ErrorCode.CONTACT_REFUSED, str(error), "contact.devices shows your devices") from None


async def list_lines(service: Service, params: Nothing) -> list[LineStatus]:
    """The lines, and whether they can place and take calls."""
    return service.switchboard.line_statuses()


async def health(service: Service, params: Nothing) -> Health:
    """Whether the daemon can do its work."""
    lines = service.switchboard.line_statuses()
    hosts = {} if service.speech is None else service.speech.hosts
    well = all(line.ready for line in lines) and None not in hosts.values()
    return Health(
        status="ok" if well else "degraded",
        version=version("hullo"),
        uptime_seconds=round(time.monotonic() - service.started, 3),
        cpu_seconds=round(time.process_time(), 6),
        live_calls=len(service.switchboard.live()),
        clients=service.clients(),
        page=service.page(),
        lines=lines,
        speech={role: "down" if pid is None else "running" for role, pid in hosts.items()},
    )


async def discover(service: Service, params: Nothing) -> dict[str, Any]:
    """This document: every method and every event, in the OpenRPC format."""
    return _document()


_ONE_CALL = (ErrorCode.UNKNOWN_CALL, ErrorCode.WHICH_CALL)
_HEARING = (ErrorCode.NO_SPEECH, ErrorCode.HEARING_FAILED)
_VOICE = (*_ONE_CALL, ErrorCode.WRONG_STATE, ErrorCode.NO_SPEECH)

_TABLE: tuple[Method[Any], ...] = (
    Method("call.start", StartParams, CallResult, start, (ErrorCode.CALL_REFUSED, *_HEARING)),
    Method("call.accept", HearingParams, CallResult, accept, (*_ONE_CALL, ErrorCode.WRONG_STATE, *_HEARING)),
    Method("call.reject", CallParams, CallResult, reject, (*_ONE_CALL, ErrorCode.WRONG_STATE)),
    Method("call.hangup", CallParams, CallResult, hangup, _ONE_CALL),
    Method("call.speak", SpeakParams, SpeakResult, speak, (*_VOICE, ErrorCode.SPEECH_FAILED)),
    Method(
        "speech.prepare",
        PrepareParams,
        PrepareResult,
        prepare,
        (ErrorCode.NO_SPEECH, ErrorCode.SPEECH_FAILED, ErrorCode.TOO_SLOW),
    ),
    Method("call.play", PlayParams, UtteranceResult, play, (*_VOICE, ErrorCode.SPEECH_FAILED, ErrorCode.TOO_SLOW)),
    Method("call.interrupt", CallParams, CallResult, interrupt, _VOICE),
    Method(
        "call.interruptible",
        InterruptibleParams,
        InterruptibleResult,
        interruptible,
        (*_VOICE, ErrorCode.SPEECH_FAILED),
    ),
    Method("call.configure", HearingParams, HearingResult, configure, (*_VOICE, ErrorCode.HEARING_FAILED)),
    Method("call.mute", MuteParams, MuteResult, mute, _ONE_CALL),
    Method(
        "call.record",
        RecordParams,
        RecordResult,
        record,
        (*_ONE_CALL, ErrorCode.WRONG_STATE, ErrorCode.FILE_FAILED, ErrorCode.TOO_SLOW),
    ),
    Method("call.bridge", BridgeParams, BridgeResult, bridge, (*_ONE_CALL, ErrorCode.WRONG_STATE)),
    Method("call.listen", ListenParams, ListenResult, listen, _VOICE),
    Method("call.report", CallParams, CallReport, report, (*_ONE_CALL, ErrorCode.WRONG_STATE)),
    Method("call.status", CallParams, CallStatus, status, _ONE_CALL),
    Method("call.list", ListParams, list[CallStatus], list_calls),
    Method("contact.list", Nothing, ContactsResult, list_contacts, (ErrorCode.NO_CONTACTS,)),
    Method(
        "contact.change",
        ContactParams,
        ContactsResult,
        change_contact,
        (ErrorCode.NO_CONTACTS, ErrorCode.CONTACT_REFUSED),
    ),
    Method(
        "contact.link",
        LinkParams,
        ContactsResult,
        link_device,
        (ErrorCode.NO_CONTACTS, ErrorCode.CONTACT_REFUSED),
    ),
    Method(
        "contact.devices",
        Nothing,
        DevicesResult,
        list_devices,
        (ErrorCode.NO_CONTACTS, ErrorCode.CONTACT_REFUSED),
    ),
    Method(
        "contact.unlink",
        UnlinkParams,
        UnlinkResult,
        unlink_device,
        (ErrorCode.NO_CONTACTS, ErrorCode.CONTACT_REFUSED),
    ),
    Method("contact.clear_missed", Nothing, ContactsResult, clear_missed, (ErrorCode.NO_CONTACTS,)),
    Method("history.list", Nothing, list[PastCall], list_history),
    Method("history.clear", Nothing, list[PastCall], clear_history),
    *AUDIO_METHODS,
    *MESSAGE_METHODS,
    Method("line.list", Nothing, list[LineStatus], list_lines),
    Method("health", Nothing, Health, health),
    Method("rpc.discover", Nothing, dict[str, Any], discover),
)

METHODS = MappingProxyType({method.name: method for method in _TABLE})
"""Every method by its name."""


@functools.cache
def _document() -> dict[str, Any]:
    return openrpc.document(_TABLE)


def _contacts(service: Service) -> Contacts:
    if service.contacts is None:
        hint = "set enabled and rendezvous in [direct]; docs/privacy.md"
        raise domain_error(ErrorCode.NO_CONTACTS, "this daemon has no private calls", hint)
    return service.contacts


def _contacts_result(contacts: Contacts) -> ContactsResult:
    return ContactsResult(own=contacts.desk.own, contacts=contacts.desk.contacts(), missed=[*contacts.missed])


def _change(params: StartParams | HearingParams) -> HearingChange:
    return HearingChange(
        endpointing=params.endpointing, end_pause=params.end_pause, noise_suppression=params.noise_suppression
    )


async def _hearing(service: Service, params: StartParams | HearingParams) -> SpeechSettings | None:
    """The settings for a call that is about to begin, None if they are those of all calls."""
    change = _change(params)
    if not change:
        return None
    if service.speech is None:
        raise domain_error(ErrorCode.NO_SPEECH, "this daemon hears nothing: it runs without speech", "turn [speech] on")
    try:
        return await service.speech.hearing(change)
    except SpeechError as error:
        raise CannotHear(error) from None


def _result(call: Call) -> CallResult:
    return CallResult(call_id=call.call_id, status=call.state.value)
