"""What is known of a call when it is over: who ended it and why, how fast it came about, how it sounded."""

import msgspec

from hullo.lines.line import Ending, LegReport, LegStats


class TurnTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time between the peer's last word and our first sound went; None for what has not happened (yet)."""

    end_of_speech_ms: int
    """From the last speech to the decision that the peer has finished."""
    recognition_ms: int
    """From that decision to the text."""
    gateway_ms: int | None = None
    """From the text to the request to speak."""
    first_audio_ms: int | None = None
    """From that request to our first sound."""

    @property
    def answer_ms(self) -> int | None:
        """From the peer's last word to our first sound, or None if there was no answer."""
        if self.gateway_ms is None or self.first_audio_ms is None:
            return None
        return self.end_of_speech_ms + self.recognition_ms + self.gateway_ms + self.first_audio_ms


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
    recordings: list[RecordingReport]
    errors: list[str]
    answer_to_first_audio_ms: int | None = None
    """From the answer to the first sound of ours; None if there was none."""
