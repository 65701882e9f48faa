"""One call taken by `hullo answer`."""

import asyncio
import contextlib
from pathlib import Path

import hullo
from hullo.call import events
from hullo.call.call import Call
from hullo.cli.config import configuration
from hullo.cli.conversation import UNAVAILABLE, Held, check, conclude, hold, show, speech_of
from hullo.cli.conversation_options import Task
from hullo.cli.show import err, fail, give_up, plain
from hullo.lines.browser.guard import OpenToEverybody
from hullo.service.secret_file import SecretError, read_secret

_LISTENING_SECONDS = 5.0


def take(task: Task, listen: str | None, token_file: Path | None, config: Path | None) -> None:
    """Wait for a call, do what is asked for, and print the report. Ends the command if that can't be done."""
    check(task)
    settings = configuration(config)
    telegram = settings.telegram if settings.telegram.enabled else None
    direct = settings.direct if settings.direct.enabled else None
    if listen is None and telegram is None and direct is None:
        hint = "enable [direct] (docs/privacy.md) or [telegram] (docs/telegram.md), or say --listen HOST:PORT"
        fail("there is nothing to answer", hint)
    phone = hullo.Phone(
        listen=None if listen is None else _address(listen),
        telegram=telegram,
        token=None if token_file is None else _token(token_file),
        direct=direct,
        answer="ask",
        ice=settings.ice.options(),
        speech=speech_of(task, settings.speech),
    )
    try:
        held = asyncio.run(_answer(phone, task))
    except OpenToEverybody as error:
        fail(str(error), "a token is made by: umask 077; openssl rand -hex 32 > token; then say --token-file token")
    except UNAVAILABLE as error:
        give_up(error)
    conclude(held, task)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        fail(f"{listen} is no address to listen at", "write it as 127.0.0.1:8765")
    return host.strip("[]"), int(port)


def _token(file: Path) -> str:
    try:
        return read_secret(file)
    except SecretError as error:
        give_up(error)


async def _answer(phone: hullo.Phone, task: Task) -> Held:
    try:
        return await _hold_first(phone, task)
    except* OSError as errors:  # of a line, such as an address that is taken
        raise _first(errors) from None


async def _hold_first(phone: hullo.Phone, task: Task) -> Held:
    async with phone:
        told = phone.events()
        await _listening(phone)
        waiting_at = [line.address for line in phone.switchboard.line_statuses() if line.address]
        to = f" to {plain(' or '.join(waiting_at))}" if waiting_at else ""
        err.print(f"[dim]waiting for a call{to}; Ctrl-C ends this[/dim]", soft_wrap=True)
        call = await _ringing(phone, told, task)
        stream = call.events()
        call.accept()
        return await hold(call, stream, task)


async def _listening(phone: hullo.Phone) -> None:
    """Until the lines know their addresses, or have had time enough to."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LISTENING_SECONDS):
            while not all(line.ready for line in phone.switchboard.line_statuses()):  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.01)


def _first(errors: BaseExceptionGroup[OSError]) -> OSError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, OSError)
    return error


async def _ringing(phone: hullo.Phone, told: hullo.EventStream, task: Task) -> Call:
    """The first call that comes in; one may ring already."""
    for call in phone.switchboard.live():
        return call
    async for event in told:
        if isinstance(event, events.Incoming):
            show(event, task)
            return phone.switchboard.call(event.call_id)
    raise AssertionError("the switchboard closed while it was in use")
