"""The connection of an account: kept alive, opened again when it is lost, until the login itself has ended."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from hullo.lines.telegram.account import translate
from hullo.lines.telegram.account.client import MtprotoClient, OnLost, OnUpdates, kind
from hullo.lines.telegram.account.errors import ENDED
from hullo.lines.telegram.account.foreign import Over, unless
from hullo.lines.telegram.port import TelegramError, TelegramUnreachable

MakeClient: TypeAlias = Callable[[OnUpdates, OnLost], MtprotoClient]
OnAnswer: TypeAlias = Callable[[list[Any], list[Any]], None]
"""Takes single updates and users, as TL objects."""

_DIFFERENCES = 10
_DIFFERENCE_OF_AT_MOST = 1000


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


class _UpdateState(msgspec.Struct, frozen=True):
    """How far the account's updates have been read; `date` as the library has it."""

    pts: int
    qts: int
    date: Any


class Link:
    """`run` owns the connection; requests wait for it."""

    def __init__(self, make_client: MakeClient, on_news: OnAnswer, timing: Timing) -> None:
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
        self._timing = timing
        self._online = asyncio.Event()
        self._attention = asyncio.Event()
        self._broken = asyncio.Event()
        self._lost: TelegramError | None = None
        self._gap = False
        self._state: _UpdateState | None = None

    @property
    def online(self) -> bool:
        """Whether requests go through, as far as is known."""
        return self._online.is_set()

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
        if self._state is None:
            await self._first_time()
        await self._catch_up()
        self.detail = "online"
        self._online.set()

    async def _first_time(self) -> None:
        mine = self.client.function("users.getUsers", id=[self.client.make("inputUserSelf")])
        self.me = next(iter(await self._ask(mine)))
        self._on_news([], [self.me])
        await self._read_state()

    async def _read_state(self) -> None:
        state = await self._ask(self.client.function("updates.getState"))
        self._state = _UpdateState(state.pts, state.qts, state.date)

    async def _watch(self) -> None:
        """Return when the login has ended. Raises `TelegramError` when the connection is lost."""
        while self.ended is None:
            self._attention.clear()
            if self._lost is not None:
                raise self._lost
            if self._gap:
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
        """Read what was said while we were away."""
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
                    state = answer.state if kind(answer) == "Difference" else answer.intermediate_state
                    self._state = _UpdateState(state.pts, state.qts, state.date)
                    self._on_news([*answer.other_updates, *answer.new_messages], list(answer.users))
                    if kind(answer) == "Difference":
                        return
                case "DifferenceTooLong":
                    await self._read_state()
                case _:
                    return

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
        else:
            self._on_news(list(translate.updates(updates)), list(getattr(updates, "users", ())))

    def _connection_lost(self, error: TelegramError) -> None:
        self._lost = error
        self._broken.set()
        self._online.clear()
        self._attention.set()
