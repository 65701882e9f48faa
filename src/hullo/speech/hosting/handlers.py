"""The server side of Wyoming: what one connection to a recogniser and one to a voice have in common."""

import asyncio
import logging
import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from typing_extensions import override
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Attribution, Info
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler

from hullo.speech.engines.engine import EngineInfo
from hullo.speech.errors import SpeechError
from hullo.speech.hosting.worker import Worker

log = logging.getLogger(__name__)

T = TypeVar("T")
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""What the wyoming package raises for an event that is not as it should be."""


class EngineHandler(AsyncEventHandler):
    """One connection to an engine: at most one request at a time, which ends with the connection."""

    def __init__(self, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._worker = worker
        self._request: asyncio.Task[None] | None = None
        self._left = threading.Event()

    @override
    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        with suppress(OSError, asyncio.IncompleteReadError, *_MALFORMED):
            await super().run()

    @override
    async def handle_event(self, event: Event) -> bool:
        """Answer `describe` and `ping`; hand everything else to the engine's side."""
        if event.type == "describe":
            await self.write_event(self.describe().event())
        elif Ping.is_type(event.type):
            await self.write_event(Pong(text=Ping.from_event(event).text).event())
        else:
            try:
                await self.on_request(event)
            except (SpeechError, *_MALFORMED) as error:
                # The connection stays: closed while the client still sends, it could not read why.
                await self.write_event(Error(text=f"{event.type}: {error}").event())
        return True

    @override
    async def disconnect(self) -> None:
        """The client has gone: stop what was being done for it."""
        self._left.set()
        if self._request is not None:
            self._request.cancel()
            await asyncio.wait([self._request])

    @property
    def at_leisure(self) -> bool:
        """Whether the engine has nothing to do, and this connection nothing under way."""
        return self._worker.idle and (self._request is None or self._request.done())

    async def work(self, job: Callable[[], T]) -> T:
        """The result of `job`, done by the engine's thread when it is its turn."""
        return await self._worker.run(job)

    def wanted(self) -> bool:
        """Whether the client is still there. For the engine's thread."""
        return not self._left.is_set()

    async def start(self, request: Coroutine[Any, Any, None]) -> None:
        """Do `request` while the connection is watched for its end; waits for the one before."""
        try:
            if self._request is not None:
                await asyncio.wait([self._request])
        except asyncio.CancelledError:
            request.close()
            raise
        self._request = asyncio.get_running_loop().create_task(self._answered(request))
        self._request.add_done_callback(lambda _: request.close())  # cancelled before it began, it was never awaited

    async def _answered(self, request: Coroutine[Any, Any, None]) -> None:
        with suppress(OSError):  # the client has gone
            try:
                await request
            except SpeechError as error:
                await self.write_event(Error(text=str(error)).event())
            except ConnectionError:
                raise
            except Exception as error:  # the edge to foreign code: whoever waits must be told, and the host goes on
                log.exception("The engine failed")
                await self.write_event(Error(text=f"the engine failed: {error!r}").event())

    @abstractmethod
    def describe(self) -> Info:
        """What this server can do."""

    @abstractmethod
    async def on_request(self, event: Event) -> None:
        """Take an event of a request. Raises `SpeechError` to refuse it."""


def artifact(info: EngineInfo, name: str) -> dict[str, Any]:
    """What Wyoming tells of each program, model and voice."""
    return {
        "name": name,
        "attribution": Attribution(name=info.description, url=info.url),
        "installed": True,
        "description": info.description,
        "version": info.version,
    }
