"""An account by the name of its client library, which is imported then and not before."""

import importlib
from typing import Literal, TypeAlias

from hullo.lines.telegram.account.account import Account
from hullo.lines.telegram.account.client import MtprotoClient, OnLost, OnUpdates, Server
from hullo.lines.telegram.account.link import MakeClient, Timing
from hullo.lines.telegram.account.session_file import Session, SessionFile
from hullo.lines.telegram.account.settings import TelegramConfig

Library: TypeAlias = Literal["kurigram", "telethon"]

_CLIENTS = {"kurigram": ("kurigram_client", "KurigramClient"), "telethon": ("telethon_client", "TelethonClient")}


class LibraryMissing(Exception):
    """The client library is not installed; the message says how to get it."""


def open_account(config: TelegramConfig, *, timing: Timing = Timing()) -> Account:  # noqa: B008  # frozen
    """The account of the session file. Raises `SessionFileError`, `LibraryMissing`, `OSError`."""
    file = SessionFile(config.session)
    return Account(client_maker(config.library, file.load(), config.where()), file, timing=timing)


def client_maker(library: Library, session: Session, server: Server) -> MakeClient:
    """How to make a client of that library. Raises `LibraryMissing`."""
    module, name = _CLIENTS[library]
    try:
        importlib.import_module("gmpy2")  # which the key exchange of a call needs
        client = getattr(importlib.import_module(f"hullo.lines.telegram.account.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("hullo"):
            raise
        missing = error.name if error.name == "gmpy2" else library
        raise LibraryMissing(f'{missing} is not installed: pip install "hullo[telegram]"') from None

    def make(on_updates: OnUpdates, on_lost: OnLost) -> MtprotoClient:
        made: MtprotoClient = client(session, server, on_updates, on_lost)
        return made

    return make
