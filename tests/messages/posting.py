"""Two people who send each other voice messages over a rendezvous, with a middleman between if a test wants one."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from yarl import URL

from hullo.lines.direct.channel import Device
from hullo.messages.courier import TellEvent
from hullo.messages.direct.courier import DirectCourier
from hullo.messages.direct.moving import Patience
from hullo.messages.direct.pace import PaceLimits
from hullo.messages.events import MessageEvent, Moving
from hullo.messages.messenger import Messenger
from hullo.messages.metadata import Delivery, Direction, VoiceMessageMetadata
from hullo.messages.store import MessageStore, StoredMessage
from hullo.rendezvous.directory import Directory
from hullo.rendezvous.files import FileHandlers
from hullo.rendezvous.keeping import Keeping
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import PATH
from hullo.rendezvous.storage import Storage, StorageLimits
from hullo.rtc.parameters import Consent, IceOptions
from hullo.speech.service import SpeechService
from tests.lines.direct.memory_channel import DEADLINE
from tests.lines.direct.rendezvous import Member, Town, town

PATIENT = IceOptions(consent=Consent(expiry=30.0))
"""A busy machine ends no call."""
QUICK = Patience(first=0.01, most=0.05, give_up=1.0)


class Desk:
    """A person's messages, and what happened to them, without the progress."""

    def __init__(self, member: Member, folder: Path, patience: Patience, receipts: bool, limits: PaceLimits) -> None:
        self.store = MessageStore(folder)
        self.events: list[MessageEvent] = []
        self.progress: list[Moving] = []
        self.member = member
        self.courier = DirectCourier(
            member.line,
            member.channel,
            self.store,
            self._tell,
            delivered=receipts,
            heard=receipts,
            patience=patience,
            limits=limits,
        )

    def _tell(self, event: MessageEvent) -> None:
        self.progress.append(event) if isinstance(event, Moving) else self.events.append(event)

    async def send(self, sound: bytes, to: str) -> StoredMessage:
        """Send some bytes as if they were a message."""
        message = kept(self.store, sound, to)
        await self.courier.send(message)
        return message

    async def event(self, kind: type[MessageEvent], number: int = 1) -> MessageEvent:
        """Wait for the n-th event of a kind."""
        async with asyncio.timeout(DEADLINE):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < number:
                await asyncio.sleep(0.005)
        return found[number - 1]

    async def came(self, message: StoredMessage, delivery: Delivery, seconds: float = DEADLINE) -> VoiceMessageMetadata:
        """Wait until a message of ours came so far."""
        async with asyncio.timeout(seconds):
            while (known := self.known(message)).delivery is not delivery:
                await asyncio.sleep(0.005)
        return known

    def known(self, message: StoredMessage) -> VoiceMessageMetadata:
        """What is known of a message now."""
        assert message.metadata is not None
        found = self.store.by_id(message.metadata.id)
        assert found is not None
        assert found.metadata is not None
        return found.metadata


def kept(store: MessageStore, sound: bytes, to: str) -> StoredMessage:
    """A message to somebody, in the folder."""
    now = datetime.now(UTC)
    path = store.new_path(now)
    path.write_bytes(sound)
    rng = random.Random(len(sound))
    described = VoiceMessageMetadata(
        id=rng.randbytes(8).hex(),
        created=now,
        duration=len(sound) / 3000,
        size=len(sound),
        waveform=rng.randbytes(63),
        bitrate=24_000,
        direction=Direction.SENT,
        line="direct",
        peer=to,
        delivery=Delivery.SENDING,
    )
    return store.add(path, msgspec.structs.replace(described))


def some_sound(size: int = 900_000, seed: int = 1) -> bytes:
    """As large as a message of 5 minutes; nothing in it is there twice."""
    return b"OggS and hullo" + random.Random(seed).randbytes(size)


class Office:
    """The rendezvous with its folder, and desks that can be added."""

    def __init__(self, here: Town, directory: Directory, folder: Path, root: Path) -> None:
        self.town = here
        self._directory = directory
        self.folder = folder
        self._root = root

    @property
    def port(self) -> int:
        """Where the rendezvous is."""
        return URL(self.town.urls[0]).port or 0

    async def introduce(self, own: Device, contact: str) -> None:
        """Somebody is known here, and away."""
        async with self.town.visiting(own, contact):
            await self.known(own)

    async def known(self, own: Device) -> None:
        """Wait until somebody can be written to."""
        async with asyncio.timeout(DEADLINE):
            while not self._directory.prekeys_left(own.person, own.device):
                await asyncio.sleep(0.002)

    @asynccontextmanager
    async def desk(
        self,
        own: Device,
        contact: str,
        *,
        patience: Patience = QUICK,
        receipts: bool = True,
        url: str | None = None,
        limits: PaceLimits = PaceLimits(),  # noqa: B008  # frozen
    ) -> AsyncIterator[Desk]:
        """Somebody's desk, until the end of the block; a second time it is as it was left. They can be written to.

        Unless they come by another `url` than that of the rendezvous: the way may be broken.
        """
        async with self.town.visiting(own, contact, ready=False, url=url) as member:
            desk = Desk(member, self._root / f"messages-{own.person}", patience, receipts, limits)
            async with running(desk.courier.run()):
                if url is None:
                    await self.known(own)
                yield desk

    @asynccontextmanager
    async def messenger(
        self, own: Device, contact: str, tell: TellEvent, speech: SpeechService | None = None
    ) -> AsyncIterator[Messenger]:
        """Somebody's messages as a daemon has them, until the end of the block."""
        async with self.town.visiting(own, contact, ready=False) as member:
            store = MessageStore(self._root / f"messages-{own.person}")
            found = Messenger(store, tell, speech=speech)
            found.add(lambda store, tell: DirectCourier(member.line, member.channel, store, tell, patience=QUICK))
            async with running(found.run()):
                await self.known(own)
                yield found


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something that runs until the end of the block, and must not end before."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError), results


MakeFiles = Callable[[Storage], FileHandlers]


@asynccontextmanager
async def office(
    root: Path, *, make_files: MakeFiles = FileHandlers, limits: StorageLimits | None = None
) -> AsyncIterator[Office]:
    """A rendezvous with storage, until the end of the block."""
    folder = root / "rendezvous"
    keeping = Keeping(folder, limits)
    directory = Directory(root / "rendezvous.db")
    node = Node(LocalStore(directory), keeping=keeping)
    async with town(root / "vaults", node, make_files(keeping.storage)) as here:
        here.ice = PATIENT
        yield Office(here, directory, folder, root)
    directory.close()


class Way:
    """A way to the rendezvous, and how often it broke."""

    def __init__(self) -> None:
        self.url = ""
        self.breaks = 0


@asynccontextmanager
async def breaking_way(port: int, after: int) -> AsyncIterator[Way]:
    """A way to the rendezvous at that port on which every connection breaks after so many bytes."""
    way = Way()
    async with AsyncExitStack() as stack:
        writers: set[asyncio.StreamWriter] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, to = await asyncio.open_connection("127.0.0.1", port)
            ends = {writer, to}
            writers.update(ends)
            carried = 0

            async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                nonlocal carried
                while (data := await source.read(4096)) and carried < after:
                    carried += len(data)
                    target.write(data)
                    await target.drain()
                way.breaks += carried >= after
                for end in ends:
                    end.transport.abort()

            await asyncio.gather(carry(reader, to), carry(there, writer), return_exceptions=True)
            writers.difference_update(ends)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)

        def break_all() -> None:
            for end in [*writers]:
                end.transport.abort()

        stack.callback(break_all)
        stack.callback(server.close)
        way.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}"
        yield way
