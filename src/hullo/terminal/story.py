"""How events of the daemon change what the phone knows. Pure: events and times in, a new state out."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from hullo.terminal.state import (
    CallView,
    Caption,
    Contact,
    Counters,
    Device,
    Notice,
    Outcome,
    Own,
    PastCall,
    PhoneState,
    Playing,
    Quality,
    Recording,
    Side,
    Sound,
    VoiceMessage,
)

Fields = dict[str, Any]

MAX_CAPTIONS: Final = 50

_ENDINGS: Final = {
    "we hung up": "you hung up",
    "the peer hung up": "they hung up",
    "we declined the call": "you declined",
    "the callee declined the call": "they declined",
}

_URGENT_NOTICES: Final = {"key-changed", "device-removed", "unlinked", "forged", "commitment-broken"}


def told(state: PhoneState, name: str, fields: Fields, now: float) -> PhoneState:
    """The state after an event. Events of no use on a screen, or of calls that are not known, change nothing."""
    match name:
        case "call.incoming" | "call.ringing":
            return _rang(state, name, fields)
        case "call.ended":
            return _ended(state, fields)
        case "line.notice":
            return replace(state, notice=Notice(fields["detail"], now, urgent=fields["kind"] in _URGENT_NOTICES))
        case "audio.changed":
            return replace(state, notice=Notice(fields["detail"], now)) if fields["detail"] else state
        case "message.received":
            return replace(state, notice=Notice(f"a voice message from {fields['peer']}: p plays it", now))
        case "message.failed":
            who = fields["peer"] or "somebody"
            return replace(state, notice=Notice(f"voice message, {who}: {fields['detail']}", now, urgent=True))
        case "message.recording":
            return replace(state, recording=_recording(fields))
        case "message.playing":
            return replace(state, playing=Playing(fields["message_id"], fields["position"]))
        case "message.played":
            notice = Notice(fields["detail"], now, urgent=True) if fields["detail"] else state.notice
            return replace(state, playing=None, notice=notice)
        case "audio.levels":
            return replace(state, sound=_levels(state.sound, fields))
        case _:
            return _in_call(state, name, fields, now)


def began(state: PhoneState, status: Fields, now: float) -> PhoneState:
    """The state with a call as `call.status` (or `call.list`) shows it."""
    talks = status["status"] in ("active", "reconnecting")
    known = _find(state, status["call_id"]) or CallView(
        call_id=status["call_id"],
        peer=status["peer"],
        line=status["line"],
        incoming=status["direction"] == "incoming",
        status=status["status"],
    )
    call = replace(
        known,
        status=status["status"],
        connected_at=now - status["duration"] if talks else None,
        emoji=tuple(status["leg"]["emoji"] or ()),
        verified=status["verified"],
        muted=status["muted"],
        peer_muted=bool(status["peer_muted"]),
    )
    return state if call.status == "ended" else _put(state, call)


def moved_on(state: PhoneState, call_id: str, status: str) -> PhoneState:
    """The state after a request that answered with the call's status."""
    call = _find(state, call_id)
    return state if call is None or status == "ended" else _put(state, replace(call, status=status))


def people_as(state: PhoneState, people: Fields, past: list[Fields]) -> PhoneState:
    """The state with what `contact.list` (empty where there is no direct line) and `history.list` say."""
    own = people.get("own")
    contacts = tuple(
        Contact(
            person=each["person"],
            contact=each["contact"],
            blocked=each["blocked"],
            verified=each["verified"],
            key_changed=each["key_changed"],
            safety_number=each["safety_number"],
        )
        for each in people.get("contacts", [])
    )
    return replace(
        state,
        own=Own() if own is None else Own(person=own["person"], device=own["device"], invite=own["invite"] or ""),
        contacts=contacts,
        history=history_as(past, people.get("missed", [])),
    )


def messages_as(messages: list[Fields]) -> tuple[VoiceMessage, ...]:
    """What came and what was sent, of `message.list`; the latest first."""
    found = [
        VoiceMessage(
            message_id=each["message_id"],
            peer=each["peer"] or "somebody",
            received=each["direction"] == "received",
            at=datetime.fromisoformat(each["created"]).timestamp(),
            duration=each["duration"],
            heard=each["heard"],
            delivery=each["delivery"] or "",
            transcript=each["transcript"] or "",
        )
        for each in messages
        if each["direction"] in ("received", "sent")
    ]
    return tuple(sorted(found, key=lambda message: message.at, reverse=True))


def line_problem(lines: list[Fields]) -> str:
    """Why nobody can call us, or not by every line; empty when all is well."""
    if not lines:
        return "no line is configured: nobody can call"
    return "; ".join(f"{line['name']}: {line['detail']}" for line in lines if not line["ready"])


def sound_as(devices: Fields, status: Fields) -> Sound:
    """The sound of the machine from `audio.devices` and `audio.status`."""
    microphone, speaker = (
        Side(
            devices=_devices(devices[f"{name}s"]),
            chosen=devices["chosen"][name],
            used=_device_id(status[name]["device"]),
        )
        for name in ("microphone", "speaker")
    )
    details = [status[name]["detail"] for name in ("microphone", "speaker") if status[name]["detail"]]
    return Sound(microphone=microphone, speaker=speaker, call_id=status["call_id"], problem="; ".join(details))


def history_as(calls: list[Fields], missed: list[Fields]) -> tuple[PastCall, ...]:
    """The history from `history.list` and the calls that never rang here, the latest first."""
    past = [_past(call) for call in calls]
    past += [
        PastCall(peer=call["person"], line="direct", outcome=Outcome.MISSED, at=call["at"], why=call["why"])
        for call in missed
        if not call["rang"]
    ]
    return tuple(sorted(past, key=lambda call: call.at, reverse=True))


def muted(state: PhoneState, call_id: str, silent: bool) -> PhoneState:
    """The state after `call.mute`."""
    call = _find(state, call_id)
    return state if call is None else _put(state, replace(call, muted=silent))


def captioned(state: PhoneState, call_id: str, wanted: bool) -> PhoneState:
    """The state after `call.listen`."""
    call = _find(state, call_id)
    return state if call is None else _put(state, replace(call, captioned=wanted))


def daemon_lost(state: PhoneState, why: str, now: float) -> PhoneState:
    """The state without a daemon: its calls are over, and everything it told may have changed."""
    last = state.last
    if state.shown is not None:
        talked = 0.0 if state.shown.connected_at is None else now - state.shown.connected_at
        last = replace(state.shown, status="ended", ending=f"{why}, and the call with it", talked=talked)
    notice = Notice(why, now, urgent=True)
    return replace(
        state, link=why, calls=(), last=last, sound=Sound(), recording=None, playing=None, talking=False, notice=notice
    )


def _rang(state: PhoneState, name: str, fields: Fields) -> PhoneState:
    incoming = name == "call.incoming"
    call = _find(state, fields["call_id"])
    if call is None:
        call = CallView(
            call_id=fields["call_id"],
            peer=fields["peer"],
            line=fields["line"],
            incoming=incoming,
            status="incoming" if incoming else "ringing",
        )
    elif not incoming and call.status == "dialing":
        call = replace(call, status="ringing")
    return _put(state, call)


def _ended(state: PhoneState, fields: Fields) -> PhoneState:
    call = _find(state, fields["call_id"])
    if call is None:
        return state
    left = tuple(each for each in state.calls if each.call_id != call.call_id)
    ending = ending_words(fields["detail"] or fields["reason"])
    over = replace(call, status="ended", ending=ending, talked=fields["duration"])
    return replace(state, calls=left, last=over)


def _in_call(state: PhoneState, name: str, fields: Fields, now: float) -> PhoneState:
    call = _find(state, fields.get("call_id", ""))
    if call is None:
        return state
    if name == "call.error":
        failed = Notice(f"{fields['component']}: {fields['error']}", now, urgent=not fields["retryable"])
        return replace(state, notice=failed)
    return _put(state, _call_told(call, name, fields, now))


def _call_told(call: CallView, name: str, fields: Fields, now: float) -> CallView:
    match name:
        case "call.connected":
            emoji = tuple(fields["emoji"] or ())
            return replace(call, status="active", connected_at=now, emoji=emoji, verified=fields["verified"])
        case "call.reconnecting":
            return replace(call, status="reconnecting")
        case "call.reconnected":
            return replace(call, status="active")
        case "call.peer_muted":
            return replace(call, peer_muted=fields["muted"])
        case "call.quality":
            return _measured(call, fields["timestamp"], fields["stats"])
        case _:
            return replace(call, captions=_captions(call.captions, name, fields))


def _captions(captions: tuple[Caption, ...], name: str, fields: Fields) -> tuple[Caption, ...]:
    settled = captions[:-1] if captions and not captions[-1].final else captions
    match name:
        case "call.partial":
            added = Caption("they", fields["text"], final=False)
        case "call.speech":
            added = Caption("they", fields["text"])
        case "call.unclear":
            return settled
        case "call.speaking":
            added = Caption("we", fields["text"])
        case _:
            return captions
    return (*settled, added)[-MAX_CAPTIONS:]


def _measured(call: CallView, at: int, stats: Fields) -> CallView:
    before = call.counters
    counters = Counters(
        at=at, received=stats["packets_received"], lost=stats["packets_lost"], bytes_sent=stats["bytes_sent"]
    )
    received, lost = counters.received - before.received, max(counters.lost - before.lost, 0)
    seconds = (at - before.at) / 1000
    steady = before.at > 0 and seconds > 0  # `at` is of a clock that may be set back
    quality = Quality(
        loss_percent=100 * lost / (lost + received) if lost + received > 0 else 0.0,
        their_loss_percent=None if stats["remote_loss"] is None else 100 * stats["remote_loss"],
        round_trip_ms=stats["round_trip_ms"],
        kbit_per_second=8 * (counters.bytes_sent - before.bytes_sent) / 1000 / seconds if steady else None,
    )
    return replace(call, counters=counters, quality=quality)


def _past(call: Fields) -> PastCall:
    return PastCall(
        peer=call["peer"],
        line=call["line"],
        outcome=_outcome(call),
        at=call["at"],
        duration=call["duration"],
        why=ending_words(call["detail"] or call["reason"]),
    )


def _outcome(call: Fields) -> Outcome:
    if call["missed"]:
        return Outcome.MISSED
    if call["duration"]:
        return Outcome.IN if call["direction"] == "incoming" else Outcome.OUT
    if call["direction"] == "outgoing":
        return Outcome.NOT_REACHED
    return Outcome.DECLINED if call["reason"] == "declined" else Outcome.NOT_TAKEN


def _devices(devices: list[Fields]) -> tuple[Device, ...]:
    return tuple(Device(device_id=each["id"], name=each["name"], default=each["default"]) for each in devices)


def _device_id(device: Fields | None) -> str | None:
    return None if device is None else device["id"]


def _recording(fields: Fields) -> Recording:
    return Recording(
        state=fields["state"],
        elapsed=fields["elapsed"],
        remaining=fields["remaining"],
        level_dbfs=fields["level_dbfs"],
        problem=fields["detail"] or "",
    )


def _levels(sound: Sound, fields: Fields) -> Sound:
    return replace(
        sound,
        microphone=replace(sound.microphone, level_dbfs=fields["microphone_dbfs"]),
        speaker=replace(sound.speaker, level_dbfs=fields["speaker_dbfs"]),
    )


def ending_words(detail: str) -> str:
    """Why a call ended, said to the person at this end."""
    return _ENDINGS.get(detail, detail)


def _find(state: PhoneState, call_id: str) -> CallView | None:
    return next((call for call in state.calls if call.call_id == call_id), None)


def _put(state: PhoneState, call: CallView) -> PhoneState:
    if _find(state, call.call_id) is None:
        return replace(state, calls=(*state.calls, call), last=None)
    return replace(state, calls=tuple(call if each.call_id == call.call_id else each for each in state.calls))
