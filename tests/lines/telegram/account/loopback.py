"""Accounts that are logged in at a loopback Telegram, with either library."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from hullo.demo.loopback_telegram.crypto import ServerKey
from hullo.demo.loopback_telegram.server import LoopbackTelegram
from hullo.lines.telegram.account.account import Account
from hullo.lines.telegram.account.client import Server
from hullo.lines.telegram.account.link import MakeClient, Timing
from hullo.lines.telegram.account.opening import Library, client_maker
from hullo.lines.telegram.account.session_file import Session, SessionFile
from hullo.lines.telegram.port import AnyPhoneCall, PhoneUpdate, UpdatePhoneCall, UpdateSignalingData

API_ID = 12345
API_HASH = "0123456789abcdef0123456789abcdef"
ANNA, BERT, CLEO = 1001, 1002, 1003
PASSWORD = "correct horse"
DEADLINE = 30.0
PhoneCallT = TypeVar("PhoneCallT", bound=AnyPhoneCall)
QUICK = Timing(reply=8.0, ping_every=1.0, ping=2.0, reconnect_first=0.05, reconnect_most=0.2)

LIBRARIES: list[Library] = ["kurigram", "telethon"]
KEY = ServerKey.generate()


@contextlib.asynccontextmanager
async def loopback(within: float = 90.0, centres: tuple[int, ...] = (2,)) -> AsyncIterator[LoopbackTelegram]:
    """For so many seconds a server with Anna, Bert, who has a password, and Cleo; Anna and Bert know each other."""
    async with asyncio.timeout(within), LoopbackTelegram(key=KEY, centres=centres) as server:
        anna = server.add_member(ANNA, "Anna")
        bert = server.add_member(BERT, "Bert", password=PASSWORD)
        server.add_member(CLEO, "Cleo")
        anna.contacts.add(BERT)
        bert.contacts.add(ANNA)
        yield server


class Answers:
    """Somebody at the keyboard who reads the code on their other device; wrong answers first, if asked for."""

    def __init__(self, server: LoopbackTelegram, phone: str, *, wrong_codes: int = 0, wrong_passwords: int = 0) -> None:
        self._server = server
        self._phone = phone
        self._wrong_codes = wrong_codes
        self._wrong_passwords = wrong_passwords
        self.said: list[str] = []

    async def code(self, sent_to: str) -> str:
        self.said.append(f"code from {sent_to}")
        code = self._server.directory.code_sent_to(self._phone)
        if self._wrong_codes > 0:
            self._wrong_codes -= 1
            return "0" * 4 + str((int(code[-1]) + 1) % 10) if code.startswith("0000") else "00000"
        return code

    async def password(self, hint: str) -> str:
        self.said.append(f"password, hint {hint}")
        if self._wrong_passwords > 0:
            self._wrong_passwords -= 1
            return "wrong"
        return PASSWORD

    def wrong(self, what: str) -> None:
        self.said.append(what)


def where(server: LoopbackTelegram) -> Server:
    return Server(*server.address, public_key=server.key.public_pem)


def maker(library: Library, server: LoopbackTelegram) -> Callable[[Session], MakeClient]:
    return lambda session: client_maker(library, session, where(server))


def logged_in(server: LoopbackTelegram, user_id: int, folder: Path) -> SessionFile:
    """The session file of a login."""
    home = server.home(user_id)
    host, port = home.address
    file = SessionFile(folder / f"{user_id}.session")
    key = server.log_in(user_id)
    file.store(Session(api_id=API_ID, dc=home.number, host=host, port=port, auth_key=key, user_id=user_id))
    return file


class Running:
    """An account that runs, and the updates it handed on."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.updates: list[PhoneUpdate] = []
        self._changed = asyncio.Event()
        account.set_listener(self._take)

    def _take(self, update: PhoneUpdate) -> None:
        self.updates.append(update)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()

    async def online(self) -> None:
        await self.until(lambda: self.account.health().online)

    async def offline(self) -> None:
        await self.until(lambda: not self.account.health().online)

    async def phone_call(self, kind: type[PhoneCallT]) -> PhoneCallT:
        """The last phone call of that kind, once there is one."""
        await self.until(lambda: any(isinstance(one, kind) for one in self.calls))
        return next(one for one in reversed(self.calls) if isinstance(one, kind))

    @property
    def signals(self) -> list[bytes]:
        return [one.data for one in self.updates if isinstance(one, UpdateSignalingData)]

    @property
    def calls(self) -> list[AnyPhoneCall]:
        return [one.phone_call for one in self.updates if isinstance(one, UpdatePhoneCall)]


def opened(server: LoopbackTelegram, library: Library, file: SessionFile, timing: Timing = QUICK) -> Running:
    """The account of a session file, which does not run yet."""
    return Running(Account(client_maker(library, file.load(), where(server)), file, timing=timing))


@contextlib.asynccontextmanager
async def kept_running(running: Running) -> AsyncIterator[Running]:
    """Until the end of the block, and online."""
    task = asyncio.create_task(running.account.run())
    try:
        await running.online()
        yield running
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


@contextlib.asynccontextmanager
async def running(
    server: LoopbackTelegram, library: Library, file: SessionFile, timing: Timing = QUICK
) -> AsyncIterator[Running]:
    """The account of a session file, online."""
    async with kept_running(opened(server, library, file, timing)) as here:
        yield here


@contextlib.asynccontextmanager
async def two_accounts(
    server: LoopbackTelegram, anna: Library, bert: Library, folder: Path, timing: Timing = QUICK
) -> AsyncIterator[tuple[Running, Running]]:
    """Anna and Bert, online."""
    files = [logged_in(server, user, folder) for user in (ANNA, BERT)]
    async with running(server, anna, files[0], timing) as a, running(server, bert, files[1], timing) as b:
        yield a, b
