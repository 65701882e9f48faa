"""The connection to a rendezvous: how often it is tried, and that nobody can hold it up by silence."""

import asyncio

import aiohttp
import pytest

from hullo.lines.direct.private import client
from hullo.lines.direct.private.client import RETRY, RendezvousClient, pause
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.liveness import abandon
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import RendezvousServer
from hullo.rendezvous.wire import Envelope
from tests.lines.direct.memory_channel import DEADLINE
from tests.lines.direct.rendezvous import address
from tests.lines.direct.samples import ALICE
from tests.rtc.test_connection import until


async def nothing(_: Envelope | int) -> None: ...


def test_pauses_grow_to_a_bound_and_nodes_are_asked_one_soon_after_the_other() -> None:
    shortest, longest = RETRY
    assert [pause(failures, 1) for failures in range(4)] == [shortest, 2 * shortest, 4 * shortest, 8 * shortest]
    assert [pause(failures, 2) for failures in range(5)] == [shortest, shortest, 2 * shortest, shortest, 4 * shortest]
    assert pause(20, 1) == longest
    assert pause(100_000, 1) == longest  # a month without a network


async def test_a_server_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_DEADLINE", 0.1)
    attempts = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        await reader.read(-1)
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = address(server.sockets[0].getsockname()[1])
        tried = RendezvousClient(
            [url],
            ALICE,
            Identity.new(),
            on_envelope=nothing,
            on_low_prekeys=nothing,
            on_rubbish=lambda _: None,
            on_succeeded=lambda _: None,
        )
        running = asyncio.create_task(tried.run())
        try:
            await until(lambda: attempts >= 2)
            assert "can't be reached" in (tried.problem() or "")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_connection_that_has_ended_can_be_abandoned() -> None:
    async with (
        asyncio.timeout(DEADLINE),
        RendezvousServer(Node(LocalStore())).serve("127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
    ):
        socket = await session.ws_connect(address(port))
        await socket.close()
        abandon(socket)
