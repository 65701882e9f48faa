"""Telegram's other data centres: the files of people who live there lie there (core.telegram.org/api/datacenter)."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from hullo.lines.telegram.account.client import MtprotoClient, OnLost, address_of
from hullo.lines.telegram.account.errors import ENDED, KEY_NOT_FOUND, LoginRefused, passes
from hullo.lines.telegram.account.foreign import Over, unless
from hullo.lines.telegram.port import TelegramError, TelegramUnreachable

_log = logging.getLogger(__name__)

OPEN_WITHIN: Final = 45.0
"""Seconds for a connection, a key, and the login."""
_EXPORTS: Final = 2
_NOT_LOGGED_IN: Final = ("AUTH_KEY_UNREGISTERED", "AUTH_KEY_INVALID", "SESSION_EXPIRED")

Export: TypeAlias = Callable[[int], Awaitable[Any]]
"""auth.exportAuthorization, for a data centre."""


class MainConnection(Protocol):
    """What is needed of the account's own data centre."""

    @property
    def client(self) -> MtprotoClient: ...

    @property
    def config(self) -> Any:
        """`help.config`; None before the first connection."""

    async def settled(self) -> None:
        """Wait until there is a connection, or the login has ended."""


class DataCentres:
    """One connection to each data centre but the account's own: opened when it is needed, closed when it is idle.

    Each has a key of its own, with which the account's login is imported. Key and login are kept until `run` ends.
    """

    def __init__(self, main: MainConnection, export: Export, *, reply: float, idle: float) -> None:
        self._main = main
        self._export = export
        self._reply = reply
        self._idle = idle
        self._centres: dict[int, _Centre] = {}
        self._running = False

    async def run(self) -> None:
        """Close what is idle until cancelled, and then everything."""
        self._running = True
        try:
            while True:
                await asyncio.sleep(self._idle / 2)
                for centre in [*self._centres.values()]:
                    await centre.close_if_idle(self._idle)
        finally:
            self._running = False
            for centre in self._centres.values():
                await centre.close()

    async def invoke(self, dc: int, function: Any) -> Any:
        """Call a method in another data centre, once.

        Raises `TelegramError`, of which `TelegramUnreachable` and `LoginRefused` name the data centre.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._reply):
                await self._main.settled()
        if self._main.config is None or not self._running:
            raise TelegramUnreachable("not connected")
        centre = self._centres.get(dc)
        if centre is None:
            centre = self._centres[dc] = self._new(dc)
        return await centre.invoke(function)

    def _new(self, dc: int) -> "_Centre":
        address = address_of(self._main.config, dc)
        if address is None:
            raise TelegramError("DC_ID_INVALID", 400)
        session = msgspec.structs.replace(
            self._main.client.session, dc=dc, host=address[0], port=address[1], auth_key=b"", user_id=0
        )
        return _Centre(dc, lambda on_lost: self._main.client.elsewhere(session, on_lost), self._export, self._reply)


class _Centre:
    """Another data centre."""

    def __init__(self, dc: int, make: Callable[[OnLost], MtprotoClient], export: Export, reply: float) -> None:
        self._dc = dc
        self._make = make
        self._export = export
        self._reply = reply
        self._client = make(self._connection_lost)
        self._logged_in = False
        self._changing = asyncio.Lock()
        self._lost: asyncio.Event | None = None
        self._failed = -math.inf
        self._under_way = 0
        self._used = 0.0

    async def invoke(self, function: Any) -> Any:
        """See `DataCentres.invoke`."""
        self._under_way += 1
        try:
            return await self._invoke(function)
        except LoginRefused:
            raise
        except TelegramError as error:
            if error.name not in _NOT_LOGGED_IN:
                raise
            self._logged_in = False  # no longer, though nobody told us
            return await self._invoke_again(function)
        finally:
            self._under_way -= 1
            self._used = _now()

    async def close(self) -> None:
        """Close the connection; key and login stay. Idempotent."""
        self._lost = None
        await self._client.close()

    async def close_if_idle(self, seconds: float) -> None:
        """Close the connection if nothing was asked for so long."""
        async with self._changing:
            if self._lost is not None and not self._under_way and _now() - self._used >= seconds:
                await self.close()

    async def _invoke(self, function: Any) -> Any:
        lost = await self._opened()
        try:
            return await unless(lost, self._client.invoke(function, self._reply))
        except (Over, TelegramUnreachable):
            lost.set()
            raise self._unreachable() from None

    async def _invoke_again(self, function: Any) -> Any:
        try:
            return await self._invoke(function)
        except TelegramError as error:
            raise LoginRefused(error, self._dc) if error.name in _NOT_LOGGED_IN else error from None

    async def _opened(self) -> asyncio.Event:
        """What is set when the connection, which is open now, is lost."""
        begun = _now()
        async with self._changing:
            if self._lost is not None and not self._lost.is_set() and self._logged_in:
                return self._lost
            if self._failed >= begun:  # who waits together fails together
                raise self._unreachable()
            await self._client.close()
            lost = self._lost = asyncio.Event()
            opened = False
            try:
                async with asyncio.timeout(OPEN_WITHIN):
                    await self._open()
                opened = True
            except (TimeoutError, TelegramUnreachable):
                self._failed = _now()
                raise self._unreachable() from None
            finally:
                if not opened:
                    await self.close()
            return lost

    async def _open(self) -> None:
        try:
            await self._client.connect()
        except TelegramError as error:
            if error.name != KEY_NOT_FOUND:
                raise
            await self._client.close()
            self._client = self._make(self._connection_lost)  # which makes another key
            self._logged_in = False
            await self._client.connect()
        if not self._logged_in:
            await self._log_in()
            self._logged_in = True
            _log.info("logged in at Telegram's data centre %d, for the files there", self._dc)

    async def _log_in(self) -> None:
        for left in reversed(range(_EXPORTS)):
            try:
                exported = await self._export(self._dc)
            except TelegramError as error:
                raise error if passes(error) or error.name in ENDED else LoginRefused(error, self._dc) from None
            login = self._client.function("auth.importAuthorization", id=exported.id, bytes=bytes(exported.bytes))
            try:
                await self._client.invoke(login, self._reply)
                return
            except TelegramError as error:
                if error.name == "AUTH_BYTES_INVALID" and left:
                    continue  # they are good for a short time only
                raise error if passes(error) else LoginRefused(error, self._dc) from None

    def _connection_lost(self, _error: TelegramError) -> None:
        if self._lost is not None:
            self._lost.set()

    def _unreachable(self) -> TelegramUnreachable:
        return TelegramUnreachable(f"data centre {self._dc} of Telegram's can't be reached: check the network")


def _now() -> float:
    return asyncio.get_running_loop().time()
