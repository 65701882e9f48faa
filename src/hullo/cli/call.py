"""`hullo call`: call somebody from the shell, without a daemon."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

import hullo
from hullo.cli.config import configuration
from hullo.cli.conversation import (
    UNAVAILABLE,
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
from hullo.cli.show import fail, give_up
from hullo.lines.telegram.line import is_address


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
    stay: StayOption = 5.0,
    speech: SpeechOption = True,
    config: Annotated[
        Path | None, typer.Option(help="the TOML file with the Telegram account and the private calls")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Call TO, say or play something, show what is heard, and print the report of the call.

    Without --say and --play it listens until either side hangs up; Ctrl-C hangs up.
    """
    task = Task(say or [], play or [], record, stay, speech, as_json)
    task.check()
    settings = configuration(config)
    is_url, is_telegram = "://" in to, is_address(to)
    telegram = settings.telegram if is_telegram else None
    direct = settings.direct if settings.direct.enabled and not is_url and not is_telegram else None
    if direct is None and telegram is None and not is_url:
        fail(f"{to} may be a contact, and private calls are not enabled", "enable [direct] (docs/privacy.md)")
    phone = hullo.Phone(telegram=telegram, direct=direct, ice=settings.ice.options(), speech=task.settings())
    try:
        report = asyncio.run(_call(phone, to, task))
    except UNAVAILABLE as error:
        give_up(error)
    conclude(report, task)


async def _call(phone: hullo.Phone, to: str, task: Task) -> hullo.CallReport:
    async with phone:
        call = phone.dial(to)
        return await hold(call, call.events(), task)
