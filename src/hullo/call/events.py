"""What happens to a call, as values: one type an event, tagged with the name that goes over JSON-RPC.

`timestamp` is Unix time in milliseconds; times called `..._at` are seconds since the call's sound began; ids are
strings. `seq` grows by one with each event of a call. `DROPPABLE` events are the first to go when a reader is slow.
"""

from typing import TypeAlias

import msgspec

from hullo.audio.devices.device import Device
from hullo.call.report import CallReport, TurnTimes
from hullo.lines.line import LegStats
from hullo.messages.info import MessageInfo
from hullo.messages.metadata import Direction
from hullo.speech.events import Cause
from hullo.speech.speaking.wording import TimingSource


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event says: which call, the how-manieth event of it, and when."""

    call_id: str
    seq: int
    timestamp: int


class Incoming(Event, frozen=True, kw_only=True, tag="call.incoming"):
    """Somebody calls us. With `[calls] answer = "ask"` it rings until `call.accept`, `call.reject` or the deadline."""

    line: str
    peer: str


class Ringing(Event, frozen=True, kw_only=True, tag="call.ringing"):
    """The far end rings."""

    line: str
    peer: str
    status: str = "ringing"


class Connected(Event, frozen=True, kw_only=True, tag="call.connected"):
    """Audio is proven in both directions."""

    line: str
    peer: str
    direction: str
    setup_ms: int
    """From the dialing (or our answer) to this event."""
    status: str = "active"
    emoji: tuple[str, ...] | None = None
    """Four emoji that the two people compare to know that nobody is in between; None on lines without."""
    version: str | None = None
    """Of the call protocol that the two apps agreed on; None on lines without."""
    verified: bool | None = None
    """Whether keys were compared with the peer, so that it is who the name says; None on lines without."""


class PeerMuted(Event, frozen=True, kw_only=True, tag="call.peer_muted"):
    """The peer has muted or unmuted itself; while it is muted its silence is meant."""

    muted: bool


class Bridged(Event, frozen=True, kw_only=True, tag="call.bridged"):
    """The peer is joined to somebody else than an agent, who keeps quiet from now on; or, with null, no more."""

    to: str | None
    """The id of the other call; `page` for a person at the page of `hullo web`, `handset` for one at this machine;
    `voicemail`."""


class SpeechStarted(Event, frozen=True, kw_only=True, tag="call.speech_started"):
    """The peer has begun to speak."""

    started_at: float


class SpeechEnded(Event, frozen=True, kw_only=True, tag="call.speech_ended"):
    """The peer has stopped speaking; `call.speech` follows when it was understood, else `call.unclear`, or the end."""

    ended_at: float


class Partial(Event, frozen=True, kw_only=True, tag="call.partial"):
    """What the peer seems to be saying: all words of the turn so far. `call.speech` has the final ones."""

    text: str
    transcript: str
    started_at: float
    is_final: bool = False


class Speech(Event, frozen=True, kw_only=True, tag="call.speech"):
    """What the peer said. `transcript` repeats `text` for gateways that look for that name.

    `language` is what the recogniser found or was told, such as `de`; null when it does not say.
    """

    text: str
    transcript: str
    confidence: float | None
    is_final: bool
    started_at: float
    ended_at: float
    times: TurnTimes
    language: str | None = None
    call_over: bool = False
    """Whether somebody has hung up already, so that nobody would hear an answer; `call.ended` follows."""


class Unclear(Event, frozen=True, kw_only=True, tag="call.unclear"):
    """The peer spoke, but no words were understood. A `call.error` of the recogniser comes before where that failed."""

    started_at: float
    ended_at: float
    times: TurnTimes


class Speaking(Event, frozen=True, kw_only=True, tag="call.speaking"):
    """The first sound of an utterance (or file) has gone out."""

    utterance_id: str
    text: str
    first_audio_ms: int
    """From the request to speak to this first sound."""


class Spoken(Event, frozen=True, kw_only=True, tag="call.spoken"):
    """An utterance has been said to its end; `heard_text` is all of it."""

    utterance_id: str
    text: str
    heard_text: str
    heard_ms: int


class Paused(Event, frozen=True, kw_only=True, tag="call.paused"):
    """The peer seems to begin to speak: we are silent until it is clear whether that is an interruption.

    `call.interrupted` follows if it is one, else `call.resumed`.
    """

    utterance_id: str
    heard_ms: int


class Resumed(Event, frozen=True, kw_only=True, tag="call.resumed"):
    """It was no interruption (a cough, an "mm-hm"): the utterance goes on at the beginning of the word it was in."""

    utterance_id: str
    paused_ms: int
    heard_text: str
    """The words before that one."""
    word_timing: TimingSource


class Interrupted(Event, frozen=True, kw_only=True, tag="call.interrupted"):
    """An utterance was cut short."""

    utterance_id: str
    text: str
    heard_text: str
    """The words that the peer has heard to their end; empty for an utterance that was dropped before its turn."""
    heard_ms: int
    word_timing: TimingSource = TimingSource.ESTIMATE
    """`voice`: the voice told when each word sounds; `aligned`: found in its sound; `estimate`: by the length of the
    words."""
    cause: Cause = Cause.REQUEST
    """`speech`: the peer interrupted by speaking; `request`: somebody asked for it; `ended`: the call was over."""


class Quality(Event, frozen=True, kw_only=True, tag="call.quality"):
    """The state of the sound, every few seconds."""

    stats: LegStats


class Reconnecting(Event, frozen=True, kw_only=True, tag="call.reconnecting"):
    """The path is lost: nothing comes from the peer any more, or nothing can be sent.

    The direct line looks for another path meanwhile, others wait for this one; the call ends when neither is there
    at its deadline (`[calls] lost_seconds`). A gap that is over within 0.25 s is not told.
    """

    quiet_ms: int
    status: str = "reconnecting"


class Reconnected(Event, frozen=True, kw_only=True, tag="call.reconnected"):
    """The path is back, or there is another one, after a gap."""

    gap_ms: int
    status: str = "active"


class Error(Event, frozen=True, kw_only=True, tag="call.error"):
    """Something failed and the call goes on: which part, what happened, whether it is being tried again."""

    component: str
    error: str
    retryable: bool
    utterance_id: str | None = None
    """What could not be said, or not to its end: no `call.spoken` or `call.interrupted` follows for it."""
    heard_text: str = ""
    """Its words that the peer has heard."""


class Ended(Event, frozen=True, kw_only=True, tag="call.ended"):
    """The call is over. `duration` counts seconds since `call.connected`, 0 if it never was."""

    reason: str
    detail: str
    duration: float
    report: CallReport
    status: str = "ended"


class LineNotice(Event, frozen=True, kw_only=True, tag="line.notice"):
    """A line tells what its user should know and what is no call: a missed call, a changed key, an attack.

    `call_id` is empty, `seq` counts the notices of the process. At most one a second of a kind about a person.
    """

    line: str
    kind: str
    """`missed-call`, `key-changed`, `forged`, `replayed`, `stranger`, `flood` ...; docs/privacy.md lists them."""
    person: str | None
    detail: str


class AudioChanged(Event, frozen=True, kw_only=True, tag="audio.changed"):
    """Devices of this machine came or went, or the handset uses others. `call_id` is empty, as in `line.notice`."""

    microphones: tuple[Device, ...]
    speakers: tuple[Device, ...]
    microphone: Device | None
    """The one in use by the handset."""
    speaker: Device | None
    detail: str
    """What happened, for people."""


class AudioLevels(Event, frozen=True, kw_only=True, tag="audio.levels"):
    """How loud microphone and speaker are, while `audio.levels` was asked for; -96.3 is silence."""

    microphone_dbfs: float
    speaker_dbfs: float


class MessageReceived(Event, frozen=True, kw_only=True, tag="message.received"):
    """A voice message has come, or was left on the answering machine. `call_id` is empty, as in `line.notice`."""

    message_id: str
    line: str | None
    peer: str | None
    transcript: str | None
    """What is said in it; null if it was not recognised."""
    message: MessageInfo


class MessageSent(Event, frozen=True, kw_only=True, tag="message.sent"):
    """A voice message of ours waits for its peer."""

    message_id: str
    message: MessageInfo


class MessageDelivered(Event, frozen=True, kw_only=True, tag="message.delivered"):
    """A device of the peer has a message of ours, and says so."""

    message_id: str
    message: MessageInfo


class MessageHeard(Event, frozen=True, kw_only=True, tag="message.heard"):
    """The peer has heard a message of ours, and says so."""

    message_id: str
    message: MessageInfo


class MessageFailed(Event, frozen=True, kw_only=True, tag="message.failed"):
    """A message could not be sent, or one that somebody sent can't be had."""

    message_id: str
    """Ours, or for one that was to come its sender's."""
    direction: Direction
    line: str | None
    peer: str | None
    detail: str


class MessageProgress(Event, frozen=True, kw_only=True, tag="message.progress"):
    """So many bytes of a message are there, on its way out or in."""

    message_id: str
    """Ours, or for one that comes its sender's."""
    peer: str
    received: int
    size: int


class MessageRecording(Event, frozen=True, kw_only=True, tag="message.recording"):
    """How a message that is being recorded here stands, several times a second."""

    recording_id: str
    state: str
    """`recording`, `paused`, `full` (nothing more is taken) or `broken` (the disk, or the microphone)."""
    elapsed: float
    """Seconds."""
    remaining: float
    """Seconds until it is full."""
    level_dbfs: float
    detail: str | None = None
    """What is wrong."""


class MessagePlaying(Event, frozen=True, kw_only=True, tag="message.playing"):
    """How far a message has been played by the speaker of this machine, some times a second."""

    message_id: str
    position: float
    """Seconds."""
    duration: float | None


class MessagePlayed(Event, frozen=True, kw_only=True, tag="message.played"):
    """A message is not played any more: it came to its end, was stopped, or can't be read any further."""

    message_id: str
    to_the_end: bool
    detail: str | None = None
    """What is wrong."""


CallEvent: TypeAlias = (
    Incoming
    | Ringing
    | Connected
    | PeerMuted
    | Bridged
    | SpeechStarted
    | SpeechEnded
    | Partial
    | Speech
    | Unclear
    | Speaking
    | Spoken
    | Paused
    | Resumed
    | Interrupted
    | Quality
    | Reconnecting
    | Reconnected
    | Error
    | Ended
    | LineNotice
    | AudioChanged
    | AudioLevels
    | MessageReceived
    | MessageSent
    | MessageDelivered
    | MessageHeard
    | MessageFailed
    | MessageProgress
    | MessageRecording
    | MessagePlaying
    | MessagePlayed
)

DROPPABLE = (Quality, Partial, LineNotice, AudioLevels, MessageProgress, MessageRecording, MessagePlaying)


def event_name(event_type: type[Event]) -> str:
    """The name of an event type over JSON-RPC, such as `call.speech`."""
    return str(event_type.__struct_config__.tag)
