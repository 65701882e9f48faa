"""Somebody who owns the Redis behind a rendezvous: it is worth no more to them than the rendezvous itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from redis import Redis

from hullo.lines.line import CallFailed
from hullo.rendezvous.node import Node
from hullo.rendezvous.redis_store import RedisStore
from tests.lines.direct.rendezvous import town
from tests.lines.direct.samples import ALICE, BOB
from tests.lines.direct.test_hostile_rendezvous import call
from tests.rendezvous.redis_server import RedisServer, redis_server
from tests.rtc.test_connection import until

pytestmark = pytest.mark.peer

MAIL = "hullo:mail:bob:phone"


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    with TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        yield server


async def test_it_learns_nothing_forges_nothing_and_breaks_nothing(server: RedisServer, tmp_path: Path) -> None:
    store = RedisStore(server.url)
    node = Node(store)
    owner = Redis(unix_socket_path=server.url.removeprefix("unix://"))
    async with town(tmp_path, node) as here:
        alice = await here.join(ALICE, "bob")
        async with here.visiting(BOB, "alice") as bob:
            await call(alice, bob)
        dialing = asyncio.create_task(alice.dial("bob"))
        await until(lambda: owner.llen(MAIL) == 1)
        held = owner.lindex(MAIL, 0)
        assert isinstance(held, bytes)
        everything = held + b"".join(owner.dump(key) or b"" for key in owner.scan_iter())
        for secret in (b"offer", b"candidate", b"fingerprint"):
            assert secret not in everything
        owner.rpush(MAIL, held)  # a replay
        owner.rpush(MAIL, held[:28] + b"rubbish")
        async with here.visiting(BOB) as bob:
            await bob.notice("replayed")
            ringing = await bob.offer()
            assert bob.offers.empty()
            dialing.cancel()
            await asyncio.gather(dialing, return_exceptions=True)
            await ringing.withdrawn()
            for news in (b"\xff\xff", b"mail", b"mail bob phone more", b"joined bob"):
                owner.publish("hullo:news", news)
            await call(alice, bob)
            genuine = owner.get("hullo:identity:bob")
            owner.set("hullo:identity:bob", bytes(range(32)))
            alice.book.forget_devices("bob", ["phone"])
            with pytest.raises(CallFailed, match="not theirs"):
                await alice.dial("bob")
            await alice.notice("key-changed")
            owner.set("hullo:identity:bob", genuine or b"")
            owner.set("hullo:keys:bob:phone", msgspec.msgpack.encode({"not": "keys"}))
            with pytest.raises(CallFailed, match="no device"):
                await alice.dial("bob")
    owner.close()
    await store.close()
