"""The daemon: everything that a configuration asks for, started in order, run, and stopped in the other order."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from hullo.audio.settings import AudioConfig
from hullo.brain.attendant import Attendant
from hullo.brain.brain import BrainError
from hullo.call.exchange import Exchange
from hullo.call.message_news import tell
from hullo.call.switchboard import Switchboard
from hullo.lines.browser.guard import OpenToEverybody
from hullo.lines.browser.line import BrowserLine
from hullo.lines.direct.line import DirectLine
from hullo.lines.direct.private.errors import PrivateUnavailable
from hullo.lines.direct.private.opening import Private, open_private
from hullo.lines.direct.private.vault import VaultError
from hullo.lines.telegram.account.opening import LibraryMissing, open_account
from hullo.lines.telegram.account.safety import CallSafety
from hullo.lines.telegram.account.session_file import SessionFileError
from hullo.lines.telegram.line import TelegramLine
from hullo.messages.courier import MakeCourier
from hullo.messages.errors import MessageError
from hullo.messages.messenger import Messenger
from hullo.messages.settings import MessagesConfig
from hullo.messages.store import MessageStore
from hullo.messages.telegram_courier import telegram_courier
from hullo.rtc.clock import MediaClock
from hullo.service.answering_machine import AnsweringMachine
from hullo.service.audio_desk import AudioDesk
from hullo.service.config import BrowserConfig, Config, SpeechConfig
from hullo.service.history import CallHistory
from hullo.service.message_desk import MessageDesk
from hullo.service.method import Contacts
from hullo.service.metrics import Metrics
from hullo.service.metrics_server import serving_metrics
from hullo.service.page import serving_page
from hullo.service.secret_file import SecretError, read_key, read_secret
from hullo.service.server import RpcServer
from hullo.service.stdio import StdioError, open_stdio, until_stdin_ends
from hullo.service.tls import CertificateError, server_tls
from hullo.service.unix_socket import SocketError, listening
from hullo.speech.errors import SpeechError
from hullo.speech.settings import SpeechSettings

logger = logging.getLogger(__name__)

STOP_SECONDS = 10.0
"""From the request to stop to the end, calls hung up and hosts ended; what is not done by then is cut off."""

_LINES_SECONDS = 5.0

_EXPECTED = (
    BrainError,
    CertificateError,
    LibraryMissing,
    MessageError,
    OpenToEverybody,
    PrivateUnavailable,
    SecretError,
    SessionFileError,
    SocketError,
    SpeechError,
    StdioError,
    VaultError,
)
"""What a configuration can be wrong about; each says itself what to do."""


class ServeError(Exception):
    """The daemon can't run; the message says why and what to do."""


OnPage = Callable[[str], None]
"""Told the address of the page of `[web]`, secret included, once it is served."""


def run(config: Config, *, stdio: bool = False, attached: bool = False, on_page: OnPage | None = None) -> None:
    """Be the daemon of this process until it is told to stop. Raises `ServeError`.

    Serves the Unix socket of the configuration, or with `stdio` this process's parent on standard input and output.
    With `attached` it serves the socket as long as standard input is open: as long as the program that started it runs.
    """
    _configure_logging(config.log.level)
    asyncio.run(serve(config, stdio=stdio, attached=attached, on_page=on_page))


async def serve(config: Config, *, stdio: bool = False, attached: bool = False, on_page: OnPage | None = None) -> None:
    """The same within a running event loop: until SIGTERM, SIGINT, or with either the end of standard input."""
    try:
        async with asyncio.timeout(None) as deadline, AsyncExitStack() as stack:
            stopping = stack.enter_context(_stop_signals(deadline))
            if attached:
                stack.enter_context(until_stdin_ends(stopping))
            streams = await open_stdio() if stdio else None
            try:
                async with asyncio.timeout(None) as start, _running(_cut_off(start, stopping), "start"):
                    server = await stack.enter_async_context(_service(config, stdio, on_page))
            except TimeoutError:
                logger.info("stopping before the start is over")
                return
            if streams is not None:
                server.serve(*streams).add_done_callback(lambda _: stopping.set())
            logger.info("ready")
            await stopping.wait()
            logger.info("stopping")
            _finish_soon(deadline)
    except* SpeechError as errors:
        raise ServeError(f"{_first(errors)}; or set [speech] enabled = false to do without") from None
    except* _EXPECTED as errors:
        raise ServeError(_first(errors)) from None
    except* TimeoutError:
        raise ServeError("cut off before everything had ended") from None
    except* OSError as errors:
        raise ServeError(f"{_first(errors)}: is another daemon running, or another program on that port?") from None


@contextlib.asynccontextmanager
async def _service(config: Config, stdio: bool, on_page: OnPage | None) -> AsyncIterator[RpcServer]:
    """Everything between the configuration and the first client. What others need comes first and goes last."""
    async with AsyncExitStack() as stack:
        listener = None if stdio else stack.enter_context(listening(config.rpc.socket))
        exchange = Exchange(_speech_settings(config.speech), limits=config.calls.limits(), answer=config.calls.answer)
        board = exchange.switchboard
        messages = _messenger(config.messages, exchange) if config.messages.enabled else None
        browser = _browser_line(config, exchange.clock)
        if config.browser.enabled or config.web.enabled:
            board.add(browser)
        if config.telegram.enabled:
            _add_telegram(config, exchange, messages)
        private = stack.enter_context(open_private(config.direct)) if config.direct.enabled else None
        contacts = None
        if private is not None:
            contacts = Contacts(private.desk, private.link, private.missed, private.devices, private.unlink)
            _add_direct(config, private, exchange, messages)
        history = CallHistory(config.calls.history, None if private is None else private.vault)
        await stack.enter_async_context(exchange)
        audio = None
        if config.audio.enabled:
            audio = await stack.enter_async_context(_audio_desk(config.audio, board))
        message_desk = None
        if audio is not None and messages is not None:
            message_desk = await stack.enter_async_context(MessageDesk(messages, audio.devices, board))
        server = await stack.enter_async_context(
            RpcServer(
                board,
                exchange.speech,
                contacts=contacts,
                history=history,
                audio=audio,
                messages=messages,
                message_desk=message_desk,
                max_clients=config.rpc.max_clients,
            )
        )
        page = None
        if config.web.enabled:
            tls = server_tls(config.web.certificate, config.web.key)
            page = await stack.enter_async_context(serving_page(config.web, board, browser, server, tls))
        await stack.enter_async_context(history.keeping(board))
        if messages is not None:
            await stack.enter_async_context(_running(messages.run(), "voice messages"))
        await stack.enter_async_context(board)
        for work, name in _takers(config, board, messages):
            await stack.enter_async_context(_running(work, name))
        if config.metrics.enabled:
            await stack.enter_async_context(_metrics(config, exchange, server))
        if waiting := await exchange.lines_ready(_LINES_SECONDS):
            logger.warning("starting without: %s", ", ".join(line.name for line in waiting))
        if listener is not None:
            await server.listen(listener)
            logger.info("listening at %s", config.rpc.socket)
        if page is not None:
            logger.info("page at %s", server.page)
            if on_page is not None:
                on_page(page)
        yield server


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Have work done as long as the context lasts; a failure of it ends the context."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work, name=name)
        yield
        task.cancel()


def _speech_settings(config: SpeechConfig) -> SpeechSettings:
    # Without speech there is still the queue that plays files.
    return config.settings(read_key) if config.enabled else SpeechSettings(recogniser=None, voice=None)


def _add_telegram(config: Config, exchange: Exchange, messages: Messenger | None) -> None:
    account, safety = open_account(config.telegram), CallSafety(config.telegram.rules())
    exchange.switchboard.add(TelegramLine(account, safety, clock=exchange.clock))
    if messages is not None:
        messages.add(telegram_courier(account, safety, heard=config.messages.heard_receipts))


def _add_direct(config: Config, private: Private, exchange: Exchange, messages: Messenger | None) -> None:
    line = _direct_line(config, private, exchange)
    exchange.switchboard.add(line)
    if messages is not None:
        messages.add(_direct_courier(config.messages, line, private))


def _takers(
    config: Config, board: Switchboard, messages: Messenger | None
) -> Iterator[tuple[Coroutine[Any, Any, None], str]]:
    """Who answers calls in this process, and what it is called: the answering machine, and a brain."""
    if messages is not None and config.voicemail.enabled:
        yield AnsweringMachine(board, messages, config.voicemail).run(), "voicemail"
    make = config.brain.maker(read_key)
    if make is not None:
        settings = replace(config.brain.attendant(), words=config.speech.floor_words())
        yield Attendant(board, make, settings).run(), "attendant"


def _audio_desk(config: AudioConfig, board: Switchboard) -> AudioDesk:
    return AudioDesk(config.devices(), board, processing=config.processing(), push_to_talk=config.push_to_talk)


def _messenger(config: MessagesConfig, exchange: Exchange) -> Messenger:
    return Messenger(
        MessageStore(config.folder),
        lambda event: tell(exchange.switchboard, event),
        speech=exchange.speech,
        transcripts=config.transcripts,
        options=config.options(),
    )


def _direct_courier(config: MessagesConfig, line: DirectLine, private: Private) -> MakeCourier:
    from hullo.messages.direct.courier import direct_courier  # needs a package that not everybody has

    return direct_courier(line, private.channel, delivered=config.delivered_receipts, heard=config.heard_receipts)


def _direct_line(config: Config, private: Private, exchange: Exchange) -> DirectLine:
    return DirectLine(
        private.channel,
        private.book,
        clock=exchange.clock,
        ice=config.ice.options(),
        most_calls=config.direct.calls_at_once,
        on_notice=exchange.direct_notice,
        missed=private.missed,
    )


def _browser_line(config: Config, clock: MediaClock) -> BrowserLine:
    """The line for browsers; if only the page of `[web]` needs it, it does not listen itself."""
    browser = config.browser
    return BrowserLine(
        browser.host if browser.enabled else None,
        browser.port,
        clock=clock,
        token=_token(browser) if browser.enabled else None,
        origins=browser.allowed_origins,
        ice=config.ice.options(),
        page_servers=config.ice.page_servers(),
        tls=server_tls(browser.certificate, browser.key) if browser.enabled else None,
        dial_tokens=browser.tokens(),
    )


def _token(config: BrowserConfig) -> str | None:
    if config.token_file is not None:
        return read_secret(config.token_file)
    return None if config.token is None else config.token.get_secret_value()


@contextlib.asynccontextmanager
async def _metrics(config: Config, exchange: Exchange, server: RpcServer) -> AsyncIterator[None]:
    metrics = Metrics(exchange.switchboard, exchange.clock, lambda: server.clients)
    async with (
        serving_metrics(metrics, config.metrics.host, config.metrics.port) as url,
        asyncio.TaskGroup() as tasks,
    ):
        counting = tasks.create_task(metrics.run())
        logger.info("metrics at %s", url)
        yield
        counting.cancel()


@contextlib.contextmanager
def _stop_signals(deadline: asyncio.Timeout) -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set while the context lasts; a second one cuts everything off."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            with contextlib.suppress(RuntimeError):  # it was over a moment before
                deadline.reschedule(loop.time())
        else:
            stopping.set()
            _finish_soon(deadline)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _cut_off(work: asyncio.Timeout, stopping: asyncio.Event) -> None:
    await stopping.wait()
    work.reschedule(asyncio.get_running_loop().time())


def _finish_soon(deadline: asyncio.Timeout) -> None:
    if deadline.when() is None:
        deadline.reschedule(asyncio.get_running_loop().time() + STOP_SECONDS)


def _configure_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    if level != "debug":
        for name in ("aioice", "aiortc", "aiohttp.access"):  # they name addresses of peers
            logging.getLogger(name).setLevel(logging.WARNING)


def _first(errors: BaseExceptionGroup) -> str:
    """The message of the first error within."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
