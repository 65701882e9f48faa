"""What can be asked of a call from the shell; apart from the call, because the help needs none."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

SayOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="what to say once connected; may be given several times")
]
PlayOption: TypeAlias = Annotated[
    list[Path] | None, typer.Option(help="a sound file to play; may be given several times")
]
RecordOption: TypeAlias = Annotated[Path | None, typer.Option(help="record both sides into this .wav or .opus file")]
TranscriptOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="write what both say into this .vtt file, timed by the recording")
]
StayOption: TypeAlias = Annotated[
    float, typer.Option(min=0.0, help="seconds to listen on after the last thing that was said")
]
SpeechOption: TypeAlias = Annotated[bool, typer.Option(help="recognise what is heard, and be able to --say")]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="one JSON object a line: events, and the report at the end")
]


@dataclass(frozen=True, slots=True)
class Task:
    """What the user wants of the call."""

    say: list[str]
    play: list[Path]
    record: Path | None
    transcript: Path | None
    stay: float
    speech: bool
    as_json: bool
