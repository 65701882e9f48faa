"""A message on its way in: what its letter says, its sealed file chunk by chunk, and then the message itself."""

import asyncio
import logging
import math
import secrets
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Final

import msgspec

from hullo.lines.direct.channel import ChannelError, Device, PostalChannel
from hullo.lines.direct.letters import VoiceMessage, VoiceMessageInCall
from hullo.messages.courier import TellEvent
from hullo.messages.direct.exchange import NotInCall
from hullo.messages.direct.in_call import CallPaths
from hullo.messages.direct.moving import OnProgress, Patience, download
from hullo.messages.direct.pieces import WINDOW
from hullo.messages.direct.receipts import Receipts
from hullo.messages.envelope import VoiceMessageEnvelope
from hullo.messages.errors import DiskRefuses, MessageError
from hullo.messages.events import Moving, NotReceived, Received
from hullo.messages.jobs import JobQueue, Left, named_after
from hullo.messages.metadata import Direction, VoiceMessageMetadata
from hullo.messages.sealed import IncomingFile, open_sealed
from hullo.messages.store import MessageStore, StoredMessage
from hullo.rendezvous.limits import Buckets

logger = logging.getLogger(__name__)

MAX_INCOMING: Final = 100
"""Messages that are being fetched or wait for it; more are not, and it is said so."""
MESSAGES_AN_HOUR: Final = 60
"""Of one person, in the long run; as many may come at once."""
MAX_LEFT: Final = 20
"""Messages of which only some came, and that nobody may ever send again, are kept so far."""
LEFT_FOR: Final = 14 * 86_400.0
"""Seconds that they are kept; a letter waits no longer."""


class IncomingJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter said, and where the message is to go."""

    name: str
    """Of the message's file."""
    person: str
    letter: VoiceMessage | VoiceMessageInCall
    begun: float
    """Unix time."""
    device: str | None = None
    """Of the person's devices the one in the call."""


class Fetching:
    """Fetches messages, and goes on with those that were not whole when the last program ended."""

    def __init__(
        self,
        line: str,
        channel: PostalChannel,
        calls: CallPaths,
        store: MessageStore,
        receipts: Receipts,
        tell: TellEvent,
        patience: Patience,
    ) -> None:
        self._line = line
        self._channel = channel
        self._calls = calls
        self._store = store
        self._receipts = receipts
        self._tell = tell
        self._patience = patience
        self._floods = Buckets(rate=MESSAGES_AN_HOUR / 3600, burst=MESSAGES_AN_HOUR)
        self.jobs = JobQueue(store.folder / "incoming", IncomingJob, self._work)

    def begin(self, sender: Device, letter: VoiceMessage | VoiceMessageInCall) -> None:
        """A letter has come, and is on disk when this returns.

        One that tells of a message again is answered with the receipt again, and no more. If it came over a call until
        now and lies in the storage instead, it is fetched from there. Raises `OSError` if the disk refuses it: it is to
        come again.
        """
        job_id = named_after(sender.person, letter.message_id)
        try:
            if job_id in self.jobs:
                self._change_way(job_id, letter)
                return
            if self._store.from_peer(self._line, sender.person, letter.message_id) is not None:
                self._receipts.owe(sender.person, letter.message_id, "delivered")
                return
            self._admit(sender, letter)
            now = datetime.now(UTC)
            job = IncomingJob(
                name=self._store.new_path(now).name,
                person=sender.person,
                letter=letter,
                begun=now.timestamp(),
                device=sender.device,
            )
            self.jobs.add(job_id, job)
        except MessageError as error:
            if isinstance(letter, VoiceMessage) and isinstance(error, DiskRefuses):
                raise OSError(str(error)) from error
            if isinstance(letter, VoiceMessage):
                self._lost(sender.person, letter, str(error))
            else:  # its sender will lay it into the storage, and then it is said
                self._calls.refused(letter)

    def forget_left(self) -> None:
        """Remove what came of messages over calls, and was never gone on with."""
        self.jobs.forget_left(older_than=time.time() - LEFT_FOR, most=MAX_LEFT)

    def _change_way(self, job_id: str, letter: VoiceMessage | VoiceMessageInCall) -> None:
        job = self.jobs.read(job_id)
        if job is not None and isinstance(job.letter, VoiceMessageInCall) and isinstance(letter, VoiceMessage):
            VoiceMessageEnvelope.decode(letter.envelope)
            self.jobs.save(job_id, msgspec.structs.replace(job, letter=letter))
            self._calls.withdraw(job.letter)

    def _admit(self, sender: Device, letter: VoiceMessage | VoiceMessageInCall) -> None:
        VoiceMessageEnvelope.decode(letter.envelope)
        if len(self.jobs) >= MAX_INCOMING:
            raise MessageError(f"{MAX_INCOMING} other messages are being fetched")
        if not self._floods.take(sender.person, time.monotonic()):
            raise MessageError(f"{sender.person} sends more than {MESSAGES_AN_HOUR} messages an hour")

    async def _work(self, job_id: str, job: IncomingJob) -> None:
        job = self.jobs.read(job_id) or job  # it may lie in the storage now, after it waited for its turn
        if (there := self._kept_before(job)) is not None:
            self._has_come(job, there)
            return
        if isinstance(job.letter, VoiceMessageInCall):
            if await self._comes_by_call(job_id, job, job.letter):
                return
            job = self.jobs.read(job_id) or job
        if isinstance(job.letter, VoiceMessageInCall):
            self.forget_left()
            raise Left  # until it lies in the storage
        try:
            await self._download(job_id, job, job.letter)
            message = await self._keep(job_id, job)
        except (ChannelError, MessageError, OSError) as error:
            self._lost(job.person, job.letter, str(error))
        else:
            self._has_come(job, message)

    def _kept_before(self, job: IncomingJob) -> StoredMessage | None:
        """The message, if the last program ended between keeping it and telling of it."""
        with suppress(MessageError):
            return self._store.from_peer(self._line, job.person, job.letter.message_id)
        return None

    async def _comes_by_call(self, job_id: str, job: IncomingJob, letter: VoiceMessageInCall) -> bool:
        """Whether the message has come. If not, its sender will lay it into the storage, and says when it is there."""
        try:
            envelope = VoiceMessageEnvelope.decode(letter.envelope)
            with closing(
                IncomingFile(self.jobs.sealed(job_id), envelope, window=WINDOW, patience=math.inf)
            ) as incoming:
                await self._calls.take(Device(job.person, job.device or ""), letter, incoming, self._progress(job))
            message = await self._keep(job_id, job)
        except (NotInCall, MessageError, OSError) as error:
            logger.info("a voice message did not come over its call: %s", error)
            self._calls.refused(letter)
            return False
        self._calls.kept(letter)
        self._has_come(job, message)
        return True

    async def _download(self, job_id: str, job: IncomingJob, letter: VoiceMessage) -> None:
        envelope = VoiceMessageEnvelope.decode(letter.envelope)
        with closing(IncomingFile(self.jobs.sealed(job_id), envelope)) as incoming:
            await download(self._channel.files, letter.file, incoming, self._patience, self._progress(job))

    async def _keep(self, job_id: str, job: IncomingJob) -> StoredMessage:
        envelope = VoiceMessageEnvelope.decode(job.letter.envelope)
        path = self._store.folder / job.name
        await asyncio.to_thread(open_sealed, self.jobs.sealed(job_id), envelope, path)
        described = VoiceMessageMetadata(
            id=secrets.token_hex(8),
            created=datetime.fromtimestamp(min(job.letter.sent_at / 1000, job.begun), UTC),
            duration=envelope.duration,
            size=path.stat().st_size,
            waveform=envelope.waveform,
            bitrate=0,
            codec=envelope.codec,
            direction=Direction.RECEIVED,
            line=self._line,
            peer=job.person,
            peer_message_id=job.letter.message_id,
        )
        return self._store.add(path, described)

    def _progress(self, job: IncomingJob) -> OnProgress:
        return lambda there, whole: self._tell(Moving(job.letter.message_id, job.person, there, whole))

    def _has_come(self, job: IncomingJob, message: StoredMessage) -> None:
        self._receipts.owe(job.person, job.letter.message_id, "delivered")
        self._tell(Received(message))

    def _lost(self, person: str, letter: VoiceMessage, detail: str) -> None:
        logger.warning("a voice message can't be had")
        self._tell(NotReceived(self._line, person, letter.message_id, detail))
