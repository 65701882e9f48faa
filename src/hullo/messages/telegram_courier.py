"""Voice messages as Telegram voice notes, by the account that calls."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import msgspec

from hullo.lines.telegram.account.account import Account
from hullo.lines.telegram.account.errors import ENDED, LoginRefused, passes
from hullo.lines.telegram.account.voice_note import (
    LARGEST,
    PART,
    ContentsRead,
    NoteUpdate,
    ReceivedNote,
    VoiceNote,
    new_random_id,
)
from hullo.lines.telegram.line import is_address
from hullo.lines.telegram.port import Safety, TelegramError, TelegramUnreachable, UnknownUser, User
from hullo.messages.courier import MakeCourier, TellEvent
from hullo.messages.errors import MessageError
from hullo.messages.events import Came, NotReceived, Received
from hullo.messages.jobs import JobQueue, named_after
from hullo.messages.making import message_of_file
from hullo.messages.metadata import Delivery, Direction
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.store import MessageStore, StoredMessage

logger = logging.getLogger(__name__)

MAX_INCOMING: Final = 100
"""Notes that are being fetched or wait for it; more are left to the apps."""
OLDEST: Final = 14 * 86_400.0
"""Seconds; notes that came earlier, while nobody was there to take them, are left to the apps."""
AGAIN: Final = 5.0
"""Seconds before what was not answered is asked again."""
AGAIN_AT_MOST: Final = 60.0
"""Seconds before a note is tried for again that could not be fetched: doubled from `AGAIN` on."""
MAX_TROUBLES: Final = 5
"""How often a note is tried for again when Telegram says that it has trouble itself."""
_PATIENT: Final = RecorderOptions(max_seconds=6 * 3600.0)

AnswerT = TypeVar("AnswerT")

MayWrite: TypeAlias = Callable[[User], str | None]
"""Why somebody's notes are not taken; None if they are."""


class NoteToSend(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way out; its id is that of the message."""

    name: str
    to: str
    random_id: int


class NoteToFetch(msgspec.Struct, frozen=True, kw_only=True):
    """A note on its way in."""

    note: ReceivedNote


class TelegramCourier:
    """See `hullo.messages.courier.Courier`. Peers are `@names`, or user ids of people without one.

    Telegram tells nothing of a delivery; that a note was heard it tells both ways. Notes of people that `refuse` names
    a reason against are left to the apps. From the beginning on notes that come are kept, to be fetched in `run`.
    """

    def __init__(
        self,
        account: Account,
        refuse: MayWrite,
        store: MessageStore,
        tell: TellEvent,
        *,
        heard: bool = True,
        again: float = AGAIN,
    ) -> None:
        self.line = "telegram"
        self._account = account
        self._refuse = refuse
        self._store = store
        self._tell = tell
        self._heard = heard
        self._again_after = again
        self._failures: dict[str, int] = {}
        self._outgoing = JobQueue(store.folder / "telegram-outgoing", NoteToSend, self._send)
        self._incoming = JobQueue(store.folder / "telegram-incoming", NoteToFetch, self._fetch)
        self._to_mark: asyncio.Queue[int] = asyncio.Queue(MAX_INCOMING)
        account.set_note_listener(self._arrived)

    def claims(self, to: str) -> bool:
        """See `Courier.claims`."""
        return is_address(to)

    def address(self, to: str) -> str:
        """See `Courier.address`."""
        return to

    async def run(self) -> None:
        """See `Courier.run`. The line must be running, too, or be started soon."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._outgoing.run())
            tasks.create_task(self._incoming.run())
            tasks.create_task(self._mark())

    async def send(self, message: StoredMessage) -> None:
        """See `Courier.send`."""
        known = message.metadata
        if known is None or known.peer is None:
            raise MessageError(f"{message.path.name} is for nobody")
        if known.size > LARGEST:
            raise MessageError(f"{message.path.name} is too long for a voice note: {known.size} bytes of {LARGEST}")
        self._outgoing.add(known.id, NoteToSend(name=message.path.name, to=known.peer, random_id=new_random_id()))

    def heard(self, message: StoredMessage) -> None:
        """See `Courier.heard`."""
        known = message.metadata
        if self._heard and known is not None and known.peer_message_id is not None and not self._to_mark.full():
            self._to_mark.put_nowait(int(known.peer_message_id))

    # Out

    async def _send(self, job_id: str, job: NoteToSend) -> None:
        path = self._store.folder / job.name
        try:
            sent = await self._sent(path, job)
            changed = self._store.update(
                path, delivery=Delivery.SENT, peer_message_id=None if sent is None else str(sent)
            )
            self._tell(Came(changed, Delivery.SENT))
        except (TelegramError, UnknownUser, MessageError, OSError, ValueError) as error:
            self._failed(path, str(error))

    async def _sent(self, path: Path, job: NoteToSend) -> int | None:
        """The note's id on Telegram, if that is told; tried again, under the same random id, until it is answered."""
        known = self._store.find(path.name).metadata
        if known is None:
            raise MessageError(f"{path.name} is not finished")
        note = VoiceNote(
            sound=await asyncio.to_thread(path.read_bytes), duration=known.duration, waveform=known.waveform
        )

        async def send() -> int | None:
            to = await self._account.resolve(job.to)
            return await self._account.send_voice_note(to, note, job.random_id)

        try:
            return await _answered(send)
        except TelegramError as error:
            if error.name == "RANDOM_ID_DUPLICATE":
                return None
            raise

    def _failed(self, path: Path, detail: str) -> None:
        try:
            changed = self._store.update(path, delivery=Delivery.FAILED, problem=detail)
        except MessageError as error:
            logger.error("what became of a message can't be noted: %s", error)
        else:
            self._tell(Came(changed, Delivery.FAILED))

    # In

    def _arrived(self, update: NoteUpdate) -> None:
        match update:
            case ReceivedNote() if time.time() - update.date > OLDEST or len(self._incoming) >= MAX_INCOMING:
                logger.info("a voice note is left to the apps: it is old, or too many wait")
            case ReceivedNote():
                try:
                    self._incoming.add(named_after(str(update.message_id)), NoteToFetch(note=update))
                except MessageError as error:
                    logger.error("a voice note is left to the apps: %s", error)
            case ContentsRead(message_ids):
                for message_id in message_ids:
                    self._they_heard(str(message_id))

    def _they_heard(self, message_id: str) -> None:
        try:
            for message in self._store.messages():
                known = message.metadata
                if (
                    known is not None
                    and (known.line, known.peer_message_id, known.direction) == (self.line, message_id, Direction.SENT)
                    and known.delivery is Delivery.SENT
                ):
                    self._tell(Came(self._store.update(message.path, delivery=Delivery.HEARD), Delivery.HEARD))
        except MessageError as error:
            logger.error("what became of a message can't be noted: %s", error)

    async def _fetch(self, job_id: str, job: NoteToFetch) -> float | None:
        note = job.note
        try:
            sender = await self._sender(note.sender)
        except TelegramError as error:
            logger.info("a voice note waits until it is known who sent it: %s", error)
            return AGAIN_AT_MOST
        refusal = self._refuse(sender)
        if refusal is not None:
            logger.info("a voice note is left to the apps: %s", refusal)
            return None
        try:
            if self._store.from_peer(self.line, sender.address, str(note.message_id)) is not None:
                return None
            message = await self._fetched(self._incoming.sealed(job_id), sender, note)
        except (TelegramError, MessageError, OSError, ValueError) as error:
            again = self._again(job_id, error)
            if again is not None:
                logger.info("a voice note is tried for again in %.0f s: %s", again, error)
                return again
            self._tell(NotReceived(self.line, sender.address, str(note.message_id), _why(error)))
        else:
            self._tell(Received(message))
        self._failures.pop(job_id, None)
        return None

    def _again(self, job_id: str, error: Exception) -> float | None:
        """Seconds after which a note is tried for again that could not be fetched; None if it never can."""
        if not isinstance(error, TelegramError) or not (passes(error) or error.name in ENDED):
            return None
        failures = self._failures[job_id] = self._failures.get(job_id, 0) + 1
        if error.code >= 500 and failures > MAX_TROUBLES:
            return None
        if error.retry_after is not None:
            return error.retry_after
        return min(self._again_after * 2.0 ** min(failures - 1, 10), AGAIN_AT_MOST)

    async def _fetched(self, draft: Path, sender: User, note: ReceivedNote) -> StoredMessage:
        with draft.open("ab") as file:
            whole = min(file.tell(), note.size) // PART * PART
            file.truncate(whole)  # what came before a restart, or before the connection was lost
            async for part in self._account.fetch_voice_note(note, whole):
                file.write(part)
        return await asyncio.to_thread(
            message_of_file,
            self._store,
            draft,
            datetime.fromtimestamp(note.date, UTC),
            _PATIENT,
            id=secrets.token_hex(8),
            direction=Direction.RECEIVED,
            line=self.line,
            peer=sender.address,
            peer_message_id=str(note.message_id),
        )

    async def _sender(self, user_id: int) -> User:
        """Raises `TelegramError`."""
        try:
            return await _answered(lambda: self._account.resolve(str(user_id)))
        except UnknownUser:
            return User(id=user_id, access_hash=0)

    async def _mark(self) -> None:
        while True:
            message_id = await self._to_mark.get()
            try:
                await _answered(partial(self._account.mark_listened, message_id))
            except TelegramError as error:
                logger.info("a note was not marked as heard: %s", error.name)


async def _answered(ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    """The answer; asked again as long as Telegram can't be reached, or wants us to wait. Raises `TelegramError`."""
    while True:
        try:
            return await ask()
        except TelegramUnreachable:
            await asyncio.sleep(AGAIN)
        except TelegramError as error:
            if error.retry_after is None:
                raise
            await asyncio.sleep(error.retry_after)


def _why(error: Exception) -> str:
    match error:
        case LoginRefused():
            return (
                f"the note lies in Telegram's data centre {error.dc}, which does not take the login of this account "
                f"({error.name}): listen to it in an app"
            )
        case TelegramError():
            return f"Telegram does not hand out the note ({error.name}): listen to it in an app"
        case _:
            return str(error)


def telegram_courier(account: Account, safety: Safety, *, heard: bool = True) -> MakeCourier:
    """Makes a `TelegramCourier` for a messenger: whose calls ring, their notes are taken."""

    def refuse(user: User) -> str | None:
        return safety.refuse_incoming(user, time.monotonic())

    return lambda store, tell: TelegramCourier(account, refuse, store, tell, heard=heard)
