"""Two nodes over one real Redis: what one takes the other brings, and what happens when Redis is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hullo.lines.direct.private.identity import Identity
from hullo.rendezvous.node import Kicked, Node
from hullo.rendezvous.redis_store import RedisStore
from hullo.rendezvous.wire import (
    Accepted,
    Bundles,
    Envelope,
    Fetch,
    LowPrekeys,
    Publish,
    Refusal,
    Sent,
    ServerMessage,
    Succeed,
    Succeeded,
    Welcome,
)
from tests.rendezvous.redis_server import RedisServer, redis_server
from tests.rendezvous.test_node import Client, joined, keys, post
from tests.rendezvous.test_succession import step
from tests.rtc.test_connection import until

pytestmark = pytest.mark.peer


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    with TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        yield server


@pytest.fixture
async def nodes(redis: RedisServer) -> AsyncIterator[tuple[Node, Node]]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(running(redis)), await stack.enter_async_context(running(redis))


@asynccontextmanager
async def running(redis: RedisServer) -> AsyncIterator[Node]:
    store = RedisStore(redis.url)
    node = Node(store)
    before = await listeners(store)
    task = asyncio.create_task(node.run())
    try:
        async with asyncio.timeout(30):
            while await listeners(store) == before:
                await asyncio.sleep(0.005)
        yield node
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def listeners(store: RedisStore) -> int:
    """How many nodes hear the news."""
    count: int = (await store._redis.pubsub_numsub("hullo:news"))[0][1]
    return count


def heard(client: Client, kind: type[ServerMessage]) -> list[ServerMessage]:
    return [message for message in client.heard if isinstance(message, kind)]


async def test_an_envelope_crosses_over_and_waits_for_who_comes_back_elsewhere(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    identity = Identity.new()
    alice, bob = await joined(one, "alice"), await joined(other, "bob", identity)
    assert await alice.say(post("bob", "phone")) == Sent(7)
    await until(lambda: bool(heard(bob, Envelope)))
    bob.leave()
    assert await alice.say(post("bob", "phone")) == Sent(7)
    back = Client(one, "bob", identity)
    assert isinstance(await back.hello(), Envelope)
    assert len(heard(bob, Envelope)) == 1


async def test_what_waits_has_its_time_and_its_bound_at_both_nodes_together(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    identity = Identity.new()
    alice, carol, bob = await joined(one, "alice"), await joined(other, "carol"), await joined(one, "bob", identity)
    bob.leave()
    assert await carol.say(post("bob", "phone", seconds=2.0)) == Sent(7)
    for _ in range(31):
        assert await alice.say(post("bob", "phone")) == Sent(7)
    assert await alice.say(post("bob", "phone")) == Sent(7, full=("phone",))
    await asyncio.sleep(2.1)
    assert await carol.say(post("bob", "phone")) == Sent(7)
    back = Client(other, "bob", identity)
    await back.hello()
    waited = [message.waited for message in heard(back, Envelope) if isinstance(message, Envelope)]
    assert len(waited) == 32
    assert waited[0] >= 2.1 > waited[-1]


async def test_somebody_who_fills_a_mailbox_at_one_node_gives_way_to_others_at_another(
    nodes: tuple[Node, Node],
) -> None:
    one, other = nodes
    identity = Identity.new()
    mallory, carol, bob = await joined(one, "mallory"), await joined(other, "carol"), await joined(one, "bob", identity)
    bob.leave()
    for _ in range(32):
        assert await mallory.say(post("bob", "phone")) == Sent(7)
    assert await mallory.say(post("bob", "phone")) == Sent(7, full=("phone",))
    answers = [await carol.say(post("bob", "phone")) for _ in range(17)]
    assert answers == [*[Sent(7)] * 16, Sent(7, full=("phone",))]
    back = Client(other, "bob", identity)
    await back.hello()
    senders = [message.person for message in heard(back, Envelope) if isinstance(message, Envelope)]
    assert senders == [*["mallory"] * 16, *["carol"] * 16]


async def test_a_prekey_is_given_once_by_both_nodes_together(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    bob = await joined(one, "bob")
    await bob.say(Publish(keys(30)))
    askers = [await joined(nodes[number % 2], f"asker{number}") for number in range(6)]
    answers: list[ServerMessage | None] = []

    async def ask(asker: Client) -> None:
        answers.extend([await asker.say(Fetch(1, "bob")) for _ in range(6)])

    await asyncio.gather(*map(ask, askers))
    given = [answer.bundles[0].prekey for answer in answers if isinstance(answer, Bundles)]
    assert len(given) == 36
    assert sorted(prekey for prekey in given if prekey) == sorted(keys(30).prekeys)
    await until(lambda: bool(heard(bob, LowPrekeys)))
    assert isinstance(await askers[1].say(Fetch(2, "bob")), Bundles)
    identity = Identity.new()
    mallory = [await joined(one, "mallory", identity), await joined(other, "mallory", identity, "laptop")]
    found = [await mallory[number % 2].say(Fetch(3, "bob")) for number in range(30)]
    assert sum(isinstance(answer, Bundles) for answer in found) < 30


async def test_a_device_that_connects_to_another_node_is_told_at_the_first(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    identity = Identity.new()
    before = await joined(one, "bob", identity)
    after = await joined(other, "bob", identity)
    await until(lambda: bool(heard(before, Refusal)))
    assert (one.online, other.online) == (0, 1)
    alice = await joined(one, "alice")
    await alice.say(post("bob", "phone"))
    await until(lambda: bool(heard(after, Envelope)))
    with pytest.raises(Kicked, match="taken"):
        await Client(one, "bob", Identity.new()).hello()


async def test_redis_is_lost_forgets_everything_and_comes_back(nodes: tuple[Node, Node], redis: RedisServer) -> None:
    one, other = nodes
    alice, bob = await joined(one, "alice"), await joined(other, "bob")
    redis.kill()
    refused = await alice.say(post("bob", "phone"))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.sequence) == ("unavailable", 7)
    assert await bob.say(Publish(keys(5))) is None
    with pytest.raises(Kicked, match="unavailable"):
        await Client(one, "carol", Identity.new()).hello()
    assert (one.online, other.online) == (1, 1)
    del bob.heard[:]
    redis.start()
    await until(lambda: bool(heard(bob, LowPrekeys)) and bool(heard(alice, LowPrekeys)))
    assert heard(bob, LowPrekeys)[0] == LowPrekeys(0)
    assert await bob.say(Publish(keys(5))) is None
    assert isinstance(await alice.say(Fetch(1, "bob")), Bundles)
    assert await alice.say(post("bob", "phone")) == Sent(7)
    await until(lambda: bool(heard(bob, Envelope)))


async def test_redis_that_stands_still_is_an_error_in_time_and_then_goes_on(
    nodes: tuple[Node, Node], redis: RedisServer
) -> None:
    one, other = nodes
    alice, bob = await joined(one, "alice"), await joined(other, "bob")
    redis.freeze()
    try:
        async with asyncio.timeout(30):
            assert isinstance(await alice.say(post("bob", "phone")), Refusal)
        assert one.online == 1
    finally:
        redis.thaw()
    async with asyncio.timeout(30):
        while not isinstance(await alice.say(post("bob", "phone")), Sent):
            await asyncio.sleep(0.05)
    await until(lambda: bool(heard(bob, Envelope)))


async def test_an_unknown_device_is_welcome_at_both(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    identity = Identity.new()
    assert isinstance(await Client(one, "alice", identity).hello(), Welcome)
    assert isinstance(await Client(other, "alice", identity, "laptop").hello(), Welcome)
    alice = await joined(one, "bob")
    assert await alice.say(post("alice", "phone")) == Sent(7, missing=("laptop",))


async def test_a_new_key_ends_the_connections_of_other_devices_at_both_nodes(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    old, new = Identity.new(), Identity.new()
    phone, stolen = await joined(one, "alice", old), await joined(other, "alice", old, "stolen")
    assert await phone.say(Succeed(1, step(old, new))) == Accepted(1)
    await until(lambda: [m.code for m in stolen.heard if isinstance(m, Refusal)] == ["succeeded"])
    with pytest.raises(Kicked):
        await stolen.say(post("alice", "phone"))
    back = Client(other, "alice", old, "stolen")
    with pytest.raises(Kicked):
        await back.hello()
    assert isinstance(back.heard[0], Succeeded)
