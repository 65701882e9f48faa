"""`hullo telegram`: log in to an account, and see how it stands."""

import asyncio
import contextlib
import getpass
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import typer
from rich.table import Table

from hullo.cli.config import configuration
from hullo.cli.show import err, fail, give_up, json_line, out, plain
from hullo.lines.telegram.account.login import LoginError, log_in
from hullo.lines.telegram.account.opening import LibraryMissing, client_maker, open_account
from hullo.lines.telegram.account.session_file import SessionFile, SessionFileError
from hullo.lines.telegram.account.settings import TelegramConfig
from hullo.lines.telegram.port import AccountHealth, User

ConfigOption: TypeAlias = Annotated[Path | None, typer.Option(help="the TOML file; see hullo config schema")]

_LOOK_FOR = 45.0

telegram = typer.Typer(no_args_is_help=True, help="The Telegram account: log in, and see how it stands.")


class TelegramStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `hullo telegram status` says."""

    online: bool
    detail: str
    account: str | None
    session: str
    library: str
    incoming: str
    calls_per_hour: int


@telegram.command()
def login(
    phone: Annotated[str | None, typer.Option(help="the number of the account, with the country code")] = None,
    config: ConfigOption = None,
) -> None:
    """Log in with a phone number, the code Telegram sends, and the password if there is one.

    Writes the session file, which is the key to the account: it needs no password any more.
    """
    settings = configuration(config).telegram
    if settings.api_id is None or settings.api_hash is None:
        fail("api_id and api_hash are missing in [telegram]", "get both at https://my.telegram.org; docs/telegram.md")
    file = SessionFile(settings.session)
    try:
        with file.locked(), _terminal_kept():
            user = asyncio.run(_log_in(settings, phone, file))
    except (LoginError, LibraryMissing, SessionFileError, OSError) as error:
        give_up(error)
    who = f"@{user.username}" if user.username else f"user {user.id}"
    out.print(f"logged in as [bold]{plain(who)}[/bold]; the session file is {plain(str(file.path))}")


@telegram.command()
def status(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print it as one JSON object")] = False,
) -> None:
    """Connect, and say how the account stands. Fails if it can't call."""
    settings = configuration(config).telegram
    try:
        health = asyncio.run(_look(settings))
    except (LibraryMissing, SessionFileError, OSError) as error:
        health = AccountHealth(online=False, detail=str(error))
    found = TelegramStatus(
        online=health.online,
        detail=health.detail,
        account=health.address,
        session=str(settings.session),
        library=settings.library,
        incoming=settings.incoming,
        calls_per_hour=settings.calls_per_hour,
    )
    if as_json:
        json_line(found)
    else:
        out.print(_table(found))
    if not found.online:
        raise typer.Exit(1)


class _Keyboard:
    """Asks the person at the terminal; the connection goes on meanwhile."""

    async def code(self, sent_to: str) -> str:
        return await _ask(f"the code that was sent to {sent_to}")

    async def password(self, hint: str) -> str:
        return await _ask(f"the password{f' (hint: {hint})' if hint else ''}", hidden=True)

    def wrong(self, what: str) -> None:
        err.print(f"[red]{plain(what)}[/red]")


async def _log_in(settings: TelegramConfig, phone: str | None, file: SessionFile) -> User:
    assert settings.api_id is not None
    assert settings.api_hash is not None
    server = settings.where()
    number = phone or await _ask("the phone number, with the country code")
    session, user = await log_in(
        lambda session: client_maker(settings.library, session, server),
        server,
        settings.api_id,
        settings.api_hash.get_secret_value(),
        number,
        _Keyboard(),
    )
    file.store(session)
    return user


async def _look(settings: TelegramConfig) -> AccountHealth:
    account = open_account(settings)
    running = asyncio.create_task(account.run())
    try:
        async with asyncio.timeout(_LOOK_FOR):
            return await account.settled()
    except TimeoutError:
        return account.health()
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _ask(question: str, *, hidden: bool = False) -> str:
    """One line from the terminal. A thread of its own waits for it, which Ctrl-C leaves behind."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def wait() -> None:
        line = _line(f"{question}: ", hidden)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_give, answer, line)

    threading.Thread(target=wait, daemon=True).start()
    return await answer


def _give(answer: "asyncio.Future[str]", line: str | None) -> None:
    if answer.done():
        return
    if line is None:
        answer.set_exception(LoginError("there is nobody to ask: run this in a terminal"))
    else:
        answer.set_result(line)


def _line(prompt: str, hidden: bool) -> str | None:
    """A line without its end, or None if there is nothing to read from any more."""
    try:
        if hidden and sys.stdin.isatty():
            return getpass.getpass(prompt)
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
    except (EOFError, OSError, ValueError):
        return None
    return line.strip() if line else None


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """The terminal shows again what is typed, even after Ctrl-C at a password."""
    try:
        before = termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _table(found: TelegramStatus) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    colour = "green" if found.online else "red"
    table.add_row("account", plain(found.account or "unknown"))
    table.add_row("state", f"[{colour}]{plain(found.detail)}[/{colour}]")
    table.add_row("session", plain(found.session))
    table.add_row("library", found.library)
    table.add_row("takes calls of", {"open": "everybody", "off": "nobody"}.get(found.incoming, found.incoming))
    table.add_row("places", f"at most {found.calls_per_hour} calls an hour")
    return table
