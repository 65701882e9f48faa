"""One client: its requests are answered one after the other, and it is told of every event."""

import asyncio
import logging

from hullo.call.event_stream import EventsMissed, EventStream
from hullo.call.events import event_name
from hullo.service import rpc
from hullo.service.dispatcher import Dispatcher
from hullo.service.errors import ErrorCode, domain_error
from hullo.service.framing import Deframer, Framing, FramingError, frame
from hullo.service.rpc import RpcError

logger = logging.getLogger(__name__)

_READ_BYTES = 65_536
_FIRST_WORD_SECONDS = 0.2
WRITE_SECONDS = 10.0
"""A client that reads nothing for so long while there is something to read is disconnected."""


class _Gone(Exception):
    """The client has left, or is to be left; unwinds its tasks."""


class Client:
    """Serves one connection until either side ends it. Whatever the client does, nobody else notices.

    Events wait a moment for the first byte of the client, because that byte says in which framing it wants them;
    a client that only listens gets lines.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dispatcher: Dispatcher, events: EventStream
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._dispatcher = dispatcher
        self._events = events
        self._deframer = Deframer()
        self._spoke = asyncio.Event()

    async def run(self) -> None:
        """Serve until the client leaves, the events end, or the client is hopeless. Raises nothing."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._answer_requests())
                tasks.create_task(self._forward_events())
        except* _Gone:
            pass
        except* OSError as errors:
            logger.debug("a client was lost: %s", errors.exceptions[0])
        except* Exception:  # the edge of one client: a mistake in here must not take the others down
            logger.exception("a client could not be served any more")
        finally:
            self._events.close()
            await hang_up(self._writer)

    async def _answer_requests(self) -> None:
        while data := await self._reader.read(_READ_BYTES):
            for item in self._deframer.feed(data):
                self._spoke.set()
                if isinstance(item, FramingError):
                    await self._refuse(item)
                elif (answer := await self._dispatcher.answer(item)) is not None:
                    await self._send(answer)
            self._spoke.set()
        if self._deframer.partial:
            logger.debug("a client left in the middle of a message")
        raise _Gone

    async def _refuse(self, error: FramingError) -> None:
        hint = "end each message with a newline, and keep it short"
        await self._send(rpc.encode_error(None, RpcError(rpc.INVALID_REQUEST, str(error), hint)))
        if error.fatal:
            raise _Gone

    async def _forward_events(self) -> None:
        try:
            async with asyncio.timeout(_FIRST_WORD_SECONDS):
                await self._spoke.wait()
        except TimeoutError:
            pass
        try:
            async for event in self._events:
                await self._send(rpc.encode_notification(event_name(type(event)), event))
        except EventsMissed as missed:
            logger.warning("a client read too slowly and is disconnected: %s", missed)
            error = domain_error(ErrorCode.EVENTS_MISSED, str(missed), "connect again and ask call.list")
            await self._send(rpc.encode_error(None, error))
        raise _Gone

    async def _send(self, message: bytes) -> None:
        """Write, and wait while the client does not read. Raises `OSError` when it is lost or waited for in vain."""
        self._writer.write(frame(message, self._deframer.framing or Framing.NEWLINE))
        async with asyncio.timeout(WRITE_SECONDS):
            await self._writer.drain()


async def turn_away(writer: asyncio.StreamWriter, error: RpcError) -> None:
    """Tell a client that it is not served, and why, and close its connection. Raises nothing."""
    writer.write(frame(rpc.encode_error(None, error), Framing.NEWLINE))
    await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection after what was written to it has left, but not later than a second from now."""
    try:
        writer.close()
        async with asyncio.timeout(1.0):
            await writer.wait_closed()
    except OSError:  # TimeoutError is one: the client does not read
        writer.transport.abort()
