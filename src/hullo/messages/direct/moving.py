"""Sealed files to and from a storage, over connections that break: each attempt goes on where the last one stopped."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from hullo.lines.direct.channel import ChannelError, ChannelRefused, Place, SealedFiles
from hullo.messages.envelope import CHUNK_BYTES
from hullo.messages.errors import MessageError
from hullo.messages.sealed import IncomingFile

OnProgress: TypeAlias = Callable[[int, int], None]
"""Takes how many bytes are there, and of how many."""

ResultT = TypeVar("ResultT")

_BLOCK: Final = 1 << 15


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds before the first and, doubled each time, the later attempts; and without progress before giving up."""

    first: float = 0.5
    most: float = 30.0
    give_up: float = 86_400.0

    def is_final(self, error: ChannelError) -> bool:
        """Whether trying again makes no sense."""
        return isinstance(error, ChannelRefused)


class _Attempts:
    """Waits between attempts that brought nothing, and ends them. A refusal for good ends them at once."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._wait = patience.first
        self._since = time.monotonic()

    def progressed(self) -> None:
        """Something came: the next attempt is made at once."""
        self._wait = self._patience.first
        self._since = time.monotonic()

    async def pause(self, error: ChannelError) -> None:
        """Wait for the next attempt. Raises the error when it makes no sense any more."""
        idle = time.monotonic() - self._since
        if self._patience.is_final(error) or idle > self._patience.give_up:
            raise error
        await asyncio.sleep(self._wait)
        self._wait = min(2 * self._wait, self._patience.most)


async def persist(work: Callable[[], Awaitable[ResultT]], patience: Patience) -> ResultT:
    """The result of something that may fail for a while. Raises `ChannelError`."""
    attempts = _Attempts(patience)
    while True:
        try:
            return await work()
        except ChannelError as error:
            await attempts.pause(error)


async def upload(
    files: SealedFiles, place: Place, sealed: Path, size: int, patience: Patience, on_progress: OnProgress
) -> None:
    """Write a sealed file of that many bytes into its place. Raises `ChannelError`, `OSError`."""
    attempts = _Attempts(patience)
    known = -1
    while True:
        try:
            received = await files.received(place)
            if received > known:
                known = received
                attempts.progressed()
                on_progress(received, size)
            if received >= size:
                return
            await files.append(place, received, _blocks(sealed, received, size, on_progress))
        except ChannelError as error:
            await attempts.pause(error)


async def download(
    files: SealedFiles, file: str, incoming: IncomingFile, patience: Patience, on_progress: OnProgress
) -> None:
    """Fetch every chunk that is missing. Raises `ChannelError`, `TransferFailed`, `MessageError`."""
    transfer = incoming.transfer
    attempts = _Attempts(patience)
    while not transfer.done:
        before = transfer.received
        problem = ChannelError("the rendezvous gives nothing of the message that was sent")
        try:
            await _fetch_run(files, file, incoming, on_progress)
        except ChannelError as error:
            problem = error
        transfer.connection_lost()  # what did not come in this run is asked for in the next
        if transfer.received > before:
            attempts.progressed()
        elif not transfer.done:
            await attempts.pause(problem)


async def _fetch_run(files: SealedFiles, file: str, incoming: IncomingFile, on_progress: OnProgress) -> None:
    """Ask for the first missing chunks that follow each other, and keep those that are what was promised."""
    envelope, transfer = incoming.envelope, incoming.transfer
    run = _consecutive(transfer.requests(time.monotonic()))
    begin, end = run[0] * CHUNK_BYTES, min((run[-1] + 1) * CHUNK_BYTES, envelope.size)
    waiting, index = bytearray(), run[0]
    async with aclosing(files.read(file, begin, end)) as blocks:
        async for block in blocks:
            waiting += block
            while index <= run[-1] and len(waiting) >= envelope.chunk_size(index):
                size = envelope.chunk_size(index)
                if incoming.put(index, bytes(waiting[:size])):
                    on_progress(transfer.received, envelope.size)
                del waiting[:size]
                index += 1
    if waiting and index <= run[-1]:
        incoming.put(index, bytes(waiting))  # cut short, so it is refused, and that is counted


def _consecutive(asked: list[int]) -> list[int]:
    if not asked:
        raise MessageError("nothing is missing of the message")
    return [index for index, number in zip(asked, itertools.count(asked[0]), strict=False) if index == number]


async def _blocks(sealed: Path, offset: int, size: int, on_progress: OnProgress) -> AsyncIterator[bytes]:
    with sealed.open("rb") as file:  # small blocks from the page cache: no thread is needed
        file.seek(offset)
        while block := file.read(_BLOCK):
            yield block
            offset += len(block)
            on_progress(offset, size)
