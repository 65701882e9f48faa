"""Everything that hearing and speaking report, as values that go to a gateway as they are.

Times named `at`, `started_at` and `ended_at` are seconds since the call's media began; fields ending in `_ms`
are durations. Each event has the tag `type`, so `msgspec.json.encode(event)` is complete.
"""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from hullo.speech.speaking.wording import TimingSource


class SpeechStarted(msgspec.Struct, frozen=True, tag="speech_started"):
    """The peer began to speak at `at`; said about 64 ms later, when it is certain enough."""

    at: float


class SpeechEnded(msgspec.Struct, frozen=True, tag="speech_ended"):
    """The peer stopped speaking at `at`; said one end pause later."""

    at: float


class Partial(msgspec.Struct, frozen=True, kw_only=True, tag="partial"):
    """What the turn that began at `started_at` seems to be so far: all of its words, which later ones may change."""

    text: str
    started_at: float


class Transcript(msgspec.Struct, frozen=True, kw_only=True, tag="transcript"):
    """What the peer said in one turn; `text` is never empty.

    `confidence` is 0 to 1, or None when the recogniser gives none; `language` is that which the recogniser found or
    was told, None when it does not say. `end_of_speech_ms` is the pause after the last sound of speech that ended the
    turn, `recognition_ms` the wait from there to this event: the part of recognition that was not done during the
    pause.
    """

    text: str
    confidence: float | None
    started_at: float
    ended_at: float
    end_of_speech_ms: float
    recognition_ms: float
    language: str | None = None


class NothingRecognised(msgspec.Struct, frozen=True, kw_only=True, tag="nothing_recognised"):
    """There was speech, but the recogniser found no words in it."""

    started_at: float
    ended_at: float
    end_of_speech_ms: float
    recognition_ms: float


class FailureKind(StrEnum):
    """Why speech was not recognised: the recogniser failed, or it was too slow and older speech was dropped."""

    FAILED = "failed"
    DROPPED = "dropped"


class RecognitionFailed(msgspec.Struct, frozen=True, kw_only=True, tag="recognition_failed"):
    """Speech that was heard but not recognised; `detail` says why, `dropped` counts what this call dropped so far."""

    kind: FailureKind
    started_at: float
    ended_at: float
    detail: str
    dropped: int = 0


class Speaking(msgspec.Struct, frozen=True, kw_only=True, tag="speaking"):
    """The first sound of an utterance was sent, `first_audio_ms` after it was asked for."""

    utterance_id: str
    text: str
    first_audio_ms: float


class Spoken(msgspec.Struct, frozen=True, kw_only=True, tag="spoken"):
    """An utterance was sent to its end; `gap_ms` is the silence inside it because the voice was late."""

    utterance_id: str
    text: str
    heard_ms: float
    gap_ms: float = 0.0


class Paused(msgspec.Struct, frozen=True, kw_only=True, tag="paused"):
    """An utterance is held because the peer seems to begin to speak; `heard_ms` of it had reached the peer's ear."""

    utterance_id: str
    heard_ms: float


class Resumed(msgspec.Struct, frozen=True, kw_only=True, tag="resumed"):
    """The peer did not mean to interrupt: the utterance goes on behind `heard_text`, `rewound_ms` before the cut."""

    utterance_id: str
    paused_ms: float
    rewound_ms: float
    heard_text: str
    word_timing: TimingSource


class Cause(StrEnum):
    """What interrupted: a request, the peer by speaking, or the end of the call."""

    REQUEST = "request"
    SPEECH = "speech"
    ENDED = "ended"


class Interrupted(msgspec.Struct, frozen=True, kw_only=True, tag="interrupted"):
    """An utterance was stopped, or dropped before its turn (`heard_ms` 0).

    `sent_ms` of it went out; `heard_ms` of that had reached the peer's ear. `heard_text` are the words that were
    over by then, and `word_timing` says where their times come from.
    """

    utterance_id: str
    text: str
    sent_ms: float
    heard_ms: float
    heard_text: str
    word_timing: TimingSource = TimingSource.ESTIMATE
    cause: Cause = Cause.REQUEST


class SpeakFailed(msgspec.Struct, frozen=True, kw_only=True, tag="speak_failed"):
    """An utterance could not be said (to its end); `detail` says why and what to do. The queue goes on."""

    utterance_id: str
    text: str
    heard_ms: float
    heard_text: str
    detail: str


class HostLoading(msgspec.Struct, frozen=True, kw_only=True, tag="host_loading"):
    """A speech host downloads `what` before it can start: `done` of `total` bytes (0: unknown) are there."""

    role: str
    what: str
    done: int
    total: int


class HostDown(msgspec.Struct, frozen=True, kw_only=True, tag="host_down"):
    """A speech host crashed, hung or did not start, or a server is away; the next try is in `retry_in_ms`."""

    role: str
    detail: str
    retry_in_ms: float


class HostUp(msgspec.Struct, frozen=True, kw_only=True, tag="host_up"):
    """A speech host or server is ready; `restarts` counts how often it had to be started again."""

    role: str
    restarts: int


QueueEvent: TypeAlias = Speaking | Spoken | Paused | Resumed | Interrupted | SpeakFailed
ListenerEvent: TypeAlias = SpeechStarted | SpeechEnded | Partial | Transcript | NothingRecognised | RecognitionFailed
HostEvent: TypeAlias = HostLoading | HostDown | HostUp
SpeechEvent: TypeAlias = ListenerEvent | QueueEvent | HostEvent
