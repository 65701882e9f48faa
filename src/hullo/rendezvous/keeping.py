"""What a rendezvous keeps on disk for those who are away: letters, and sealed files."""

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from hullo.rendezvous.letterbox import Letterbox
from hullo.rendezvous.storage import Storage, StorageLimits, StorageRefused
from hullo.rendezvous.wire import Envelope, Refusal, Reserve, Reserved

logger = logging.getLogger(__name__)

_ParamsT = ParamSpec("_ParamsT")
_ResultT = TypeVar("_ResultT")

_DISK = "the disk of the rendezvous refuses it; try again later"


class Keeping:
    """One folder, which the nodes of a rendezvous share. Raises `OSError` if it can't be used.

    Letters wait for the disk in a thread, one after the other: the node goes on meanwhile.
    """

    def __init__(self, folder: Path, limits: StorageLimits | None = None) -> None:
        self.storage = Storage(folder, limits)
        self._letters = Letterbox(folder)
        self._turn = threading.Lock()

    async def put(self, person: str, device: str, envelope: Envelope, seconds: float) -> Envelope | None:
        """The envelope as a letter, on disk; None if there is no room."""
        try:
            letter = await self._by_turns(self._letters.put, person, device, envelope, seconds)
        except OSError as error:
            logger.error("a letter can't be kept: %s", error.strerror)
            return None
        return None if letter is None else msgspec.structs.replace(envelope, letter=letter)

    async def waiting(self, person: str, device: str) -> list[Envelope]:
        """The letters that a device has not taken yet."""
        try:
            return await self._by_turns(self._letters.waiting, person, device)
        except OSError as error:
            logger.error("letters can't be read: %s", error.strerror)
            return []

    async def took(self, person: str, device: str, letters: tuple[str, ...]) -> None:
        """A device has taken some."""
        for letter in letters:
            try:
                await self._by_turns(self._letters.remove, person, device, letter)
            except OSError as error:
                logger.error("a letter that was taken can't be removed: %s", error.strerror)

    async def clear(self, person: str, device: str) -> None:
        """The device is no more, and nobody takes its letters."""
        try:
            await self._by_turns(self._letters.clear, person, device)
        except OSError as error:
            logger.error("letters of a device that is no more can't be removed: %s", error.strerror)

    async def _by_turns(
        self, work: Callable[_ParamsT, _ResultT], *args: _ParamsT.args, **kwargs: _ParamsT.kwargs
    ) -> _ResultT:
        def done() -> _ResultT:
            with self._turn:
                return work(*args, **kwargs)

        return await asyncio.to_thread(done)

    def reserve(self, person: str, device: str, reserve: Reserve) -> Reserved | Refusal:
        """Room for a sealed file, or why there is none."""
        try:
            room = self.storage.reserve(person, device, reserve.size)
        except StorageRefused as refused:
            return Refusal(refused.code, str(refused), reserve.sequence)
        except OSError as error:
            logger.error("no room can be made for a file: %s", error.strerror)
            return Refusal("full", _DISK, reserve.sequence)
        return Reserved(reserve.sequence, room.file, room.ticket, room.keep)
