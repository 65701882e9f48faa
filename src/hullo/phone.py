"""Everything that a process needs to call and be called, wired together."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from hullo.call.call import Call
from hullo.call.event_stream import EventStream
from hullo.call.exchange import Exchange
from hullo.call.limits import Limits
from hullo.call.message_news import tell
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.line import BrowserLine
from hullo.lines.direct.channel import SecureChannel
from hullo.lines.direct.line import DirectLine
from hullo.lines.direct.people import Contacts, People
from hullo.lines.direct.private.errors import PrivateUnavailable
from hullo.lines.direct.private.settings import DirectConfig
from hullo.lines.line import Line
from hullo.lines.telegram.account.account import Account
from hullo.lines.telegram.account.opening import LibraryMissing, open_account
from hullo.lines.telegram.account.safety import CallSafety
from hullo.lines.telegram.account.session_file import SessionFileError
from hullo.lines.telegram.account.settings import TelegramConfig
from hullo.lines.telegram.line import TelegramLine
from hullo.messages.messenger import Messenger
from hullo.messages.store import MessageStore
from hullo.messages.telegram_courier import telegram_courier
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import IceOptions, IceServer
from hullo.speech.settings import SpeechSettings

_ONLINE_SECONDS = 20.0


class TelegramUnavailable(Exception):
    """The Telegram account can't be used; the message says why and what to do."""


class Phone:
    """A phone with its lines, hearing and speech; an asynchronous context manager.

    `listen` is the host and port where calls come in, or None for a phone that only calls others by that line; `token`
    is what callers have to show there, `origins` are the pages that may call too, `tls` is for HTTPS, and
    `page_servers` are the STUN and TURN servers that callers with a token are told (RFC 9725 4.6), those of `ice`
    unless others are given. `dial_tokens` are the tokens to show to others, by origin such as `http://host:port`.
    `telegram` adds an account that `hullo telegram login` has logged in. `answer` is `auto` to answer at once, or `ask`
    to let each incoming call ring until `Call.accept`. `speech` is None for calls that carry sound but recognise and
    say nothing. `direct` adds private calls with the keys that `hullo contacts init` has made; or else `channel` is a
    messenger's own secure channel for them, and `people` whom its user knows. `messages` is a folder for voice
    messages, which are sent and received over `direct` and `telegram` then. Entering raises `SpeechError` when speech
    can't start, `TelegramUnavailable` and `PrivateUnavailable`. When the address to listen at is taken, the block is
    cancelled and ends with an `ExceptionGroup` of that `OSError`.
    """

    def __init__(
        self,
        *,
        listen: tuple[str, int] | None = None,
        telegram: TelegramConfig | None = None,
        answer: str = "auto",
        token: str | None = None,
        origins: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
        dial_tokens: Mapping[str, str] | None = None,
        speech: SpeechSettings | None = SpeechSettings(),  # noqa: B008  # frozen
        limits: Limits | None = None,
        ice: IceOptions = IceOptions(),  # noqa: B008  # frozen
        page_servers: Sequence[IceServer] | None = None,
        direct: DirectConfig | None = None,
        channel: SecureChannel | None = None,
        people: People | None = None,
        messages: Path | None = None,
    ) -> None:
        if direct is not None and channel is not None:
            raise ValueError("direct calls go either over our own channel (direct=...) or over another (channel=...)")
        self._listen = listen
        self._telegram = telegram
        self._answer = answer
        self._token = token
        self._origins = origins
        self._tls = tls
        self._dial_tokens = dial_tokens
        self._speech = speech
        self._limits = limits
        self._ice = ice
        self._page_servers = ice.servers if page_servers is None else page_servers
        self._direct = direct
        self._secure_channel = channel
        self._people = people or Contacts()
        self._message_folder = messages
        self._messenger: Messenger | None = None
        self._stack = AsyncExitStack()
        self._switchboard: Switchboard | None = None

    async def __aenter__(self) -> Self:
        exchange = Exchange(self._speech, limits=self._limits, answer=self._answer)
        account = None if self._telegram is None else _open(self._telegram)
        messenger = self._new_messenger(exchange)
        async with AsyncExitStack() as stack:
            if self._direct is not None:
                private = _private_line(self._direct, exchange, self._ice, messenger)
                exchange.switchboard.add(stack.enter_context(private))
            for line in self._lines(exchange, account, messenger):
                exchange.switchboard.add(line)
            await stack.enter_async_context(exchange)
            if messenger is not None:
                await stack.enter_async_context(_running(messenger))
            self._switchboard = await stack.enter_async_context(exchange.switchboard)
            if account is not None:
                await _until_online(account)
            self._stack = stack.pop_all()
        self._messenger = messenger
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Hang everything up and free it."""
        self._switchboard = self._messenger = None
        await self._stack.aclose()

    @property
    def switchboard(self) -> Switchboard:
        """All calls. Raises `RuntimeError` outside the `async with`."""
        if self._switchboard is None:
            raise RuntimeError("a Phone works inside its `async with`")
        return self._switchboard

    @property
    def messages(self) -> Messenger:
        """The voice messages; what becomes of them is among the `events`. Raises `RuntimeError` without a folder."""
        if self._messenger is None:
            raise RuntimeError("a Phone has messages inside its `async with`, and with messages=Path(...)")
        return self._messenger

    def dial(self, to: str | int) -> Call:
        """Begin a call to `to`: `http://host:port/call`, or a Telegram `@name`, user id or `+number` of a contact.

        Raises `CallRefused`.
        """
        return self.switchboard.dial(str(to))

    def incoming(self) -> AsyncIterator[Call]:
        """Incoming calls as they come."""
        return self.switchboard.incoming()

    def events(self, limit: int = 1000) -> EventStream:
        """The events of all calls from now on."""
        return self.switchboard.stream(limit)

    def _new_messenger(self, exchange: Exchange) -> Messenger | None:
        if self._message_folder is None:
            return None
        store = MessageStore(self._message_folder)
        return Messenger(store, lambda event: tell(exchange.switchboard, event), speech=exchange.speech)

    def _lines(self, exchange: Exchange, account: Account | None, messenger: Messenger | None) -> Iterator[Line]:
        clock = exchange.clock
        if (channel := self._secure_channel) is not None:
            yield DirectLine(channel, self._people, clock=clock, ice=self._ice, on_notice=exchange.direct_notice)
        yield self._browser_line(clock)
        if self._telegram is not None and account is not None:
            safety = CallSafety(self._telegram.rules())
            yield TelegramLine(account, safety, clock=clock)
            if messenger is not None:
                messenger.add(telegram_courier(account, safety))

    def _browser_line(self, clock: MediaClock) -> BrowserLine:
        host, port = self._listen or (None, 0)
        return BrowserLine(
            host,
            port,
            clock=clock,
            token=self._token,
            origins=self._origins,
            ice=self._ice,
            page_servers=self._page_servers,
            tls=self._tls,
            dial_tokens=self._dial_tokens,
        )


@contextlib.contextmanager
def _private_line(
    config: DirectConfig, exchange: Exchange, ice: IceOptions, messenger: Messenger | None
) -> Iterator[DirectLine]:
    from hullo.lines.direct.private.opening import open_private  # most phones can do without
    from hullo.lines.direct.private.vault import VaultError

    try:
        with open_private(config) as private:
            line = DirectLine(
                private.channel,
                private.book,
                clock=exchange.clock,
                ice=ice,
                on_notice=exchange.direct_notice,
                missed=private.missed,
            )
            if messenger is not None:
                from hullo.messages.direct.courier import direct_courier

                messenger.add(direct_courier(line, private.channel))
            yield line
    except VaultError as error:
        raise PrivateUnavailable(str(error)) from error


@contextlib.asynccontextmanager
async def _running(messenger: Messenger) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(messenger.run(), name="voice messages")
        yield
        task.cancel()


def _open(config: TelegramConfig) -> Account:
    try:
        return open_account(config)
    except (LibraryMissing, SessionFileError, OSError) as error:
        raise TelegramUnavailable(str(error)) from error


async def _until_online(account: Account) -> None:
    try:
        async with asyncio.timeout(_ONLINE_SECONDS):
            health = await account.settled()
    except TimeoutError:
        health = account.health()
    if not health.online:
        raise TelegramUnavailable(f"the Telegram account is not online: {health.detail}")
