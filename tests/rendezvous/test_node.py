"""What the rendezvous answers, without sockets or time."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct.private.identity import Identity
from hullo.rendezvous.directory import Directory
from hullo.rendezvous.node import LOW_PREKEYS, Connection, Kicked, Node
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
    Sent,
    ServerMessage,
    Welcome,
    WireError,
    encode,
    parse_client,
    parse_server,
    signed_by_hello,
)

HOST = "rendezvous.example"


class Client:
    """A device that speaks with a node."""

    def __init__(self, node: Node, person: str, identity: Identity, device: str = "phone", remote: str = "r") -> None:
        self.heard: list[ServerMessage] = []
        self.person, self.device, self.identity = person, device, identity
        self.connection = Connection(HOST, remote, lambda data: self.heard.append(parse_server(data)))
        self.now = 0.0
        self._node = node
        node.opened(self.connection)
        challenge = self.heard.pop()
        assert isinstance(challenge, Challenge)
        self.nonce = challenge.nonce

    def say(self, message: ClientMessage) -> ServerMessage | None:
        """The answer to a message."""
        del self.heard[:]
        self._node.receive(self.connection, encode(message), self.now)
        return self.heard[-1] if self.heard else None

    def hello(self, *, host: str = HOST, signer: Identity | None = None) -> ServerMessage | None:
        signature = (signer or self.identity).sign(signed_by_hello(self.nonce, host, self.person, self.device))
        return self.say(Hello(self.person, self.device, self.identity.public, signature))

    def leave(self) -> None:
        self._node.closed(self.connection)


def keys(count: int = 3) -> PublishedKeys:
    return PublishedKeys(bytes(32), bytes(64), tuple(bytes([n + 1]) * 32 for n in range(count)))


def joined(node: Node, person: str, identity: Identity | None = None, device: str = "phone") -> Client:
    client = Client(node, person, identity or Identity.new(), device)
    assert isinstance(client.hello(), Welcome)
    assert client.say(Publish(keys())) is None
    return client


def post(person: str, *devices: str, seconds: float = 60.0, everywhere: bool = True) -> Post:
    return Post(7, person, dict.fromkeys(devices, b"sealed"), seconds, everywhere)


def test_the_first_key_has_the_name_and_another_one_is_refused() -> None:
    node = Node(Directory())
    joined(node, "alice").leave()
    thief = Client(node, "alice", Identity.new())
    with pytest.raises(Kicked, match="taken"):
        thief.hello()
    assert isinstance(thief.heard[0], Refusal)
    assert node.online == 0


@pytest.mark.parametrize("wrong", ["host", "signer", "nonce"])
def test_who_does_not_have_the_key_is_refused(wrong: str) -> None:
    node = Node(Directory())
    alice = Client(node, "alice", Identity.new())
    if wrong == "nonce":
        alice.nonce = bytes(32)
    with pytest.raises(Kicked, match="signature"):
        alice.hello(
            host="elsewhere.example" if wrong == "host" else HOST, signer=Identity.new() if wrong == "signer" else None
        )


def test_nothing_is_done_for_who_has_not_said_hello_and_rubbish_ends_a_connection() -> None:
    node = Node(Directory())
    stranger = Client(node, "alice", Identity.new())
    with pytest.raises(Kicked, match="unknown"):
        stranger.say(Fetch(1, "bob"))
    with pytest.raises(Kicked, match="malformed"):
        node.receive(stranger.connection, b"rubbish", 0.0)


def test_an_envelope_reaches_a_device_that_is_there_and_waits_for_one_that_is_away() -> None:
    node = Node(Directory())
    identity = Identity.new()
    alice, bob = joined(node, "alice"), joined(node, "bob", identity)
    assert alice.say(post("bob", "phone")) == Sent(7)
    assert bob.heard == [Envelope("alice", "phone", b"sealed", 0.0)]
    bob.leave()
    alice.now = 10.0
    assert alice.say(post("bob", "phone")) == Sent(7)
    back = Client(node, "bob", identity)
    back.now = 30.0
    assert back.hello() == Envelope("alice", "phone", b"sealed", 20.0)
    back.leave()
    alice.now = 100.0
    assert alice.say(post("bob", "phone")) == Sent(7)
    late = Client(node, "bob", identity)
    late.now = 161.0
    assert isinstance(late.hello(), Welcome)


def test_the_sender_learns_of_devices_and_not_of_who_is_there() -> None:
    node = Node(Directory())
    identity = Identity.new()
    alice, phone, desk = joined(node, "alice"), joined(node, "bob", identity), joined(node, "bob", identity, "desk")
    assert alice.say(post("bob", "phone", "old")) == Sent(7, missing=("desk",), gone=("old",))
    assert alice.say(post("bob", "phone", everywhere=False)) == Sent(7)
    here = alice.say(post("bob", "phone", "desk"))
    phone.leave()
    desk.leave()
    assert alice.say(post("bob", "phone", "desk")) == here
    answer = alice.say(post("nobody", "phone"))
    assert isinstance(answer, Refusal)
    assert answer.code == "unknown-person"


def test_a_full_mailbox_is_told() -> None:
    node = Node(Directory())
    alice, bob = joined(node, "alice"), joined(node, "bob")
    bob.leave()
    answers = [alice.say(post("bob", "phone")) for _ in range(33)]
    assert answers[-1] == Sent(7, full=("phone",))
    assert answers[-2] == Sent(7)


def test_a_prekey_is_given_once_and_the_owner_is_asked_for_more() -> None:
    node = Node(Directory())
    alice, bob = joined(node, "alice"), joined(node, "bob")
    given = []
    for _ in range(4):
        answer = alice.say(Fetch(1, "bob"))
        assert isinstance(answer, Bundles)
        given.append(answer.bundles[0].prekey)
    assert sorted(given[:3], key=str) == sorted(keys().prekeys, key=str)
    assert given[3] is None
    assert bob.heard == [LowPrekeys(left) for left in (2, 1, 0, 0)]
    assert LOW_PREKEYS > 3


def test_nobody_empties_the_prekeys_of_another_quickly() -> None:
    node = Node(Directory())
    mallory, bob = joined(node, "mallory"), joined(node, "bob")
    bob.say(Publish(keys(100)))
    answers = [mallory.say(Fetch(1, "bob")) for _ in range(60)]
    assert sum(isinstance(answer, Bundles) for answer in answers) == 20
    assert isinstance(answers[-1], Refusal)
    assert isinstance(joined(node, "alice").say(Fetch(1, "bob")), Bundles)


def test_a_flood_of_envelopes_is_refused() -> None:
    node = Node(Directory())
    mallory, bob = joined(node, "mallory"), joined(node, "bob")
    answers = [mallory.say(post("bob", "phone", everywhere=False)) for _ in range(300)]
    assert sum(isinstance(answer, Sent) for answer in answers) == 200
    assert len(bob.heard) == 200


def test_names_devices_and_connections_have_limits() -> None:
    node = Node(Directory())
    identity = Identity.new()
    for number in range(MAX_DEVICES):
        joined(node, "alice", identity, f"device{number}")
    with pytest.raises(Kicked, match="taken"):
        Client(node, "alice", identity, "one-more").hello()
    for number in range(19):
        joined(node, f"name{number}")
    with pytest.raises(Kicked, match="rate"):
        Client(node, "another", Identity.new()).hello()
    assert isinstance(Client(node, "another", Identity.new(), remote="elsewhere").hello(), Welcome)


def test_a_device_that_connects_again_replaces_itself() -> None:
    node = Node(Directory())
    identity = Identity.new()
    before, alice = joined(node, "bob", identity), joined(node, "alice")
    after = joined(node, "bob", identity)
    assert isinstance(before.heard[-1], Refusal)
    before.leave()
    alice.say(post("bob", "phone"))
    assert isinstance(after.heard[-1], Envelope)


def test_the_directory_outlives_the_process(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "directory.db")
    node = Node(directory)
    joined(node, "bob")
    directory.close()
    again = Node(Directory(tmp_path / "directory.db"))
    with pytest.raises(Kicked, match="taken"):
        Client(again, "bob", Identity.new()).hello()
    answer = joined(again, "alice").say(Fetch(1, "bob"))
    assert isinstance(answer, Bundles)
    assert len(answer.bundles) == 1


@given(st.one_of(st.binary(max_size=300), st.builds(msgspec.msgpack.encode, st.dictionaries(st.text(), st.binary()))))
def test_rubbish_is_one_typed_error(data: bytes) -> None:
    for parse in (parse_client, parse_server):
        with pytest.raises(WireError):
            parse(data)
