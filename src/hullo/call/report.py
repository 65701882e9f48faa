"""What is known of a call when it is over: who ended it and why, how fast it came about, how it sounded."""

import msgspec

from hullo.call.histogram import Histogram
from hullo.lines.line import Ending, LegReport, LegStats


class TurnTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time between the peer's last word and our first sound went; None for what has not happened (yet)."""

    end_of_speech_ms: int
    """The pause after the last speech by which the peer had finished."""
    recognition_ms: int
    """From there to the text."""
    gateway_ms: int | None = None
    """From the text to the request to speak."""
    first_token_ms: int | None = None
    """From that request to the first words to say: 0 unless the text comes in pieces."""
    first_audio_ms: int | None = None
    """From the first words that can be said, a text or a whole sentence, to our first sound."""
    answer_ms: int | None = None
    """From the peer's last word to our first sound."""
    heard_ms: int | None = None
    """From the peer's last word to our first sound at the peer's ear, as far as that can be told from here."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the peer said, and what we said to it."""

    heard: str
    started_at: float
    ended_at: float
    times: TurnTimes
    said: str | None = None


class RecordingReport(msgspec.Struct, frozen=True, kw_only=True):
    """A finished recording: `began` is the Unix time in seconds of its first sample (None: it holds none)."""

    path: str
    began: float | None
    dropped_ms: int
    transcript: str | None = None


class CallReport(msgspec.Struct, frozen=True, kw_only=True):
    """The account of one call.

    `stages` are seconds since it began: ringing, answered, connected, first_audio (the first sound of ours), ended.
    """

    call_id: str
    line: str
    peer: str
    direction: str
    began: int
    """Unix time in milliseconds."""
    duration: float
    ending: Ending
    stages: dict[str, float]
    leg: LegReport
    stats: LegStats
    turns: list[Turn]
    turn_times: dict[str, Histogram]
    """How the times of the turns are spread, by their names in `TurnTimes`."""
    recordings: list[RecordingReport]
    errors: list[str]
    answer_to_first_audio_ms: int | None = None
    """From the answer to the first sound of ours; None if there was none."""
