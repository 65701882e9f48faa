"""`hullo answer`: wait for a call in the shell, and answer it, without a daemon."""

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


def answer(
    say: SayOption = None,
    play: PlayOption = None,
    record: RecordOption = None,
    transcript: TranscriptOption = None,
    stay: StayOption = 5.0,
    speech: SpeechOption = True,
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT where browsers and other hullos call, such as 127.0.0.1:8765")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="holds the token that callers send: for --listen at anything but 127.0.0.1")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="the TOML file; else the default one")] = None,
    as_json: JsonOption = False,
) -> None:
    """Wait for one call, answer it, say or play something, show what is heard, and print the report.

    Answers private calls and the Telegram account, where the configuration enables them, and where --listen says.
    Ctrl-C hangs up.
    """
    from hullo.cli.call_answering import take  # the help can do without all that a call needs

    take(Task(say or [], play or [], record, transcript, stay, speech, as_json), listen, token_file, config)
