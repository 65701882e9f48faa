"""How the demo's caller reaches the agent: by HTTP and WebRTC, or through a Telegram of our own."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

_ANNA, _HULLO = 1001, 1002


class NetworkMissing(Exception):
    """What the network needs is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Network:
    """What both ends have to be told. `to` is the agent's address, None if its line says it itself."""

    line: str
    agent_config: str
    """Sections of the daemon's configuration file."""
    caller_config: str = ""
    to: str | None = None


@contextlib.asynccontextmanager
async def browser_network() -> AsyncIterator[Network]:
    """The agent takes calls at an HTTP address of its own."""
    yield Network("browser", '[browser]\nhost = "127.0.0.1"\nport = 0\n')


@contextlib.asynccontextmanager
async def telegram_network(folder: Path) -> AsyncIterator[Network]:
    """A Telegram on loopback that runs meanwhile, and two accounts: the caller's on Telethon, the agent's on kurigram.

    Their session files are written to `folder`. Raises `NetworkMissing`.
    """
    try:
        from hullo.demo.loopback_telegram.accounts import account_settings, as_toml
        from hullo.demo.loopback_telegram.server import LoopbackTelegram
    except ModuleNotFoundError as error:
        raise NetworkMissing(f'{error.name} is not installed: pip install "hullo[telegram]"') from None
    async with LoopbackTelegram() as server:
        server.add_member(_ANNA, "Anna")
        server.add_member(_HULLO, "Hullo").contacts.add(_ANNA)
        agent = account_settings(server, _HULLO, folder)
        caller = account_settings(server, _ANNA, folder, library="telethon")
        yield Network("telegram", f"[browser]\nenabled = false\n{as_toml(agent)}", as_toml(caller), "@hullo")
