"""The secure channel of our own: sessions with devices, over a rendezvous that is not trusted with anything."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from hullo.lines.direct.channel import (
    ChannelError,
    ChannelRefused,
    Device,
    Notice,
    OnMessage,
    OnNotice,
    OnSealed,
    OnUnread,
    Place,
    Sealed,
    ignore_sealed,
)
from hullo.lines.direct.private.asking import Asking
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.client import RendezvousClient
from hullo.lines.direct.private.control import MESSAGE, NOTHING, UNREAD, parse_unread
from hullo.lines.direct.private.envelope import digest_of
from hullo.lines.direct.private.files import RendezvousFiles
from hullo.lines.direct.private.joining import NEW
from hullo.lines.direct.private.linking import Handover, LinkCode, LinkError, seal_handover
from hullo.lines.direct.private.outbox import KEEP_SECONDS, WAIT_SECONDS, Outbox
from hullo.lines.direct.private.sessions import Refused, Sessions
from hullo.lines.direct.private.unlinking import UnlinkError, check_unlinking, unlinked_because
from hullo.rendezvous.limits import Buckets
from hullo.rendezvous.wire import Envelope, Succeeded, Succession, WireError

logger = logging.getLogger(__name__)

LOW_PREKEYS = 20
RENEW_EVERY = 30.0
"""Seconds between two new sessions with a device that uses one we do not have."""
DISK_RETRY = 60.0
"""Seconds between two attempts to take letters that the disk has refused."""
MAX_REFUSED = 100
"""Letters that are tried again so; more come again with the next connection."""
LOOK_AT_KEYS_EVERY = 3600.0
"""Seconds between two looks, while connected, whether new keys should be published."""


class PrivateChannel:
    """See `hullo.lines.direct.channel.PostalChannel`. Every attack and mishap is told to `on_notice` by its kind:

    `forged`, `replayed`, `malformed`, `stranger`, `flood`, `key-changed`, `withdrawn-key`, `device-removed`,
    `unlinked`, `unknown-session`, `unknown-prekey`, `asked-again`, `prekeys-low`, `prekeys-spent`,
    `rendezvous-rubbish`. Of the same kind and person at most one a second.
    """

    def __init__(self, urls: Sequence[str], sessions: Sessions, book: ContactBook) -> None:
        """`urls` are those of the nodes of one rendezvous: `wss://host/rendezvous`."""
        self.own = sessions.keys.own
        self._sessions = sessions
        self._book = book
        self._client = RendezvousClient(
            urls,
            sessions.keys.own,
            sessions.keys.identity,
            on_envelope=self._arrived,
            on_low_prekeys=self._prekeys_low,
            on_rubbish=lambda error: self._notice("rendezvous-rubbish", None, error),
            on_succeeded=self._key_followed,
        )
        self._client.stop(sessions.keys.unlinked)
        self.keeps_letters = False
        self.on_unread: OnUnread = _ignore_unread
        self._turn = asyncio.Lock()
        self._outbox = Outbox(self._client, sessions, book, self._turn, self._notice)
        self._asking = Asking(self._outbox.ask, self._client.took, self._asked)
        self.files = RendezvousFiles(lambda: self._client.node, self._reserve)
        self._on_message: OnMessage = _ignore_message
        self._on_notice: OnNotice = _ignore_notice
        self._told = Buckets(rate=1.0, burst=1.0)
        self._floods = Buckets(rate=20.0, burst=200.0)
        self._renewals = Buckets(rate=1 / RENEW_EVERY, burst=1.0)
        self._refused_letters: dict[str, Envelope] = {}
        self._announcing = False
        self._telling: set[asyncio.Task[None]] = set()
        """What we send by ourselves, so that others know of a session or a key."""

    def problem(self) -> str | None:
        """Why the rendezvous can't be used at the moment; None while it can."""
        return self._client.problem()

    async def run(self, on_message: OnMessage, on_notice: OnNotice) -> None:
        """Be there for others until cancelled."""
        self._on_message, self._on_notice = on_message, on_notice
        self._book.on_notice = self._tell
        if self._sessions.keys.unlinked is not None:
            self._notice("unlinked", None, self._sessions.keys.unlinked)
        try:
            async with self.files.open(), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_keys_fresh(), name="fresh keys")
                tasks.create_task(self._asking.run(), name="letters asked for again")
                tasks.create_task(self._take_refused_letters(), name="letters that the disk refused")
                await self._client.run()
        finally:
            for task in self._telling:
                task.cancel()
            await asyncio.gather(*self._telling, return_exceptions=True)

    async def send(self, person: str, data: bytes, *, device: str | None = None) -> None:
        """Send to one device of a contact, or to all of them. Raises `ChannelError`."""
        await self._checked(person, MESSAGE + data, device, WAIT_SECONDS)

    async def post(
        self, person: str, data: bytes, *, device: str | None = None, on_sealed: OnSealed = ignore_sealed
    ) -> None:
        """The same, for devices that may be away for days. Raises `ChannelError`."""
        await self._checked(person, MESSAGE + data, device, KEEP_SECONDS, on_sealed)

    async def devices_of(self, person: str) -> tuple[str, ...]:
        """The devices of a contact: they all get an empty message, and the rendezvous tells of those we do not know.

        Raises `ChannelError`.
        """
        return tuple(sorted(await self._checked(person, NOTHING, None, WAIT_SECONDS)))

    async def hand_over(self, code: LinkCode) -> None:
        """Make the device that shows this code one more device of our person, with our identity and contacts.

        Raises `LinkError`.
        """
        try:
            devices = {*await self._client.devices(), self.own.device}
            handover = Handover(
                person=self.own.person,
                seed=self._sessions.keys.identity.seed,
                devices=tuple(sorted(devices)),
                contacts=self._book.entries(),
                successions=self._sessions.keys.successions,
            )
            envelopes = {NEW: seal_handover(code, handover)}
            sent = await self._client.post(code.mailbox, envelopes, seconds=WAIT_SECONDS, everywhere=False)
        except ChannelError as error:
            raise LinkError(f"no new device waits with that code at this rendezvous: {error}") from None
        if sent.gone or sent.full:
            raise LinkError("no new device waits with that code any more; begin again there")

    async def devices(self) -> tuple[str, ...]:
        """The devices of our person, as far as the rendezvous tells, and this one. Raises `ChannelError`."""
        return tuple(sorted({*await self._client.devices(), self.own.device}))

    async def unlink(self, device: str, *, unlisted: bool = False) -> tuple[str, ...]:
        """Remove a device of our person, by a new key that it does not get; our contacts are told.

        Gives all that were removed: the others do not get the key either, and have to be linked again. With `unlisted`
        it may be one of which the rendezvous does not tell. Raises `UnlinkError`.
        """
        try:
            others = set(await self.devices()) - {self.own.device}
            check_unlinking(device, self.own.device, others, unlisted=unlisted)
            async with self._turn:
                step = self._sessions.keys.propose(tuple(sorted(others | {device})), int(time.time()))
            await self._client.succeed(step)
            async with self._turn:
                self._adopt((step,))
        except (ChannelError, OSError) as error:
            why = getattr(error, "strerror", None) or error
            advice = "look again with: hullo contacts devices"
            raise UnlinkError(f"{device} is not unlinked (yet): {why}; {advice}") from None
        await self._publish()
        self._announce()
        return step.removed

    async def contacts_told(self) -> None:
        """Return when what we send by ourselves is on its way; a new key that others should know of, for instance."""
        while self._telling:
            await asyncio.wait(self._telling)

    def _key_followed(self, succeeded: Succeeded) -> str | None:
        """Our key was followed by another one: ours, if we have asked for it and did not hear that it was taken."""
        steps = self._sessions.keys.own_steps(succeeded.successions)
        if not steps:
            raise WireError("it shows a new key of ours that our own has not signed")
        if self._adopt(steps):
            return None
        why = unlinked_because(self.own, steps[0])
        self._sessions.keys.unlink(why)
        self._notice("unlinked", None, why)
        return why

    def _adopt(self, steps: tuple[Succession, ...]) -> bool:
        """Go on with the key of the last step, if we have it; contacts are told once it has prekeys."""
        if not self._sessions.keys.adopt(steps):
            return False
        self._client.identity = self._sessions.keys.identity
        return True

    def _announce(self) -> None:
        """Tell all contacts of a key that has followed another one, if that was not done; once at a time."""
        if not self._sessions.keys.told and not self._announcing:
            self._announcing = True
            self._by_ourselves(self._tell_contacts(), "new key")

    async def _tell_contacts(self) -> None:
        """An empty message in a new session shows them the new key; who can't be told now will see it later."""
        for person, entry in self._book.entries().items():
            if entry.contact and not entry.blocked and entry.identity is not None:
                await self._outbox.begin_anew(person, (), KEEP_SECONDS)
        self._announcing = False
        if self.problem() is None:
            async with self._turn:
                with suppress(OSError):  # they are told again the next time
                    self._sessions.keys.contacts_told()

    async def _reserve(self, size: int) -> Place:
        room = await self._client.reserve(size)
        return Place(room.file, room.ticket)

    async def _checked(
        self, person: str, message: bytes, device: str | None, seconds: float, on_sealed: OnSealed = ignore_sealed
    ) -> set[str]:
        if not self._book.may_ring(person):
            raise ChannelRefused(f"{person} is not among your contacts: hullo contacts add {person}")
        try:
            return await self._outbox.send(person, message, (device,) if device else None, seconds, on_sealed)
        except Refused as refused:
            self._notice(refused.kind, person, str(refused))
            raise ChannelRefused(str(refused)) from None
        except OSError as error:
            raise ChannelError(f"the disk refuses the keys, so nothing is sent: {error.strerror or error}") from None

    # What the rendezvous brings

    async def _arrived(self, envelope: Envelope) -> None:
        try:
            done = await self._read(envelope)
        except OSError as error:
            logger.error("a message can't be taken, for the disk refuses it: %s", error.strerror or error)
            if envelope.letter is not None and len(self._refused_letters) < MAX_REFUSED:
                self._refused_letters[envelope.letter] = envelope
            return
        if done and envelope.letter is not None:
            try:
                await self._client.took(envelope.letter)
            except ChannelError as error:
                logger.info("a letter will come again: %s", error)

    async def _take_refused_letters(self) -> None:
        """They come again with the next connection; this one may last for months."""
        while True:
            await asyncio.sleep(DISK_RETRY)
            refused, self._refused_letters = self._refused_letters, {}
            for envelope in refused.values():
                await self._arrived(envelope)

    async def _read(self, envelope: Envelope) -> bool:
        """Whether it need not come again: it was read, or will never be readable."""
        sender, now = Device(envelope.person, envelope.device), time.monotonic()
        if envelope.letter is not None and not self.keeps_letters:
            self._sessions.hear_of_successor(sender, envelope.data)
            return False
        if not self._floods.take(sender.person, now):
            self._notice("flood", sender.person, f"more messages in the name of {sender.person} than can be read")
            return False
        if not self._book.may_ring(sender.person):
            self._notice("stranger", sender.person, f"{sender.person} is not among the contacts, or blocked")
            return True
        try:
            async with self._turn:
                await self._sessions.decrypt(sender, envelope.data, lambda message: self._take(sender, message))
        except Refused as refused:
            return self._refused(sender, envelope, refused)
        self._book.remember_device(sender.person, sender.device)
        if self._sessions.current(sender) is None and self._renewals.take(sender, now):
            self._renew(sender)
        return True

    def _take(self, sender: Device, message: bytes) -> None:
        """What a device says, before its session moves on: it is safe when this returns. Raises `OSError`."""
        if message.startswith(MESSAGE):
            self._on_message(sender, message[1:])
        elif message.startswith(UNREAD):
            identity = self._book.identity(sender.person) or b""
            for digest in parse_unread(message):
                self.on_unread(sender, Sealed(digest, identity))

    def _refused(self, sender: Device, envelope: Envelope, refused: Refused) -> bool:
        """Whether the envelope need not come again."""
        if refused.kind != "replayed" or envelope.letter is None:  # a letter may come twice
            self._notice(refused.kind, sender.person, str(refused))
        if envelope.letter is not None and refused.lost:
            return self._asking.want(sender, digest_of(envelope.data), envelope.letter)
        if refused.kind in ("unknown-session", "unknown-prekey") and self._renewals.take(sender, time.monotonic()):
            self._renew(sender)
        return True

    def _asked(self, sender: Device, letters: int) -> None:
        detail = (
            f"what {sender} has sent (voice messages or receipts: {letters}) could not be read, because the keys to it "
            "are lost here; it was asked to send it again"
        )
        self._notice("asked-again", sender.person, detail)

    def _renew(self, peer: Device) -> None:
        """The peer uses a session or prekey that is lost here, or older than our key; an empty message tells it."""
        self._by_ourselves(self._outbox.begin_anew(peer.person, (peer.device,), WAIT_SECONDS), "new session")

    def _by_ourselves(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _prekeys_low(self, left: int) -> None:
        """The rendezvous tells how many prekeys of ours it has left; when we are new there, none."""
        if 0 < left < LOW_PREKEYS:
            self._notice("prekeys-low", None, f"{left} one-time prekeys are left: somebody asks for many; making more")
        if left < LOW_PREKEYS or self._sessions.keys.publication_due():
            await self._publish()
        self._announce()

    async def _keep_keys_fresh(self) -> None:
        """A connection may last for months, and its beginning is the only time when we are asked for keys."""
        while True:
            await asyncio.sleep(LOOK_AT_KEYS_EVERY)
            if self._sessions.keys.publication_due() and self.problem() is None:
                await self._publish()

    async def _publish(self) -> None:
        try:
            async with self._turn:
                keys = self._sessions.keys.publish()
            await self._client.publish(keys)
        except (ChannelError, OSError) as error:
            logger.warning("prekeys could not be published: %s", error)

    def _notice(self, kind: str, person: str | None, detail: str) -> None:
        self._tell(Notice(kind=kind, person=person, detail=detail))

    def _tell(self, notice: Notice) -> None:
        if self._told.take((notice.kind, notice.person), time.monotonic()):
            self._on_notice(notice)


def _ignore_unread(sender: Device, sealed: Sealed) -> None: ...
def _ignore_message(sender: Device, data: bytes) -> None: ...
def _ignore_notice(notice: Notice) -> None: ...
