"""What the sender of a message is told: that it has come, and that it was heard."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeAlias

import msgspec

from hullo.lines.direct.channel import ChannelError
from hullo.lines.direct.letters import Receipt
from hullo.messages.direct.moving import Patience, persist
from hullo.messages.direct.posted import PostedLetters
from hullo.messages.errors import MessageError
from hullo.messages.jobs import JobQueue, named_after
from hullo.messages.store import MessageStore

logger = logging.getLogger(__name__)

TRIED_FOR: Final = 14 * 86_400.0
"""Seconds after which a receipt that could not be sent is forgotten."""

ReceiptKind: TypeAlias = Literal["delivered", "heard"]


class ReceiptJob(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is to be told what became of their message."""

    person: str
    message_id: str
    kind: ReceiptKind
    begun: float
    """Unix time."""


class Receipts:
    """Sends receipts of the kinds that are switched on."""

    def __init__(
        self, posted: PostedLetters, store: MessageStore, patience: Patience, *, delivered: bool, heard: bool
    ) -> None:
        self._posted = posted
        self._patience = patience
        self._wanted = {"delivered": delivered, "heard": heard}
        self.jobs = _queue(store, self._work)

    def owe(self, person: str, message_id: str, kind: ReceiptKind) -> None:
        """Tell them, now or as soon as that is possible."""
        if not self._wanted[kind]:
            return
        try:
            _add(self.jobs, person, message_id, kind)
        except MessageError as error:
            logger.error("a receipt can't be sent: %s", error)

    async def _work(self, job_id: str, job: ReceiptJob) -> None:
        receipt = Receipt(message_id=job.message_id, kind=job.kind)
        while True:
            try:
                await persist(lambda: self._posted.post(job.person, receipt), self._patience)
                return
            except ChannelError as error:
                if self._patience.is_final(error) or time.time() - job.begun > TRIED_FOR:
                    logger.info("a receipt was not sent: %s", error)
                    return


def leave_receipt(store: MessageStore, person: str, message_id: str, kind: ReceiptKind) -> None:
    """Keep a receipt for the next program that has the line. Raises `MessageError`."""
    _add(_queue(store, _left_alone), person, message_id, kind)


def _queue(store: MessageStore, work: Callable[[str, ReceiptJob], Awaitable[None]]) -> JobQueue[ReceiptJob]:
    return JobQueue(store.folder / "receipts", ReceiptJob, work)


def _add(jobs: JobQueue[ReceiptJob], person: str, message_id: str, kind: ReceiptKind) -> None:
    job = ReceiptJob(person=person, message_id=message_id, kind=kind, begun=time.time())
    jobs.add(named_after(person, message_id, kind), job)


async def _left_alone(job_id: str, job: ReceiptJob) -> None: ...
