"""A message on its way out: sealed, given over a call or laid into the storage, and told of in a letter."""

import asyncio
import logging
import time

import msgspec

from hullo.lines.direct.channel import ChannelError, ChannelRefused, Place, PostalChannel
from hullo.lines.direct.letters import MAX_ENVELOPE, VoiceMessage, VoiceMessageInCall
from hullo.messages.courier import TellEvent
from hullo.messages.direct.in_call import CallPaths
from hullo.messages.direct.moving import OnProgress, Patience, persist, upload
from hullo.messages.direct.posted import PostedLetters
from hullo.messages.envelope import VoiceMessageEnvelope
from hullo.messages.errors import DiskRefuses, MessageError
from hullo.messages.events import Came, Moving
from hullo.messages.jobs import JobQueue
from hullo.messages.metadata import Delivery, VoiceMessageMetadata
from hullo.messages.sealed import seal
from hullo.messages.store import MessageStore, StoredMessage

logger = logging.getLogger(__name__)


class OutgoingJob(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed message; its id is that of the message."""

    person: str
    envelope: bytes
    begun: float
    """Unix time."""
    place: Place | None = None
    """Once there is room for it."""

    def __repr__(self) -> str:
        """Without the key to the message, which is in the envelope."""
        return f"OutgoingJob(begun={self.begun}, place={self.place!r})"


class Sending:
    """Sends messages, each step on disk before the next one begins."""

    def __init__(
        self,
        channel: PostalChannel,
        posted: PostedLetters,
        calls: CallPaths,
        store: MessageStore,
        tell: TellEvent,
        patience: Patience,
    ) -> None:
        self._channel = channel
        self._posted = posted
        self._calls = calls
        self._store = store
        self._tell = tell
        self._patience = patience
        self.jobs = JobQueue(store.folder / "outgoing", OutgoingJob, self._work)
        self._beginning: set[str] = set()

    async def take_up(self, line: str) -> None:
        """Begin the messages of that line that were made, and no more, when the last program ended."""
        for message in await asyncio.to_thread(self._store.messages):
            known = message.metadata
            if known is None or known.line != line or known.delivery is not Delivery.SENDING:
                continue
            try:
                await self.begin(message)
            except MessageError as error:
                self.came(known.id, None, Delivery.FAILED, str(error))

    async def begin(self, message: StoredMessage) -> None:
        """Seal a message for the peer that its metadata name, unless that has begun. Raises `MessageError`."""
        known = message.metadata
        if known is None or known.peer is None:
            raise MessageError(f"{message.path.name} is for nobody")
        if known.id in self.jobs or known.id in self._beginning:
            return
        self._beginning.add(known.id)
        try:
            await self._seal(message, known, known.peer)
        finally:
            self._beginning.discard(known.id)

    async def _seal(self, message: StoredMessage, known: VoiceMessageMetadata, peer: str) -> None:
        try:
            self.jobs.make_folder()
        except OSError as error:
            raise MessageError(f"{self.jobs.folder} can't be made: {(error.strerror or str(error)).lower()}") from None
        envelope = (await asyncio.to_thread(seal, message.path, known, self.jobs.sealed(known.id))).encode()
        if len(envelope) > MAX_ENVELOPE:
            raise MessageError(f"{message.path.name} is too long to be sent")
        self.jobs.add(known.id, OutgoingJob(person=peer, envelope=envelope, begun=time.time()))

    def came(self, message_id: str, peer: str | None, delivery: Delivery, problem: str | None = None) -> None:
        """A message of ours, to that peer if one is named, has come farther; nothing if it had come so far before."""
        try:
            self._note(message_id, peer, delivery, problem)
        except MessageError as error:
            logger.error("what became of a message can't be noted: %s", error)

    def receipt(self, message_id: str, peer: str, delivery: Delivery) -> None:
        """The same, as the peer says. Raises `OSError` if the disk refuses it: it is to come again."""
        try:
            self._note(message_id, peer, delivery, None)
        except DiskRefuses as error:
            raise OSError(str(error)) from error
        except MessageError as error:
            logger.error("a receipt can't be noted: %s", error)

    def _note(self, message_id: str, peer: str | None, delivery: Delivery, problem: str | None) -> None:
        message = self._store.by_id(message_id)
        known = message.metadata if message is not None else None
        if message is None or known is None or known.delivery is None or peer not in (None, known.peer):
            return
        failed = delivery is Delivery.FAILED and not known.delivery.reaches(Delivery.SENT)  # no device has it
        if failed or delivery.reaches(known.delivery):
            changed = self._store.update(message.path, delivery=delivery, problem=problem)
            self._tell(Came(changed, delivery))

    async def _work(self, job_id: str, job: OutgoingJob) -> None:
        try:
            await self._deliver(job_id, job)
        except (ChannelError, MessageError, OSError) as error:
            self.came(job_id, None, Delivery.FAILED, str(error))
        else:
            self.came(job_id, None, Delivery.SENT)

    async def _deliver(self, job_id: str, job: OutgoingJob) -> None:
        envelope = VoiceMessageEnvelope.decode(job.envelope)
        if job.place is None and await self._goes_in_call(job_id, job, envelope):
            return
        size = envelope.size
        try:
            place = await self._lay_down(job_id, job, size)
        except ChannelRefused:
            if job.place is None:
                raise
            place = await self._lay_down(job_id, msgspec.structs.replace(job, place=None), size)  # its room is gone
        letter = VoiceMessage(message_id=job_id, file=place.file, envelope=job.envelope, sent_at=_milliseconds(job))
        await persist(lambda: self._posted.post(job.person, letter), self._patience)

    async def _goes_in_call(self, job_id: str, job: OutgoingJob, envelope: VoiceMessageEnvelope) -> bool:
        """Whether the peer has it by the call with them. Nothing of that is on disk: a new start begins anew."""

        def letter(call_id: str, number: int) -> VoiceMessageInCall:
            return VoiceMessageInCall(
                message_id=job_id,
                call_id=call_id,
                number=number,
                envelope=job.envelope,
                sent_at=_milliseconds(job),
            )

        sealed = self.jobs.sealed(job_id)
        has_come = await self._calls.give(job.person, sealed, envelope, letter, self._progress(job_id, job))
        return has_come or self._has_come(job_id)

    def _has_come(self, job_id: str) -> bool:
        """Whether the peer has said so in a receipt, which may be there although the call broke."""
        message = self._store.by_id(job_id)
        known = message.metadata if message is not None else None
        return known is not None and known.delivery in (Delivery.DELIVERED, Delivery.HEARD)

    def _progress(self, job_id: str, job: OutgoingJob) -> OnProgress:
        return lambda there, whole: self._tell(Moving(job_id, job.person, there, whole))

    async def _lay_down(self, job_id: str, job: OutgoingJob, size: int) -> Place:
        """The sealed file is in the storage, whole."""
        place = job.place
        if place is None:
            place = await persist(lambda: self._channel.files.reserve(size), self._patience)
            self.jobs.save(job_id, msgspec.structs.replace(job, place=place))
        await upload(
            self._channel.files,
            place,
            self.jobs.sealed(job_id),
            size,
            self._patience,
            self._progress(job_id, job),
        )
        return place


def _milliseconds(job: OutgoingJob) -> int:
    return round(job.begun * 1000)
