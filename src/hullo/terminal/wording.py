"""What the phone knows, in words: lines of plain text that say everything without colour."""

import time
import unicodedata
from collections.abc import Iterable
from typing import Final

from hullo.terminal.state import (
    CallView,
    Caption,
    Contact,
    Notice,
    Outcome,
    PastCall,
    PhoneState,
    Quality,
    Recording,
    Side,
    VoiceMessage,
)

_QUIETEST: Final = -60.0
"""dBFS at the left end of a meter."""

_NEWS_SECONDS: Final = 20.0
_URGENT_SECONDS: Final = 120.0

_SILENT: Final = -90.0

_STATUS: Final = {
    "dialing": "calling ...",
    "ringing": "it rings at their end",
    "incoming": "CALLS YOU: a answers, d declines",
    "connecting": "connecting ...",
    "reconnecting": "Reconnecting ... nothing comes from them",
}

_OUTCOMES: Final = {
    Outcome.MISSED: "missed",
    Outcome.IN: "from",
    Outcome.OUT: "to",
    Outcome.NOT_REACHED: "no answer",
    Outcome.DECLINED: "declined",
    Outcome.NOT_TAKEN: "not taken",
}


def duration(seconds: float) -> str:
    """`1:05` or `1:02:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def when(at: float, now: float) -> str:
    """A moment (both Unix time in seconds): the time if it was today, else the day."""
    then = time.localtime(at)
    return time.strftime("%H:%M" if then[:3] == time.localtime(now)[:3] else "%d %b", then)


def header(state: PhoneState) -> str:
    """Who we are, and whether we can be reached."""
    who = state.own.person or "no name yet"
    reached = state.link or state.line_problem or "can be called"
    new = sum(message.is_new for message in state.messages)
    waiting = f" | {new} new voice message{'s' if new > 1 else ''}: p" if new else ""
    return f"hullo phone | {who} | {reached}{waiting}"


def call_lines(state: PhoneState, now: float) -> list[str]:
    """The call that is shown, or that ended last, in at most six lines."""
    call = state.shown or state.last
    if call is None:
        return ["no call", "", *_first_steps(state)]
    lines = [f"{'from' if call.incoming else 'to'} {call.peer} ({call.line}){_verified(call)}", _status(call, now)]
    if call.emoji and call.status != "ended":
        lines += emoji_lines(call.emoji)
    waiting = state.ringing
    if waiting is not None and waiting is not call:
        lines.append(f"{waiting.peer} CALLS YOU too: h hangs up here, d declines")
    return lines


def _first_steps(state: PhoneState) -> list[str]:
    if state.link or not state.own.person:
        return ["c calls somebody; ? shows all keys."]
    if not state.contacts:
        return ["No contacts yet. i shows your invite: send it to", "a friend. + adds a friend by their invite."]
    return ["Enter calls the contact that is marked."]


def mute_line(state: PhoneState, call: CallView) -> str:
    """Who can be heard."""
    if state.sound.call_id != call.call_id:
        return "you are MUTED" if call.muted else "NO SOUND here: its microphone and speaker are elsewhere, or none"
    theirs = "you hear NOTHING: no speaker" if state.sound.speaker.used is None else "you hear them"
    return f"{_ours(state, call)} | {'THEY MUTED THEMSELVES' if call.peer_muted else theirs}"


def _ours(state: PhoneState, call: CallView) -> str:
    if call.muted:
        return "you are MUTED"
    if state.sound.microphone.used is None:
        return "they hear NOTHING: no microphone"
    if state.push_to_talk:
        return "you TALK" if state.talking else "you are silent: hold Space to talk"
    return "they hear you"


def sound_lines(state: PhoneState, width: int) -> list[str]:
    """Who hears whom, how well, and over which devices."""
    call, sound = state.shown, state.sound
    lines = []
    if call is not None and call.status == "active":
        lines = [mute_line(state, call), quality_line(call.quality)]
    if not state.link:
        lines += [side_line("mic", sound.microphone, width), side_line("speaker", sound.speaker, width)]
    return [*lines, sound.problem] if sound.problem else lines


def captions_text(state: PhoneState) -> str:
    """What was said in the call that is shown or was the last, the latest first: it is what is read."""
    call = state.shown or state.last
    if call is None:
        return ""
    if call.talks and not call.captions:
        return "listening ..." if call.captioned else "l writes down what they say"
    return "\n".join(caption_line(each) for each in reversed(call.captions))


def notice_line(notice: Notice, now: float) -> str:
    """The latest news, as long as it is news; what is urgent says so."""
    if now - notice.at > (_URGENT_SECONDS if notice.urgent else _NEWS_SECONDS):
        return ""
    return f"! {notice.text}" if notice.urgent else notice.text


def quality_line(quality: Quality | None) -> str:
    """Loss in both directions, round trip and bit rate."""
    if quality is None:
        return "quality: measuring ..."
    theirs = "" if quality.their_loss_percent is None else f"/{quality.their_loss_percent:.1f}"
    parts = [f"lost {quality.loss_percent:.1f}{theirs} %"]
    if quality.round_trip_ms is not None:
        parts.append(f"round trip {quality.round_trip_ms:.0f} ms")
    if quality.kbit_per_second is not None:
        parts.append(f"Opus {quality.kbit_per_second:.0f} kbit/s")
    return ", ".join(parts)


def meter(level_dbfs: float | None, width: int) -> str:
    """A level as a bar of `width` cells and a figure; empty when nothing is measured."""
    if level_dbfs is None:
        return ""
    share = min(max(1 - level_dbfs / _QUIETEST, 0.0), 1.0)
    filled = round(share * width)
    figure = "silent" if level_dbfs < _SILENT else f"{level_dbfs:3.0f} dB"
    return f"[{'#' * filled}{'.' * (width - filled)}] {figure}"


def side_line(what: str, side: Side, width: int) -> str:
    """A microphone or speaker, the one in use or else the one that a call would get, cut to `width`."""
    bar = meter(side.level_dbfs, 10) if side.used is not None else ""
    start = f"{what:<7} {bar} " if bar else f"{what:<7} "
    return start + shortened(_device_name(side), max(width - len(start), 4))


def _device_name(side: Side) -> str:
    wanted = side.used or side.chosen
    if wanted is None:
        return next((device.name for device in side.devices if device.default), "none found")
    return next((device.name for device in side.devices if device.device_id == wanted), "the chosen one is missing")


def emoji_lines(emoji: Iterable[str]) -> list[str]:
    """The emoji to compare, and their names, for terminals that can't draw them and for reading aloud."""
    emoji = [*emoji]
    return ["compare  " + " ".join(emoji), "         " + ", ".join(emoji_name(each) for each in emoji)]


def emoji_name(emoji: str) -> str:
    """What to say aloud for an emoji, in Unicode's words without what all faces share."""
    name = unicodedata.name(emoji[0], "?").lower() if emoji else "?"
    return name.removesuffix(" face")


def caption_line(caption: Caption) -> str:
    """What was said, and by whom."""
    return f"{caption.speaker}: {caption.text}{'' if caption.final else ' ...'}"


def contact_line(contact: Contact, width: int) -> str:
    """A contact and how far it can be trusted."""
    return _in_columns(contact.person, contact_words(contact), width)


def contact_words(contact: Contact) -> str:
    """How far a contact can be trusted, in two words."""
    if contact.key_changed:
        return "KEY CHANGED"
    if contact.blocked:
        return "blocked"
    if not contact.contact:
        return "stranger"
    return "verified" if contact.verified else "not verified"


def past_call_line(call: PastCall, now: float, width: int) -> str:
    """A call of the history; `now` is Unix time."""
    talked = f" {duration(call.duration)}" if call.duration else ""
    return _in_columns(f"{_OUTCOMES[call.outcome]} {call.peer}", f"{talked} {when(call.at, now)}", width)


def message_line(message: VoiceMessage, now: float, width: int) -> str:
    """A voice message of the list, and what is said in it as far as there is room; `now` is Unix time."""
    state = ("NEW" if message.is_new else "heard") if message.received else message.delivery
    start = f"{'from' if message.received else 'to'} {message.peer} {duration(message.duration)}, {state}"
    words = f' "{message.transcript}"' if message.transcript else ""
    return _in_columns(start + words, when(message.at, now), width)


def playing_line(state: PhoneState) -> str:
    """How far the message is that is played."""
    message = next(
        (each for each in state.messages if state.playing and each.message_id == state.playing.message_id), None
    )
    if message is None or state.playing is None:
        return (
            "Enter plays a message, and stops it."
            if state.messages
            else "No voice messages. v, then Record, sends one."
        )
    return f"playing {message.peer}, {duration(state.playing.position)} of {duration(message.duration)}"


def recording_line(recording: Recording | None) -> str:
    """How a recording stands."""
    if recording is None:
        return "opening the microphone ..."
    if recording.problem:
        return f"{recording.state}, {duration(recording.elapsed)}: {recording.problem}"
    left = f", {recording.remaining:.0f} s left" if recording.remaining < 30 else ""
    return f"{recording.state}, {duration(recording.elapsed)}{left}  {meter(recording.level_dbfs, 20)}"


def shortened(text: str, width: int) -> str:
    """A text that fits, with dots where it was cut."""
    if len(text) <= width:
        return text
    return text[: max(width - 2, 0)] + ".." if width > 2 else text[: max(width, 0)]


def printable(text: str) -> str:
    """Text of others, so that it can't move the cursor."""
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)


def _in_columns(left: str, right: str, width: int) -> str:
    left = shortened(left, max(width - len(right) - 1, 6))
    return f"{left}{' ' * max(width - len(left) - len(right), 1)}{right}"


def _verified(call: CallView) -> str:
    if call.verified is None:
        return ""
    return ", verified" if call.verified else ", not verified: v compares"


def _status(call: CallView, now: float) -> str:
    if call.status == "ended":
        return f"over: {call.ending}{f', {duration(call.talked)}' if call.talked else ''}"
    if call.status == "active" and call.connected_at is not None:
        return f"talking, {duration(now - call.connected_at)}"
    return _STATUS.get(call.status, call.status)
