"""What we say, sealed for each device of a person in the session that there is or in a new one, and posted."""

import asyncio
import logging
from collections.abc import Callable, Iterable

import msgspec

from hullo.lines.direct.channel import ChannelError, ChannelRefused, Device, OnSealed, Sealed
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.client import RendezvousClient
from hullo.lines.direct.private.control import NOTHING
from hullo.lines.direct.private.envelope import digest_of
from hullo.lines.direct.private.sessions import NoSession, Refused, Sessions
from hullo.rendezvous.wire import Bundle, Bundles, Sent

logger = logging.getLogger(__name__)

WAIT_SECONDS = 60.0
"""How long the rendezvous keeps an envelope for a device that is away: as long as a call rings."""
KEEP_SECONDS = 14 * 86_400.0
"""How long it keeps a letter."""


class Outbox:
    """Seals and posts. Whoever seals or opens has the `turn`: a session's keys move on with each message."""

    def __init__(
        self,
        client: RendezvousClient,
        sessions: Sessions,
        book: ContactBook,
        turn: asyncio.Lock,
        notice: Callable[[str, str | None, str], None],
    ) -> None:
        """`notice` is told the kind, the person and the text of a `Notice`."""
        self._client = client
        self._sessions = sessions
        self._book = book
        self._turn = turn
        self._notice = notice

    async def send(
        self, person: str, message: bytes, devices: tuple[str, ...] | None, seconds: float, on_sealed: OnSealed
    ) -> set[str]:
        """To those devices of a person, or all: gives the devices that there are of them.

        Raises `ChannelError`, `Refused` when there are only keys that are not theirs, and `OSError` when the disk takes
        no keys, or `on_sealed` raises it.
        """
        everywhere = devices is None
        envelopes, unknown = await self._sealed(person, message, devices or self._book.devices(person))
        if unknown or (everywhere and not envelopes):
            envelopes |= await self._begun(person, message, unknown, needed=not envelopes)
        if not envelopes:
            raise ChannelRefused(f"{person} has no device at the rendezvous that can be called")
        await on_sealed(self._named(person, envelopes))
        sent = await self._client.post(person, envelopes, seconds=seconds, everywhere=everywhere)
        self._book.forget_devices(person, sent.gone)
        reached = set(envelopes).difference(sent.gone, sent.full)
        try:
            reached |= await self._sent_further(person, message, sent.missing, seconds, on_sealed)
        except ChannelError as error:
            if not reached:
                raise
            logger.info("a message did not reach all devices: %s", error)
        if not reached and sent.full:
            raise ChannelRefused(f"the mailbox of {person} at the rendezvous is full; try again later")
        if not reached:
            raise ChannelRefused(f"no device of {person} that was written to is at the rendezvous any more")
        return {*envelopes, *sent.missing}.difference(sent.gone)

    async def begin_anew(self, person: str, devices: tuple[str, ...], seconds: float) -> None:
        """Show devices, or all of a person's, a new session by an empty message in it; as far as that can be done."""
        try:
            envelopes = await self._begun(person, NOTHING, devices)
            if envelopes:
                await self._post_control(person, envelopes, seconds)
        except (ChannelError, Refused, OSError) as error:
            logger.info("a session could not be renewed: %s", type(error).__name__)

    async def ask(self, sender: Device, message: Callable[[], bytes]) -> None:
        """See `hullo.lines.direct.private.asking.Ask`."""
        fetched = await self._client.fetch(sender.person, (sender.device,))
        bundles = tuple(bundle for bundle in fetched.bundles if bundle.device == sender.device)
        envelopes = await self._sealed_anew(sender.person, message(), msgspec.structs.replace(fetched, bundles=bundles))
        if not envelopes:
            raise ChannelRefused(f"{sender} is not at the rendezvous any more")
        sent = await self._post_control(sender.person, envelopes, KEEP_SECONDS)
        if sent.gone:
            raise ChannelRefused(f"{sender} is not at the rendezvous any more")
        if sent.full:
            raise ChannelError(f"the mailbox of {sender} is full")

    async def _sent_further(
        self, person: str, message: bytes, devices: tuple[str, ...], seconds: float, on_sealed: OnSealed
    ) -> set[str]:
        """Send to devices of which we did not know; those that it reaches."""
        envelopes = await self._begun(person, message, devices, needed=False) if devices else {}
        if not envelopes:
            return set()
        await on_sealed(self._named(person, envelopes))
        sent = await self._client.post(person, envelopes, seconds=seconds, everywhere=False)
        return set(envelopes).difference(sent.gone, sent.full)

    def _named(self, person: str, envelopes: dict[str, bytes]) -> dict[str, Sealed]:
        identity = self._book.identity(person) or b""
        return {device: Sealed(digest_of(data), identity) for device, data in envelopes.items()}

    async def _sealed(
        self, person: str, message: bytes, devices: Iterable[str]
    ) -> tuple[dict[str, bytes], tuple[str, ...]]:
        """Envelopes for the devices that we have a session with, and the other devices."""
        envelopes, unknown = {}, []
        async with self._turn:
            for device in devices:
                try:
                    envelopes[device] = await self._sessions.encrypt(Device(person, device), message)
                except NoSession:
                    unknown.append(device)
        return envelopes, tuple(unknown)

    async def _begun(
        self, person: str, message: bytes, devices: tuple[str, ...], *, needed: bool = True
    ) -> dict[str, bytes]:
        """Envelopes in new sessions, with all devices if none is named.

        Keys that are not theirs are noticed; if there are no others and one is `needed`, that is raised as `Refused`.
        """
        return await self._sealed_anew(person, message, await self._client.fetch(person, devices), needed=needed)

    async def _sealed_anew(
        self, person: str, message: bytes, fetched: Bundles, *, needed: bool = True
    ) -> dict[str, bytes]:
        envelopes: dict[str, bytes] = {}
        refused: Refused | None = None
        async with self._turn:
            for bundle in fetched.bundles:
                self._warn_if_spent(person, bundle)
                peer = Device(person, bundle.device)
                try:
                    envelopes[bundle.device] = await self._sessions.encrypt(peer, message, bundle, fetched.successions)
                except Refused as error:
                    refused = error
                else:
                    self._book.remember_device(person, bundle.device)
        if refused is not None and needed and not envelopes:
            raise refused
        if refused is not None:
            self._notice(refused.kind, person, str(refused))
        return envelopes

    def _warn_if_spent(self, person: str, bundle: Bundle) -> None:
        if bundle.prekey is None:
            detail = (
                f"{person}/{bundle.device} has no one-time prekeys left: its first message has less forward secrecy"
            )
            self._notice("prekeys-spent", person, detail)

    async def _post_control(self, person: str, envelopes: dict[str, bytes], seconds: float) -> Sent:
        try:
            return await self._client.post(person, envelopes, seconds=seconds, everywhere=False)
        except ChannelRefused:  # a rendezvous that keeps no letters
            return await self._client.post(person, envelopes, seconds=WAIT_SECONDS, everywhere=False)
