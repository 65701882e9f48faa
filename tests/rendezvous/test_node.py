"""What the rendezvous answers, without sockets; by itself without time too, and the same over a real Redis."""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct.private.identity import Identity
from hullo.rendezvous.directory import Directory
from hullo.rendezvous.keeping import Keeping
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import LOW_PREKEYS, Connection, Kicked, Node
from hullo.rendezvous.storage import StorageLimits
from hullo.rendezvous.wire import (
    MAX_DEVICES,
    Bundles,
    Challenge,
    ClientMessage,
    Envelope,
    Fetch,
    Hello,
    LowPrekeys,
    Post,
    Publish,
    PublishedKeys,
    Refusal,
    Reserve,
    Reserved,
    Sent,
    ServerMessage,
    Took,
    Welcome,
    WireError,
    encode,
    parse_client,
    parse_server,
    signed_by_hello,
)
from tests.rendezvous.redis_server import redis_server

HOST = "rendezvous.example"


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["alone", pytest.param("redis", marks=pytest.mark.peer)])
async def node(request: pytest.FixtureRequest) -> AsyncIterator[Node]:
    """A node with nobody on it, by itself or over Redis."""
    if request.param == "alone":
        yield Node(LocalStore(clock=Clock()), clock=Clock())
        return
    from hullo.rendezvous.redis_store import RedisStore

    with TemporaryDirectory() as folder, redis_server(Path(folder)) as redis:
        store = RedisStore(redis.url)
        yield Node(store)
        await store.close()


class Client:
    """A device that speaks with a node."""

    def __init__(self, node: Node, person: str, identity: Identity, device: str = "phone", remote: str = "r") -> None:
        self.heard: list[ServerMessage] = []
        self.person, self.device, self.identity = person, device, identity
        self.connection = Connection(HOST, remote, lambda data: self.heard.append(parse_server(data)))
        self._node = node
        node.opened(self.connection)
        challenge = self.heard.pop()
        assert isinstance(challenge, Challenge)
        self.nonce = challenge.nonce

    async def say(self, message: ClientMessage) -> ServerMessage | None:
        """The answer to a message."""
        del self.heard[:]
        await self._node.receive(self.connection, encode(message))
        return self.heard[-1] if self.heard else None

    async def hello(self, *, host: str = HOST, signer: Identity | None = None) -> ServerMessage | None:
        signature = (signer or self.identity).sign(signed_by_hello(self.nonce, host, self.person, self.device))
        return await self.say(Hello(self.person, self.device, self.identity.public, signature))

    def leave(self) -> None:
        self._node.closed(self.connection)


def keys(count: int = 3) -> PublishedKeys:
    return PublishedKeys(bytes(32), bytes(64), tuple(bytes([n + 1]) * 32 for n in range(count)))


async def joined(node: Node, person: str, identity: Identity | None = None, device: str = "phone") -> Client:
    client = Client(node, person, identity or Identity.new(), device)
    assert isinstance(await client.hello(), Welcome)
    assert await client.say(Publish(keys())) is None
    return client


def post(person: str, *devices: str, seconds: float = 60.0, everywhere: bool = True) -> Post:
    return Post(7, person, dict.fromkeys(devices, b"sealed"), seconds, everywhere)


async def test_the_first_key_has_the_name_and_another_one_is_refused(node: Node) -> None:
    (await joined(node, "alice")).leave()
    thief = Client(node, "alice", Identity.new())
    with pytest.raises(Kicked, match="taken"):
        await thief.hello()
    assert isinstance(thief.heard[0], Refusal)
    assert node.online == 0


@pytest.mark.parametrize("wrong", ["host", "signer", "nonce"])
async def test_who_does_not_have_the_key_is_refused(node: Node, wrong: str) -> None:
    alice = Client(node, "alice", Identity.new())
    if wrong == "nonce":
        alice.nonce = bytes(32)
    with pytest.raises(Kicked, match="signature"):
        await alice.hello(
            host="elsewhere.example" if wrong == "host" else HOST, signer=Identity.new() if wrong == "signer" else None
        )


async def test_nothing_is_done_for_who_has_not_said_hello_and_rubbish_ends_a_connection(node: Node) -> None:
    stranger = Client(node, "alice", Identity.new())
    with pytest.raises(Kicked, match="unknown"):
        await stranger.say(Fetch(1, "bob"))
    with pytest.raises(Kicked, match="malformed"):
        await node.receive(stranger.connection, b"rubbish")


async def test_an_envelope_reaches_a_device_that_is_there_and_waits_for_one_that_is_away() -> None:
    clock = Clock()
    node = Node(LocalStore(clock=clock), clock=clock)
    identity = Identity.new()
    alice, bob = await joined(node, "alice"), await joined(node, "bob", identity)
    assert await alice.say(post("bob", "phone")) == Sent(7)
    assert bob.heard == [Envelope("alice", "phone", b"sealed", 0.0)]
    bob.leave()
    clock.now = 10.0
    assert await alice.say(post("bob", "phone")) == Sent(7)
    back = Client(node, "bob", identity)
    clock.now = 30.0
    assert await back.hello() == Envelope("alice", "phone", b"sealed", 20.0)
    back.leave()
    clock.now = 100.0
    assert await alice.say(post("bob", "phone")) == Sent(7)
    late = Client(node, "bob", identity)
    clock.now = 161.0
    assert isinstance(await late.hello(), Welcome)


async def test_the_sender_learns_of_devices_and_not_of_who_is_there(node: Node) -> None:
    identity = Identity.new()
    alice, phone = await joined(node, "alice"), await joined(node, "bob", identity)
    desk = await joined(node, "bob", identity, "desk")
    assert await alice.say(post("bob", "phone", "old")) == Sent(7, missing=("desk",), gone=("old",))
    assert await alice.say(post("bob", "phone", everywhere=False)) == Sent(7)
    here = await alice.say(post("bob", "phone", "desk"))
    phone.leave()
    desk.leave()
    assert await alice.say(post("bob", "phone", "desk")) == here
    answer = await alice.say(post("nobody", "phone"))
    assert isinstance(answer, Refusal)
    assert answer.code == "unknown-person"


async def test_a_full_mailbox_is_told(node: Node) -> None:
    alice, bob = await joined(node, "alice"), await joined(node, "bob")
    bob.leave()
    answers = [await alice.say(post("bob", "phone")) for _ in range(33)]
    assert answers[-1] == Sent(7, full=("phone",))
    assert answers[-2] == Sent(7)


async def test_a_prekey_is_given_once_and_the_owner_is_asked_for_more(node: Node) -> None:
    alice, bob = await joined(node, "alice"), await joined(node, "bob")
    given = []
    for _ in range(4):
        answer = await alice.say(Fetch(1, "bob"))
        assert isinstance(answer, Bundles)
        given.append(answer.bundles[0].prekey)
    assert sorted(given[:3], key=str) == sorted(keys().prekeys, key=str)
    assert given[3] is None
    assert bob.heard == [LowPrekeys(left) for left in (2, 1, 0, 0)]
    assert LOW_PREKEYS > 3


async def test_nobody_empties_the_prekeys_of_another_quickly(node: Node) -> None:
    mallory, bob = await joined(node, "mallory"), await joined(node, "bob")
    await bob.say(Publish(keys(100)))
    began = time.monotonic()
    answers = [await mallory.say(Fetch(1, "bob")) for _ in range(60)]
    given = sum(isinstance(answer, Bundles) for answer in answers)
    assert 20 <= given <= 21 + 0.5 * (time.monotonic() - began)
    assert isinstance(answers[-1], Refusal)
    assert isinstance(await (await joined(node, "alice")).say(Fetch(1, "bob")), Bundles)


async def test_a_flood_of_envelopes_is_refused(node: Node) -> None:
    mallory, bob = await joined(node, "mallory"), await joined(node, "bob")
    began = time.monotonic()
    answers = [await mallory.say(post("bob", "phone", everywhere=False)) for _ in range(300)]
    sent = sum(isinstance(answer, Sent) for answer in answers)
    assert 200 <= sent <= 201 + 20 * (time.monotonic() - began)  # with a clock that runs, more are allowed meanwhile
    assert len(bob.heard) == sent


async def test_names_devices_and_connections_have_limits(node: Node) -> None:
    identity = Identity.new()
    for number in range(MAX_DEVICES):
        await joined(node, "alice", identity, f"device{number}")
    with pytest.raises(Kicked, match="taken"):
        await Client(node, "alice", identity, "one-more").hello()
    for number in range(19):
        await joined(node, f"name{number}")
    with pytest.raises(Kicked, match="rate"):
        await Client(node, "another", Identity.new()).hello()
    assert isinstance(await Client(node, "another", Identity.new(), remote="elsewhere").hello(), Welcome)


async def test_a_device_that_connects_again_replaces_itself(node: Node) -> None:
    identity = Identity.new()
    before, alice = await joined(node, "bob", identity), await joined(node, "alice")
    after = await joined(node, "bob", identity)
    assert isinstance(before.heard[-1], Refusal)
    before.leave()
    await alice.say(post("bob", "phone"))
    assert isinstance(after.heard[-1], Envelope)


async def test_the_directory_outlives_the_process(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "directory.db")
    node = Node(LocalStore(directory))
    await joined(node, "bob")
    directory.close()
    again = Node(LocalStore(Directory(tmp_path / "directory.db")))
    with pytest.raises(Kicked, match="taken"):
        await Client(again, "bob", Identity.new()).hello()
    answer = await (await joined(again, "alice")).say(Fetch(1, "bob"))
    assert isinstance(answer, Bundles)
    assert len(answer.bundles) == 1


@given(st.one_of(st.binary(max_size=300), st.builds(msgspec.msgpack.encode, st.dictionaries(st.text(), st.binary()))))
def test_rubbish_is_one_typed_error(data: bytes) -> None:
    for parse in (parse_client, parse_server):
        with pytest.raises(WireError):
            parse(data)


DAYS = 5 * 86_400.0


async def test_a_letter_is_kept_until_it_is_taken(tmp_path: Path) -> None:
    node = Node(LocalStore(), keeping=Keeping(tmp_path))
    identity = Identity.new()
    alice, bob = await joined(node, "alice"), await joined(node, "bob", identity)
    assert await alice.say(post("bob", "phone", seconds=DAYS)) == Sent(7)
    there = bob.heard[0]
    assert isinstance(there, Envelope)
    assert there.letter is not None
    bob.leave()
    await alice.say(post("bob", "phone", seconds=DAYS))
    back = Client(node, "bob", identity)
    await back.hello()
    letters = {heard.letter for heard in back.heard if isinstance(heard, Envelope)}
    assert there.letter in letters
    assert len(letters) == 2
    assert await back.say(Took((there.letter,))) is None
    again = Client(node, "bob", identity)
    await again.hello()
    assert {heard.letter for heard in again.heard if isinstance(heard, Envelope)} == letters - {there.letter}


async def test_a_letter_finds_a_device_at_another_node(tmp_path: Path) -> None:
    """A store that two nodes share tells the other one, as Redis does."""
    store, keeping = LocalStore(), Keeping(tmp_path)
    here, there = Node(store, keeping=keeping), Node(store, keeping=keeping)
    bob = await joined(there, "bob")
    alice = await joined(here, "alice")
    assert await alice.say(post("bob", "phone", seconds=DAYS)) == Sent(7)
    there.mail_waits("bob", "phone")
    await there._bring_waiting("bob", "phone")
    assert isinstance(bob.heard[-1], Envelope)
    assert bob.heard[-1].letter is not None


async def test_a_rendezvous_without_storage_says_so() -> None:
    node = Node(LocalStore())
    alice = await joined(node, "alice")
    await joined(node, "bob")
    for refused in (await alice.say(post("bob", "phone", seconds=DAYS)), await alice.say(Reserve(3, 100))):
        assert isinstance(refused, Refusal)
        assert refused.code == "no-storage"


async def test_room_for_a_file_is_given_to_known_devices_and_not_too_often(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path, StorageLimits(file=100))
    node = Node(LocalStore(clock=Clock()), keeping=keeping)
    alice = await joined(node, "alice")
    answer = await alice.say(Reserve(3, 100))
    assert isinstance(answer, Reserved)
    assert keeping.storage.may_write(answer.file, answer.ticket)
    refused = [await alice.say(Reserve(3, 101)) for _ in range(30)]
    codes = [answer.code for answer in refused if isinstance(answer, Refusal)]
    assert codes == [*["too-big"] * 29, "rate"]


async def test_nobody_posts_letters_without_end(tmp_path: Path) -> None:
    clock = Clock()
    node = Node(LocalStore(clock=clock), keeping=Keeping(tmp_path))
    alice, carol = await joined(node, "alice"), await joined(node, "carol")
    await joined(node, "bob")
    large = Post(7, "bob", {f"device{number}": bytes(40_000) for number in range(8)}, DAYS, everywhere=False)
    for _ in range(7):  # 40 units of the 300 each; nothing is kept, since Bob has no such devices
        clock.now += 1.0
        assert isinstance(await alice.say(large), Sent)
    refused = await alice.say(large)
    assert isinstance(refused, Refusal)
    assert refused.code == "rate"
    assert isinstance(await carol.say(large), Sent)
    assert isinstance(await alice.say(msgspec.structs.replace(large, seconds=60.0)), Sent)
    clock.now += 3600.0
    assert isinstance(await alice.say(large), Sent)


async def test_a_disk_that_refuses_is_told_and_ends_nothing(tmp_path: Path) -> None:
    node = Node(LocalStore(), keeping=Keeping(tmp_path / "kept"))
    alice = await joined(node, "alice")
    await joined(node, "bob")
    shutil.rmtree(tmp_path / "kept")
    assert await alice.say(post("bob", "phone", seconds=DAYS)) == Sent(7, full=("phone",))
    refused = await alice.say(Reserve(3, 100))
    assert isinstance(refused, Refusal)
    assert refused.code == "full"
