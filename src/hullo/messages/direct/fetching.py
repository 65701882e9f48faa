"""A message on its way in: what its letter says, its sealed file chunk by chunk, and then the message itself."""

import asyncio
import logging
import secrets
import time
from datetime import UTC, datetime
from typing import Final

import msgspec

from hullo.lines.direct.channel import ChannelError, Device, PostalChannel
from hullo.lines.direct.letters import VoiceMessage
from hullo.messages.courier import TellEvent
from hullo.messages.direct.moving import Patience, download
from hullo.messages.direct.receipts import Receipts
from hullo.messages.envelope import VoiceMessageEnvelope
from hullo.messages.errors import MessageError
from hullo.messages.events import Moving, NotReceived, Received
from hullo.messages.jobs import JobQueue, named_after
from hullo.messages.metadata import Direction, VoiceMessageMetadata
from hullo.messages.sealed import IncomingFile, open_sealed
from hullo.messages.store import MessageStore, StoredMessage
from hullo.rendezvous.limits import Buckets

logger = logging.getLogger(__name__)

MAX_INCOMING: Final = 100
"""Messages that are being fetched or wait for it; more are not, and it is said so."""
MESSAGES_AN_HOUR: Final = 60
"""Of one person, in the long run; as many may come at once."""


class IncomingJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter said, and where the message is to go."""

    name: str
    """Of the message's file."""
    person: str
    letter: VoiceMessage
    begun: float
    """Unix time."""


class Fetching:
    """Fetches messages, and goes on with those that were not whole when the last program ended."""

    def __init__(
        self,
        line: str,
        channel: PostalChannel,
        store: MessageStore,
        receipts: Receipts,
        tell: TellEvent,
        patience: Patience,
    ) -> None:
        self._line = line
        self._channel = channel
        self._store = store
        self._receipts = receipts
        self._tell = tell
        self._patience = patience
        self._floods = Buckets(rate=MESSAGES_AN_HOUR / 3600, burst=MESSAGES_AN_HOUR)
        self.jobs = JobQueue(store.folder / "incoming", IncomingJob, self._work)

    def begin(self, sender: Device, letter: VoiceMessage) -> None:
        """A letter has come. One that tells of a message again is answered with the receipt again, and no more."""
        job_id = named_after(sender.person, letter.message_id)
        if job_id in self.jobs:
            return
        try:
            if self._store.from_peer(self._line, sender.person, letter.message_id) is not None:
                self._receipts.owe(sender.person, letter.message_id, "delivered")
                return
            self._admit(sender, letter)
            now = datetime.now(UTC)
            name = self._store.new_path(now).name
            self.jobs.add(job_id, IncomingJob(name=name, person=sender.person, letter=letter, begun=now.timestamp()))
        except MessageError as error:
            self._lost(sender.person, letter, str(error))

    def _admit(self, sender: Device, letter: VoiceMessage) -> None:
        VoiceMessageEnvelope.decode(letter.envelope)
        if len(self.jobs) >= MAX_INCOMING:
            raise MessageError(f"{MAX_INCOMING} other messages are being fetched")
        if not self._floods.take(sender.person, time.monotonic()):
            raise MessageError(f"{sender.person} sends more than {MESSAGES_AN_HOUR} messages an hour")

    async def _work(self, job_id: str, job: IncomingJob) -> None:
        try:
            message = await self._fetch(job_id, job)
        except (ChannelError, MessageError, OSError) as error:
            self._lost(job.person, job.letter, str(error))
        else:
            self._receipts.owe(job.person, job.letter.message_id, "delivered")
            self._tell(Received(message))

    async def _fetch(self, job_id: str, job: IncomingJob) -> StoredMessage:
        envelope = VoiceMessageEnvelope.decode(job.letter.envelope)
        incoming = IncomingFile(self.jobs.sealed(job_id), envelope)
        try:
            await download(
                self._channel.files,
                job.letter.file,
                incoming,
                self._patience,
                lambda there, whole: self._tell(Moving(job.letter.message_id, job.person, there, whole)),
            )
        finally:
            incoming.close()
        path = self._store.folder / job.name
        await asyncio.to_thread(open_sealed, incoming.path, envelope, path)
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

    def _lost(self, person: str, letter: VoiceMessage, detail: str) -> None:
        logger.warning("a voice message can't be had")
        self._tell(NotReceived(self._line, person, letter.message_id, detail))
