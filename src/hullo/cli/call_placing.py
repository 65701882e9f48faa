"""One call placed by `hullo call`."""

import asyncio
from pathlib import Path

import hullo
from hullo.cli.config import configuration
from hullo.cli.conversation import UNAVAILABLE, Held, check, conclude, hold, speech_of
from hullo.cli.conversation_options import Task
from hullo.cli.show import fail, give_up
from hullo.lines.telegram.line import is_address


def place(to: str, task: Task, config: Path | None) -> None:
    """Call `to`, do what is asked for, and print the report. Ends the command if that can't be done."""
    check(task)
    settings = configuration(config)
    is_url, is_telegram = "://" in to, is_address(to)
    telegram = settings.telegram if is_telegram else None
    direct = settings.direct if settings.direct.enabled and not is_url and not is_telegram else None
    if direct is None and telegram is None and not is_url:
        fail(f"{to} may be a contact, and private calls are not enabled", "enable [direct] (docs/privacy.md)")
    phone = hullo.Phone(
        telegram=telegram,
        direct=direct,
        dial_tokens=settings.browser.tokens(),
        ice=settings.ice.options(),
        speech=speech_of(task, settings.speech),
    )
    try:
        held = asyncio.run(_call(phone, to, task))
    except UNAVAILABLE as error:
        give_up(error)
    conclude(held, task)


async def _call(phone: hullo.Phone, to: str, task: Task) -> Held:
    async with phone:
        call = phone.dial(to)
        return await hold(call, call.events(), task)
