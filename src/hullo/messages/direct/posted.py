"""Letters that were posted, kept for devices that lose their keys: what one could not read, it gets once more."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from hullo.lines.direct.channel import ChannelError, ChannelRefused, Device, PostalChannel, Sealed
from hullo.lines.direct.letters import Receipt, VoiceMessage, encode_letter
from hullo.messages.direct.moving import Patience, persist
from hullo.messages.errors import DiskRefuses
from hullo.messages.jobs import JobQueue, keep, named_after
from hullo.messages.store import MessageStore

logger = logging.getLogger(__name__)

KEPT_FOR: Final = 14 * 86_400.0
"""Seconds: as long as a letter waits for its device. Whoever sends no receipts costs us the letters for so long."""
MAX_KEPT: Final = 1000
"""Letters to one person; the oldest are forgotten."""
LOOK_EVERY: Final = 3600.0
"""Seconds between two looks for letters that were kept long enough."""

VOICE_MESSAGE: Final = "voice-message"


class PostedLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What one device was posted."""

    person: str
    device: str
    message_id: str
    kind: str
    """`VOICE_MESSAGE`, or which receipt it is."""
    letter: bytes
    identity: bytes
    """The person's key then: another one gets nothing of it."""
    again: bool
    """It was posted once more already."""

    def __repr__(self) -> str:
        """Without what the letter says."""
        return f"PostedLetter({self.message_id!r}, {self.kind!r})"


GiveUp: TypeAlias = Callable[[PostedLetter, str], None]
"""Told of a letter that a device will not have, and why."""


class PostedLetters:
    """Each is a file, named after its device and what it says, and after the hash of its envelope.

    It is forgotten once that device says that it has the message, and after `KEPT_FOR`. What a device could not read is
    posted to it once more: neither it nor anybody in between can have us post without end.
    """

    def __init__(self, channel: PostalChannel, store: MessageStore, patience: Patience, give_up: GiveUp) -> None:
        self._channel = channel
        self._folder = store.folder / "posted"
        self._patience = patience
        self._give_up = give_up
        self.jobs = JobQueue(self._folder / "again", PostedLetter, self._post_again)

    async def run(self) -> None:
        """Forget what was kept long enough, until cancelled."""
        while True:
            await asyncio.to_thread(self._forget_old)
            await asyncio.sleep(LOOK_EVERY)

    async def post(self, person: str, letter: VoiceMessage | Receipt) -> None:
        """Post a letter to all devices of a person, and keep it. Raises `ChannelError`."""
        kind = letter.kind if isinstance(letter, Receipt) else VOICE_MESSAGE
        encoded = encode_letter(letter)

        async def sealed(devices: dict[str, Sealed]) -> None:
            for device, what in devices.items():
                posted = PostedLetter(
                    person=person,
                    device=device,
                    message_id=letter.message_id,
                    kind=kind,
                    letter=encoded,
                    identity=what.identity,
                    again=False,
                )
                await asyncio.to_thread(self._keep, posted, what.digest)

        await self._channel.post(person, encoded, on_sealed=sealed)

    def came(self, device: Device, message_id: str) -> None:
        """A device has the voice message, or its person has heard it there."""
        self._forget(device, message_id, VOICE_MESSAGE)

    def unread(self, device: Device, what: Sealed) -> None:
        """A device could not read a letter: it is posted once more, or given up. Nothing if it is not known.

        That is on disk when this returns. Raises `OSError`.
        """
        for path in self._of(device.person).glob(f"*.{what.digest.hex()}.job"):
            posted = _read(path)
            if posted is None or (posted.person, posted.device) != (device.person, device.device):
                continue
            if posted.again:
                self._give_up(posted, f"{device} could not read it, and not when it was sent again either")
            elif posted.identity != what.identity:
                self._give_up(posted, f"{device} could not read it, and has another key since: send it again")
            else:
                self._add(msgspec.structs.replace(posted, again=True))
            self._forget(device, posted.message_id, posted.kind)

    def _add(self, posted: PostedLetter) -> None:
        try:
            self.jobs.add(named_after(posted.person, posted.device, posted.message_id, posted.kind), posted)
        except DiskRefuses as error:
            raise OSError(str(error)) from error

    async def _post_again(self, job_id: str, posted: PostedLetter) -> None:
        async def sealed(devices: dict[str, Sealed]) -> None:
            for what in devices.values():
                if what.identity != posted.identity:
                    raise ChannelRefused(f"{posted.person} has another key since")
                await asyncio.to_thread(self._keep, posted, what.digest)

        try:
            await persist(
                lambda: self._channel.post(posted.person, posted.letter, device=posted.device, on_sealed=sealed),
                self._patience,
            )
        except ChannelError as error:
            who = f"{posted.person}/{posted.device}"
            self._give_up(posted, f"{who} could not read it, and it can't be sent again: {error}")

    def _keep(self, posted: PostedLetter, digest: bytes) -> None:
        """Raises `OSError`."""
        folder = self._of(posted.person)
        path = folder / f"{_named(posted.device, posted.message_id, posted.kind)}.{digest.hex()}.job"
        try:
            keep(path, posted)
        except DiskRefuses as error:
            raise OSError(str(error)) from error
        kept = [*folder.glob("*.job")]
        if len(kept) > MAX_KEPT:
            min(kept, key=_written).unlink(missing_ok=True)

    def _forget(self, device: Device, message_id: str, kind: str) -> None:
        """All envelopes of a letter: where the rendezvous did not answer there are several."""
        for path in self._of(device.person).glob(f"{_named(device.device, message_id, kind)}.*.job"):
            path.unlink(missing_ok=True)

    def _of(self, person: str) -> Path:
        return self._folder / named_after(person)

    def _forget_old(self) -> None:
        before = time.time() - KEPT_FOR
        for path in self._folder.glob("*/*.job*"):
            if path.parent != self.jobs.folder and _written(path) < before:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)


def _named(device: str, message_id: str, kind: str) -> str:
    return named_after(device, message_id, kind)


def _read(path: Path) -> PostedLetter | None:
    """None if it is gone or damaged. Raises `OSError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=PostedLetter)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
