"""`hullo call`: call somebody from the shell, without a daemon."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

import hullo
from hullo.cli.config import configuration
from hullo.cli.conversation import (
    JsonOption,
    PlayOption,
    RecordOption,
    SayOption,
    SpeechOption,
    StayOption,
    Task,
    conclude,
    hold,
)
from hullo.cli.show import fail
from hullo.lines.telegram.line import is_address
from hullo.speech.errors import SpeechError


def call(
    to: Annotated[
        str, typer.Argument(help="whom to call: http://127.0.0.1:8765/call, or a Telegram @name, user id or +number")
    ],
    say: SayOption = None,
    play: PlayOption = None,
    record: RecordOption = None,
    stay: StayOption = 5.0,
    speech: SpeechOption = True,
    config: Annotated[Path | None, typer.Option(help="the TOML file with the Telegram account")] = None,
    as_json: JsonOption = False,
) -> None:
    """Call TO, say or play something, show what is heard, and print the report of the call.

    Without --say and --play it listens until either side hangs up; Ctrl-C hangs up.
    """
    task = Task(say or [], play or [], record, stay, speech, as_json)
    task.check()
    telegram = configuration(config).telegram if is_address(to) else None
    try:
        report = asyncio.run(_call(to, telegram, task))
    except (hullo.CallError, hullo.TelegramUnavailable, SpeechError, OSError) as error:
        fail(str(error), getattr(error, "hint", ""))
    conclude(report, task)


async def _call(to: str, telegram: hullo.TelegramConfig | None, task: Task) -> hullo.CallReport:
    async with hullo.Phone(telegram=telegram, speech=task.settings()) as phone:
        call = phone.dial(to)
        return await hold(call, call.events(), task)
