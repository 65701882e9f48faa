"""The connection of an account: kept alive, opened again when it is lost, until the login itself has ended."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from hullo.lines.telegram.account import translate
from hullo.lines.telegram.account.client import MtprotoClient, OnLost, OnUpdates, kind
from hullo.lines.telegram.account.errors import ENDED
from hullo.lines.telegram.account.foreign import Over, unless
from hullo.lines.telegram.account.update_state import UpdateState
from hullo.lines.telegram.port import TelegramError, TelegramUnreachable

MakeClient: TypeAlias = Callable[[OnUpdates, OnLost], MtprotoClient]
OnAnswer: TypeAlias = Callable[[list[Any], list[Any]], bool]
"""Takes single updates and users, as TL objects; whether there was something that must not be told again."""
OnRead: TypeAlias = Callable[[UpdateState], None]
"""Told how far the updates have been read, once all of them were handed on."""

_log = logging.getLogger(__name__)

_DIFFERENCES = 50
_DIFFERENCE_OF_AT_MOST = 5000
_REFUSED_FOR = 60.0


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long an account waits for what, in seconds."""

    reply: float = 15.0
    """For an answer, and for a connection to ask over."""
    ping_every: float = 10.0
    ping: float = 8.0
    """For the answer to a ping, before the connection is given up."""
    reconnect_first: float = 0.1
    reconnect_most: float = 15.0
    """Between attempts to connect: doubled from the first to the most."""
    idle: float = 60.0
    """Until a connection to another data centre is closed that nobody uses."""
    catch_up: float = 900.0
    """Between two times that the server is asked for updates that did not come by themselves."""


class Link:
    """`run` owns the connection; requests wait for it."""

    def __init__(self, make_client: MakeClient, on_news: OnAnswer, on_read: OnRead, timing: Timing) -> None:
        self.client = make_client(self._take, self._connection_lost)
        self.config: Any = None
        """`help.config`, from the first connection on."""
        self.me: Any = None
        """Our own `user`, from the first connection on."""
        self.ended: TelegramError | None = None
        """Why this login will never be online again."""
        self.over = asyncio.Event()
        """Set with `ended`."""
        self.detail = "not started"
        self._on_news = on_news
        self._on_read = on_read
        self._timing = timing
        self._online = asyncio.Event()
        self._attention = asyncio.Event()
        self._broken = asyncio.Event()
        self._lost: TelegramError | None = None
        self._gap = False
        self._state: UpdateState | None = None
        self._due = 0.0
        self._not_before = 0.0

    @property
    def online(self) -> bool:
        """Whether requests go through, as far as is known."""
        return self._online.is_set()

    def begin_at(self, state: UpdateState | None) -> None:
        """Read the updates from there on, not from the first connection; before `run`."""
        self._state = state

    async def run(self) -> None:
        """Keep the connection until the login has ended or until cancelled; nothing is left open then."""
        pause = self._timing.reconnect_first
        try:
            while self.ended is None:
                try:
                    await self._connect()
                    pause = self._timing.reconnect_first
                    await self._watch()
                except TelegramError as error:
                    self._offline(error)
                    await self._pause(max(pause, error.retry_after or 0.0))
                    pause = min(pause * 2, self._timing.reconnect_most)
        finally:
            self._online.clear()
            await self.client.close()

    async def invoke(self, function: Any) -> Any:
        """Call a method, once; waits for a connection first, and through the loss of one.

        Raises `TelegramError`, `TelegramUnreachable`.
        """
        try:
            async with asyncio.timeout(self._timing.reply):
                await self.settled()
                if self.ended is not None:
                    raise self.ended
                return await self.client.invoke(function, self._timing.reply)
        except TimeoutError:
            self._doubt()
            raise TelegramUnreachable("no answer from Telegram in time" if self.online else self.detail) from None
        except TelegramUnreachable:
            self._doubt()
            raise
        except TelegramError as error:
            if error.name in ENDED:
                self.end(error, ENDED[error.name])
            raise

    async def settled(self) -> None:
        """Wait until there is a connection, or the login has ended."""
        if self.ended is None:
            await self._online.wait()

    def end(self, error: TelegramError, detail: str) -> None:
        """This login is over: requests fail with `error` from now on, those that wait too."""
        self.ended = error
        self.detail = detail
        self.over.set()
        self._attention.set()
        self._online.set()
        self._online.clear()

    async def _connect(self) -> None:
        self._lost = None
        self._broken.clear()
        self.detail = "connecting"
        self.config = await self.client.connect()
        if self.me is None:
            await self._first_time()
        if self._state is None:
            await self._read_state()
        await self._catch_up()
        self.detail = "online"
        self._online.set()

    async def _first_time(self) -> None:
        mine = self.client.function("users.getUsers", id=[self.client.make("inputUserSelf")])
        self.me = next(iter(await self._ask(mine)))
        self._on_news([], [self.me])

    async def _read_state(self) -> None:
        self._state = _state_from(await self._ask(self.client.function("updates.getState")))

    async def _watch(self) -> None:
        """Return when the login has ended. Raises `TelegramError` when the connection is lost."""
        while self.ended is None:
            self._attention.clear()
            if self._lost is not None:
                raise self._lost
            if self._not_before <= _now() and (self._gap or self._due <= _now()):
                await self._catch_up()
            if not self._online.is_set():
                await self._ping()
            try:
                async with asyncio.timeout(self._timing.ping_every):
                    await self._attention.wait()
            except TimeoutError:
                await self._ping()

    async def _ping(self) -> None:
        ping_id = int(asyncio.get_running_loop().time() * 1e6)
        await self._while_connected(self.client.function("ping", ping_id=ping_id), self._timing.ping)
        self._online.set()

    def _doubt(self) -> None:
        """No answer: nothing more is sent until a ping has proved that it makes sense."""
        if self.ended is None:
            self._online.clear()
            self._attention.set()

    async def _catch_up(self) -> None:
        """Read what was said while we were away; what is refused is asked for again later, and stops nothing else."""
        try:
            await self._read_differences()
        except TelegramUnreachable:
            raise
        except TelegramError as error:
            if error.name in ENDED:
                raise
            _log.warning("Telegram does not tell what came while the account was away: %s", error)
            if error.code == 400:  # it does not know any more how far we were
                await self._read_state()
            self._not_before = _now() + (error.retry_after or _REFUSED_FOR)
        else:
            assert self._state is not None
            self._on_read(self._state)
        self._due = _now() + self._timing.catch_up

    async def _read_differences(self) -> None:
        for _ in range(_DIFFERENCES):
            self._gap = False
            assert self._state is not None
            answer = await self._ask(
                self.client.function(
                    "updates.getDifference",
                    pts=self._state.pts,
                    qts=self._state.qts,
                    date=self._state.date,
                    pts_total_limit=_DIFFERENCE_OF_AT_MOST,
                )
            )
            match kind(answer):
                case "Difference" | "DifferenceSlice":
                    self._on_news([*answer.other_updates, *answer.new_messages], list(answer.users))
                    if kind(answer) == "Difference":
                        self._state = _state_from(answer.state)
                        return
                    self._state = _state_from(answer.intermediate_state)
                case "DifferenceTooLong":
                    _log.warning("too much came while the account was away: it is left to the apps")
                    await self._read_state()
                case _:
                    return
        self._gap = True  # and there is still more

    async def _ask(self, function: Any) -> Any:
        return await self._while_connected(function, self._timing.reply)

    async def _while_connected(self, function: Any, timeout: float) -> Any:
        """Call a method on this connection only. Raises `TelegramError`, also when the connection is lost."""
        try:
            return await unless(self._broken, self.client.invoke(function, timeout))
        except Over:
            raise self._lost or TelegramUnreachable("the connection to Telegram is lost") from None

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the login ends meanwhile."""
        self._attention.clear()
        if self.ended is None:
            try:
                async with asyncio.timeout(seconds):
                    await self._attention.wait()
            except TimeoutError:
                pass

    def _offline(self, error: TelegramError) -> None:
        self._online.clear()
        if error.name in ENDED:
            self.end(error, ENDED[error.name])
        elif isinstance(error, TelegramUnreachable):
            self.detail = error.detail
        else:
            self.detail = f"Telegram refuses the connection: {error}"

    def _take(self, updates: Any) -> None:
        if kind(updates) == "UpdatesTooLong":
            self._gap = True
            self._attention.set()
        elif self._on_news(list(translate.updates(updates)), list(getattr(updates, "users", ()))):
            self._gap = True  # so that a new start is not told the same
            self._attention.set()

    def _connection_lost(self, error: TelegramError) -> None:
        self._lost = error
        self._broken.set()
        self._online.clear()
        self._attention.set()


def _state_from(state: Any) -> UpdateState:
    date = state.date
    return UpdateState(state.pts, state.qts, int(date.timestamp()) if isinstance(date, datetime) else date)


def _now() -> float:
    return asyncio.get_running_loop().time()
