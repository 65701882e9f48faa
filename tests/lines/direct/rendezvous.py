"""A rendezvous on loopback and devices that use it, for tests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from hullo.lines.direct.channel import Device, Notice
from hullo.lines.direct.line import DirectLine
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.channel import PrivateChannel
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.own_keys import OwnKeys
from hullo.lines.direct.private.sessions import Sessions
from hullo.lines.direct.private.vault import Vault
from hullo.rendezvous.files import FileHandlers
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import PATH, RendezvousServer
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import Consent, IceOptions
from tests.lines.direct.memory_channel import DEADLINE, Side


class Member(Side):
    """A device with a vault, a contact book, a channel and a line."""

    def __init__(self, line: DirectLine, book: ContactBook, channel: PrivateChannel, sessions: Sessions) -> None:
        super().__init__(line, book)  # type: ignore[arg-type]  # a contact book has what the tests use of contacts
        self.book = book
        self.channel = channel
        self.sessions = sessions

    def noticed(self) -> list[str]:
        """The kinds of what the line noticed."""
        return [notice.kind for notice in self.line.notices]

    async def notice(self, kind: str) -> Notice:
        """Wait until something of that kind was noticed."""
        async with asyncio.timeout(DEADLINE):
            while kind not in self.noticed():
                await asyncio.sleep(0.005)
        return next(notice for notice in self.line.notices if notice.kind == kind)


class Town:
    """A rendezvous at some addresses, and devices that can be added to it, with their vaults in `directory`."""

    def __init__(
        self, urls: Sequence[str], directory: Path, ice: IceOptions, clock: MediaClock, stack: AsyncExitStack
    ) -> None:
        self.urls = urls
        self.ice = ice
        self.clock = clock
        self._directory = directory
        self._stack = stack

    async def join(self, own: Device, *contacts: str, identity: Identity | None = None, vault: str = "") -> Member:
        """Start a device, with its own vault, that knows these people."""
        return await self._stack.enter_async_context(self.visiting(own, *contacts, identity=identity, vault=vault))

    @asynccontextmanager
    async def visiting(
        self,
        own: Device,
        *contacts: str,
        identity: Identity | None = None,
        vault: str = "",
        ready: bool = True,
        url: str | None = None,
    ) -> AsyncIterator[Member]:
        """The same, until the end of the block; without `ready` nobody waits until it is connected.

        `url` is another way to the rendezvous.
        """
        with Vault(self._directory / (vault or f"{own.person}-{own.device}")) as opened:
            if opened.read("device") is None:
                OwnKeys.create(opened, own, identity)
            book = ContactBook(opened)
            for contact in contacts:
                book.add(contact)
            sessions = Sessions(opened, book)
            channel = PrivateChannel([url] if url else self.urls, sessions, book)
            line = DirectLine(channel, book, clock=self.clock, ice=self.ice, patience=0.2)
            member = Member(line, book, channel, sessions)
            running = asyncio.create_task(line.run(member.offers.put_nowait))
            try:
                async with asyncio.timeout(DEADLINE):
                    while ready and not line.status().ready and not running.done():
                        await asyncio.sleep(0.002)
                yield member
            finally:
                running.cancel()
                results = await asyncio.gather(running, return_exceptions=True)
                assert isinstance(results[0], asyncio.CancelledError), results


@asynccontextmanager
async def town(directory: Path, node: Node | None = None, files: FileHandlers | None = None) -> AsyncIterator[Town]:
    """Run a rendezvous until the end of the block."""
    node = node or Node(LocalStore())
    server = RendezvousServer(node, routes=files.routes(PATH) if files is not None else ())
    async with server.serve("127.0.0.1", 0) as port, people([address(port)], directory) as here:
        yield here


@asynccontextmanager
async def people(
    urls: Sequence[str],
    directory: Path,
    ice: IceOptions = IceOptions(consent=Consent(expiry=5.0)),  # noqa: B008  # frozen
) -> AsyncIterator[Town]:
    """Devices that use a rendezvous which runs already."""
    async with MediaClock(freeze_gc=False) as clock, AsyncExitStack() as stack:
        yield Town(urls, directory, ice, clock, stack)


def address(port: int) -> str:
    """Of a rendezvous on loopback."""
    return f"ws://127.0.0.1:{port}{PATH}"
