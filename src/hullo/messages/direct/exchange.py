"""The voice messages that go over the data channel of one call, in both directions at once."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from hullo.lines.direct.message_way import MessageWay, WayLost
from hullo.messages.direct.frames import Ask, Frame, FrameError, Piece, Stop, Whole, encode_frame, parse_frame
from hullo.messages.direct.moving import OnProgress
from hullo.messages.direct.pace import Pace
from hullo.messages.direct.pieces import Giving, Taking
from hullo.messages.envelope import CHUNK_BYTES, VoiceMessageEnvelope
from hullo.messages.errors import MessageError
from hullo.messages.sealed import IncomingFile

logger = logging.getLogger(__name__)

ANSWER_WITHIN: Final = 15.0
"""Seconds for the peer to begin; its letter takes less than one."""
STALLED_AFTER: Final = 45.0
"""Seconds without anything of the peer; more than a call looks for another path."""
LONGEST: Final = 900.0
MAX_FRAMES: Final = 256
"""Of one message that wait to be looked at; a peer that follows the rules never has so many on their way."""


class NotInCall(Exception):
    """A message does not go over this call (any more), and the storage has to do; the text says why."""


class _End:
    """One message at this end of the call: what the peer says about it."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue(MAX_FRAMES + 1)
        self._why: str | None = None

    @property
    def waiting(self) -> bool:
        """Whether there is something to look at."""
        return not self._frames.empty()

    def put(self, frame: Frame) -> None:
        """The peer says something. Too much at once is the end."""
        if self._frames.qsize() < MAX_FRAMES:
            self._frames.put_nowait(frame)
        else:
            self.finish("the peer sends more than was asked for")

    def finish(self, why: str) -> None:
        """What has come already is looked at, and then it is over."""
        if self._why is None:
            self._why = why
            self._frames.put_nowait(None)

    async def next(self, within: float) -> Frame:
        """What the peer says next. Raises `NotInCall`."""
        try:
            async with asyncio.timeout(within):
                frame = await self._frames.get()
        except TimeoutError:
            raise NotInCall(f"nothing came of the peer for {within:g} s") from None
        if frame is None:
            raise NotInCall(str(self._why))
        return frame

    def check(self) -> None:
        """Raises `NotInCall` if it is over."""
        if self._why is not None:
            raise NotInCall(self._why)


class CallExchange:
    """Gives and takes messages over `way`, and has all that it gives keep one `pace`."""

    def __init__(self, way: MessageWay, pace: Pace) -> None:
        self.way = way
        self._pace = pace
        self._giving: dict[int, _End] = {}
        self._taking: dict[int, _End] = {}
        way.on_message = self._arrived
        way.on_round_trip = lambda seconds: pace.heard(seconds, time.monotonic())
        way.on_over = lambda: self._finish("the call is over, or its data channel is")

    async def give(
        self,
        sealed: Path,
        envelope: VoiceMessageEnvelope,
        announce: Callable[[int], Awaitable[None]],
        on_progress: OnProgress,
    ) -> None:
        """Return when the peer has the message, which `announce` tells it of under a number.

        Raises `NotInCall`, `OSError`, and whatever `announce` raises.
        """
        number = secrets.randbits(32)
        with _failing(), self._end(self._giving, number) as end:
            async with asyncio.timeout(LONGEST):
                self.way.open()
                await announce(number)
                await self._give(number, sealed, envelope, end, on_progress)

    async def _give(
        self, number: int, sealed: Path, envelope: VoiceMessageEnvelope, end: _End, on_progress: OnProgress
    ) -> None:
        giving, given = Giving(envelope), 0
        within = ANSWER_WITHIN
        with sealed.open("rb") as file:  # small blocks from the page cache: no thread is needed
            while True:
                while giving.idle or end.waiting:
                    match await end.next(within):
                        case Whole():
                            return
                        case Ask(indexes=indexes):
                            giving.ask(indexes)
                        case _:
                            raise NotInCall("the peer does not take it over the call")
                    within = STALLED_AFTER
                index, offset, size = giving.next_piece()
                await self._wait_for_room(size, end)
                file.seek(index * CHUNK_BYTES + offset)
                self.way.send(encode_frame(Piece(number, index, offset, file.read(size))))
                if giving.given > given:
                    given = giving.given
                    on_progress(given, envelope.size)

    async def take(self, number: int, incoming: IncomingFile, on_progress: OnProgress) -> None:
        """Return when every chunk is there. What came before an error is kept. Raises `NotInCall`."""
        with _failing(), self._end(self._taking, number) as end:
            async with asyncio.timeout(LONGEST):
                await self._take(number, incoming, end, on_progress)

    async def _take(self, number: int, incoming: IncomingFile, end: _End, on_progress: OnProgress) -> None:
        transfer = incoming.transfer
        taking = Taking(incoming.envelope, transfer)
        while not transfer.done:
            if asked := taking.requests(time.monotonic()):
                self.way.send(encode_frame(Ask(number, asked)))
            match await end.next(STALLED_AFTER):
                case Piece(index=index) as piece:
                    chunk = taking.take(piece)
                    if chunk is not None and incoming.put(index, chunk):
                        on_progress(transfer.received, incoming.envelope.size)

    def say(self, frame: Whole | Stop) -> None:
        """Tell the peer how it ended, if that is still possible; if not, it finds out by itself."""
        with contextlib.suppress(WayLost):
            self.way.send(encode_frame(frame))

    def withdraw(self, number: int) -> None:
        """A message is not to be waited for here any more."""
        if number in self._taking:
            self._taking[number].finish("it lies in the storage")

    @contextlib.contextmanager
    def _end(self, ends: dict[int, _End], number: int) -> Iterator[_End]:
        if number in ends:
            raise NotInCall("another message has that number")
        ends[number] = _End()
        try:
            yield ends[number]
        finally:
            del ends[number]

    async def _wait_for_room(self, size: int, end: _End) -> None:
        began = time.monotonic()
        while (pause := self._pace.pause(time.monotonic(), size, self.way.unacknowledged)) > 0:
            end.check()
            if time.monotonic() - began > STALLED_AFTER:
                raise NotInCall(f"nothing got through for {STALLED_AFTER:g} s")
            await asyncio.sleep(pause)

    def _arrived(self, message: bytes) -> None:
        try:
            frame = parse_frame(message)
        except FrameError as error:
            logger.warning("the data channel of a call is closed: %s", error)
            self.way.close()
            return
        if frame is not None:
            ends = self._taking if isinstance(frame, Piece) else self._giving
            if frame.number in ends:  # or it is late: what was asked for comes also after we have stopped
                ends[frame.number].put(frame)

    def _finish(self, why: str) -> None:
        for end in (*self._giving.values(), *self._taking.values()):
            end.finish(why)


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise NotInCall(f"it took longer than {LONGEST:g} s") from None
    except (WayLost, MessageError) as error:
        raise NotInCall(str(error)) from error
