"""`hullo call`: call somebody from the shell, without a daemon."""

import asyncio
import contextlib
from collections.abc import Iterator
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
from hullo.lines.direct.private.opening import Private, PrivateUnavailable, open_private
from hullo.lines.direct.private.settings import DirectConfig
from hullo.lines.direct.private.vault import VaultError
from hullo.lines.telegram.line import is_address
from hullo.speech.errors import SpeechError


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
    is_url, is_telegram = "://" in to, is_address(to)
    telegram = configuration(config).telegram if is_telegram else None
    direct = None if is_url or is_telegram else configuration(config).direct
    try:
        with _private(direct) as private:
            report = asyncio.run(_call(to, telegram, private, task))
    except (
        hullo.CallError,
        hullo.TelegramUnavailable,
        PrivateUnavailable,
        SpeechError,
        VaultError,
        OSError,
    ) as error:
        fail(str(error), getattr(error, "hint", ""))
    conclude(report, task)


@contextlib.contextmanager
def _private(direct: DirectConfig | None) -> Iterator[Private | None]:
    """The keys and contacts of the direct line, where it is wanted and configured."""
    if direct is None or not direct.enabled:
        yield None
        return
    with open_private(direct) as private:
        yield private


async def _call(
    to: str, telegram: hullo.TelegramConfig | None, private: Private | None, task: Task
) -> hullo.CallReport:
    channel = None if private is None else private.channel
    people = None if private is None else private.book
    async with hullo.Phone(telegram=telegram, channel=channel, people=people, speech=task.settings()) as phone:
        call = phone.dial(to)
        return await hold(call, call.events(), task)
