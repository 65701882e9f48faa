"""How the message commands send and fetch: through the daemon if one runs, which holds the keys, or by themselves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from hullo.cli.show import err, fail
from hullo.daemon_client import DaemonClient, DaemonError, NoDaemon
from hullo.lines.direct.private.errors import PrivateUnavailable
from hullo.lines.direct.private.opening import open_private
from hullo.lines.direct.private.vault import VaultError
from hullo.lines.telegram.line import is_address
from hullo.messages.direct.receipts import leave_receipt
from hullo.messages.errors import MessageError
from hullo.messages.events import Came, MessageEvent, Moving, NotReceived, Received
from hullo.messages.info import info
from hullo.messages.messenger import Messenger
from hullo.messages.metadata import Delivery
from hullo.messages.store import MessageStore, StoredMessage
from hullo.service.config import Config
from hullo.service.secret_file import read_key
from hullo.speech.errors import SpeechError
from hullo.speech.service import SpeechService

UNREACHED_SECONDS = 30.0
"""How long the commands wait for something to move; what can't be sent by then is sent at the next chance."""

Info = dict[str, Any]


class Display:
    """Progress bars on standard error, one for each message that is on its way."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self.progress = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._bars: dict[str, TaskID] = {}

    def moving(self, message_id: str, peer: str, received: int, size: int) -> None:
        """So much of a message is there."""
        if message_id not in self._bars:
            self._bars[message_id] = self.progress.add_task(peer, total=size)
        self.progress.update(self._bars[message_id], completed=received)


async def send(settings: Config, to: str, what: Info) -> Info:
    """Send a message: `what` is `path`, `text` or `message_id`, as `message.send` takes it; returns once it is sent.

    Raises `DaemonError`, `MessageError`, `SpeechError` and what `open_private` raises.
    """
    display = Display()
    with display.progress:
        try:
            async with DaemonClient(settings.rpc.socket) as daemon:
                sent = await daemon.request("message.send", to=to, **what)
                return await _followed(daemon, sent, display)
        except NoDaemon:
            if settings.telegram.enabled and is_address(to):
                raise MessageError(f"messages to {to} go through the daemon, which is not there: hullo serve") from None
            return await _send_ourselves(settings, to, what, display)


async def fetch(settings: Config, seconds: float, tell: Callable[[Info], None]) -> None:
    """Fetch what waits for us, for so long after the last sign of any, and tell each. Raises as `send` does."""
    display = Display()
    with display.progress:
        try:
            async with DaemonClient(settings.rpc.socket) as daemon:
                for message in await daemon.request("message.list", direction="received", unheard=True):
                    tell(message)  # the daemon has fetched them
        except NoDaemon:
            await _fetch_ourselves(settings, seconds, display, tell)


async def heard(settings: Config, store: MessageStore, message: StoredMessage) -> None:
    """Say that a message was heard; its sender is told by the daemon if one runs, else at the next chance.

    Raises `DaemonError`, `MessageError`.
    """
    known = message.metadata
    if known is None or known.heard:
        return
    if store.folder == settings.messages.folder:
        with contextlib.suppress(NoDaemon):
            async with DaemonClient(settings.rpc.socket) as daemon:
                await daemon.request("message.mark_heard", message_id=known.id)
                return
    store.mark_heard(message)
    if known.line == "direct" and known.peer and known.peer_message_id and settings.messages.heard_receipts:
        leave_receipt(store, known.peer, known.peer_message_id, "heard")


async def _followed(daemon: DaemonClient, sent: Info, display: Display) -> Info:
    while True:
        notification = await daemon.notification()
        name, fields = notification["method"], notification["params"]
        if fields.get("message_id") != sent["message_id"]:
            continue
        if name == "message.progress":
            display.moving(fields["message_id"], fields["peer"], fields["received"], fields["size"])
        elif name == "message.failed":
            raise MessageError(fields["detail"])
        elif name in ("message.sent", "message.delivered"):
            return dict(fields["message"])


async def _send_ourselves(settings: Config, to: str, what: Info, display: Display) -> Info:
    events: asyncio.Queue[MessageEvent] = asyncio.Queue()
    speech = SpeechService(settings.speech.settings(read_key).only_voice()) if "text" in what else None
    async with speech or contextlib.nullcontext(), _messenger(settings, events.put_nowait, speech) as messenger:
        if "path" in what:
            message = await messenger.send_file(to, Path(what["path"]))
        elif "text" in what:
            message = await messenger.send_text(to, what["text"])
        else:
            message = await messenger.send_message(to, messenger.store.find(what["message_id"]))
        while True:
            event = await _next(events, "it is sent as soon as the daemon runs, or by: hullo message inbox")
            match event:
                case Moving(message_id, peer, received, size):
                    display.moving(message_id, peer, received, size)
                case Came(came, delivery) if came.path == message.path:
                    if delivery is Delivery.FAILED:
                        raise MessageError((came.metadata and came.metadata.problem) or "it could not be sent")
                    return dict(msgspec.to_builtins(info(came)))


async def _fetch_ourselves(settings: Config, seconds: float, display: Display, tell: Callable[[Info], None]) -> None:
    events: asyncio.Queue[MessageEvent] = asyncio.Queue()
    async with _messenger(settings, events.put_nowait, None):
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(seconds):
                    event = await events.get()
                match event:
                    case Moving(message_id, peer, received, size):
                        display.moving(message_id, peer, received, size)
                    case Received(message):
                        tell(dict(msgspec.to_builtins(info(message))))
                    case NotReceived(peer=peer, detail=detail):
                        err.print(f"[red]a message of {peer} can't be had:[/red] {detail}")


async def _next(events: "asyncio.Queue[MessageEvent]", instead: str) -> MessageEvent:
    try:
        async with asyncio.timeout(UNREACHED_SECONDS):
            return await events.get()
    except TimeoutError:
        raise MessageError(f"nothing has moved for {UNREACHED_SECONDS:g} s; {instead}") from None


@contextlib.asynccontextmanager
async def _messenger(
    settings: Config, tell: Callable[[MessageEvent], None], speech: SpeechService | None
) -> AsyncIterator[Messenger]:
    """Our messages with the direct line, for this command alone."""
    if not settings.direct.enabled:
        fail("there is no line for messages", "set enabled and rendezvous in [direct]; docs/privacy.md")
    from hullo.messages.direct.courier import DirectCourier  # needs a package that not everybody has
    from hullo.messages.direct.letter_line import LetterLine

    config = settings.messages
    with open_private(settings.direct) as private:
        line = LetterLine(private.channel, private.book, lambda notice: err.print(f"[dim]{notice.detail}[/dim]"))
        messenger = Messenger(
            MessageStore(config.folder), tell, speech=speech, transcripts=False, options=config.options()
        )
        messenger.add(
            lambda store, tell: DirectCourier(
                line, private.channel, store, tell, delivered=config.delivered_receipts, heard=config.heard_receipts
            )
        )
        working = [asyncio.create_task(messenger.run()), asyncio.create_task(line.run())]
        try:
            yield messenger
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)


ERRORS = (DaemonError, MessageError, SpeechError, PrivateUnavailable, VaultError, OSError)
"""What the commands say and end with."""
