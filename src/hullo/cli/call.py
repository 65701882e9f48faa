"""`hullo call`: call somebody from the shell, without a daemon."""

from pathlib import Path
from typing import Annotated

import typer

from hullo.cli.conversation_options import (
    JsonOption,
    PlayOption,
    RecordOption,
    SayOption,
    SpeechOption,
    StayOption,
    Task,
    TranscriptOption,
)


def call(
    to: Annotated[
        str,
        typer.Argument(
            help="whom to call: http://127.0.0.1:8765/call, a Telegram @name, user id or +number, or a contact's name"
        ),
    ],
    say: SayOption = None,
    play: PlayOption = None,
    record: RecordOption = None,
    transcript: TranscriptOption = None,
    stay: StayOption = 5.0,
    speech: SpeechOption = True,
    config: Annotated[
        Path | None,
        typer.Option(help="the TOML file with lines, recogniser and voice; else the default one"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Call TO, say or play something, show what is heard, and print the report of the call.

    Without --say and --play it listens until either side hangs up; Ctrl-C hangs up.
    """
    from hullo.cli.call_placing import place  # the help can do without all that a call needs

    place(to, Task(say or [], play or [], record, transcript, stay, speech, as_json), config)
