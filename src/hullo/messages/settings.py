"""The sections `[messages]` and `[voicemail]` of the configuration."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from hullo.folders import data_path
from hullo.messages.recorder_options import MAX_SECONDS, RecorderOptions
from hullo.section import SECTION, HomePath, Seconds


def default_folder() -> Path:
    """`$HULLO_MESSAGES`, else `$XDG_DATA_HOME/hullo/messages`, or `~/.local/share/hullo/messages`."""
    if named := os.environ.get("HULLO_MESSAGES"):
        return Path(named)
    return data_path("messages")


class MessagesConfig(BaseModel):
    """Voice messages: kept, sent and received, over the lines that are enabled."""

    model_config = SECTION

    enabled: bool = True
    """Whether messages are received and can be sent."""
    folder: HomePath = Field(default_factory=default_folder)
    """Where they are, readable by their owner only."""
    max_seconds: Seconds = MAX_SECONDS
    """Longest message that is recorded or sent."""
    transcripts: bool = True
    """Whether what is received is recognised, by `[speech]`."""
    delivered_receipts: bool = True
    """Whether the sender is told that a message has come (direct line)."""
    heard_receipts: bool = True
    """Whether the sender is told that it was heard."""

    def options(self) -> RecorderOptions:
        """How messages are recorded."""
        return RecorderOptions(max_seconds=self.max_seconds)


class VoicemailConfig(BaseModel):
    """An answering machine for calls on any line that nobody takes."""

    model_config = SECTION

    enabled: bool = False
    """Whether it answers."""
    after_seconds: Seconds = 20.0
    """How long it lets a call ring; must be less than `[calls] ring_seconds`."""
    greeting: Annotated[str, Field(max_length=1000)] = "Nobody can take your call now. Please leave a message."
    """What it says before the beep; empty: nothing."""
    greeting_file: HomePath | None = None
    """A sound file that it plays instead."""
    max_seconds: Seconds = 120.0
    """Longest message."""
    silence_seconds: Seconds = 8.0
    """It hangs up when the caller has been silent for so long."""

    @model_validator(mode="after")
    def _one_greeting(self) -> Self:
        if self.greeting_file is not None and "greeting" in self.model_fields_set:
            raise ValueError("greeting and greeting_file are both set: keep one of them")
        return self
