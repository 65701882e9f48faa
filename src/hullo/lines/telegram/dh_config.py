"""Key pairs for calls, from the server's parameters, which are fetched again for each and checked once."""

import asyncio
import secrets

from hullo.lines.telegram.key_exchange import DhGroup, KeyExchangeError, KeyPair, check_group, make_key_pair
from hullo.lines.telegram.port import GetDhConfig, TelegramPort


class DhConfigSource:
    """Makes a fresh key pair for every call of an account."""

    def __init__(self, port: TelegramPort) -> None:
        self._port = port
        self._group: DhGroup | None = None
        self._version = 0

    async def key_pair(self) -> KeyPair:
        """Raises `KeyExchangeError` for parameters that can't be trusted, `TelegramError`."""
        config = await self._port.call(GetDhConfig(version=self._version))
        if config.p:
            self._group = await asyncio.to_thread(check_group, config.g, config.p)
            self._version = config.version
        if self._group is None:
            raise KeyExchangeError("the server says its parameters have not changed, but has never told them")
        return await asyncio.to_thread(make_key_pair, self._group, config.random, secrets.token_bytes)
