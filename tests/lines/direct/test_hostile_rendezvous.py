"""A rendezvous that does everything it can: it reads, swaps keys, replays, reorders, drops, delays, forges and floods.

It never learns what is said, nothing it makes up is accepted, and each attack is named.
"""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hullo.lines.direct.channel import Device, Sealed
from hullo.lines.direct.private.control import UNREAD
from hullo.lines.direct.private.envelope import SIZES, digest_of
from hullo.lines.direct.private.identity import safety_number
from hullo.lines.direct.private.sessions import Refused
from hullo.lines.line import CallFailed, EndReason
from hullo.rendezvous.directory import Directory
from hullo.rendezvous.keeping import Keeping
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Connection, Node
from hullo.rendezvous.wire import Bundle, Bundles, Envelope, Fetch, PublishedKeys, encode
from tests.lines.direct.memory_channel import BYE, DEADLINE, answered
from tests.lines.direct.rendezvous import Member, Town, town
from tests.lines.direct.samples import ALICE, BOB, CAROL
from tests.lines.direct.test_line import hang_up, sound
from tests.rtc.test_connection import until

ATTACKS = {"forged", "malformed", "replayed", "unknown-session", "key-changed", "stranger"}

Deliver = Callable[[Envelope], list[Envelope]]


class HostileNode(Node):
    """Keeps a copy of everything, and treats envelopes and keys as the test wants."""

    def __init__(self, keeping: Keeping | None = None) -> None:
        super().__init__(LocalStore(), keeping=keeping)
        self.read: list[bytes] = []
        self.envelopes: list[tuple[str, str, Envelope]] = []
        self.deliver: Deliver = lambda envelope: [envelope]
        self.give: Callable[[Bundle], Bundle] = lambda bundle: bundle

    async def receive(self, connection: Connection, data: bytes) -> None:
        self.read.append(data)
        await super().receive(connection, data)

    async def _bring(self, person: str, device: str, envelope: Envelope, seconds: float) -> bool:
        self.envelopes.append((person, device, envelope))
        for each in self.deliver(envelope):
            await super()._bring(person, device, each, seconds)
        return True

    async def _fetch(self, connection: Connection, fetch: Fetch) -> None:
        bundles = [await self._store.bundle(fetch.person, device) for device in await self._store.devices(fetch.person)]
        given = tuple(self.give(bundle) for bundle in bundles if bundle is not None)
        connection.tell(Bundles(fetch.sequence, given))

    def inject(self, person: str, device: str, envelope: Envelope) -> None:
        """Hand an envelope of our making to a device."""
        self._online[person, device].tell(envelope)

    def inject_bytes(self, person: str, device: str, data: bytes) -> None:
        """Send anything to a device."""
        self._online[person, device]._send(data)


async def couple(here: Town) -> tuple[Member, Member]:
    return await here.join(ALICE, "bob"), await here.join(BOB, "alice")


async def call(caller: Member, callee: Member) -> None:
    legs = await answered(caller, callee, callee.sessions.keys.own.person)
    await sound(*legs)
    await hang_up(*legs)


async def test_it_reads_everything_and_learns_nothing_of_it(tmp_path: Path) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        caller, callee = await answered(alice, bob)
        await sound(caller, callee)
        description = caller._connection.local_description()
        await hang_up(caller, callee)
    read = b"".join(node.read)
    secrets = [description.ufrag, description.pwd, description.fingerprints[0].value, "candidate:", "offer", "fingerpr"]
    for secret in secrets:
        assert secret.encode() not in read
        assert secret.encode() not in b"".join(envelope.data for _, _, envelope in node.envelopes)
    lengths = [len(envelope.data) for _, _, envelope in node.envelopes]
    assert len(lengths) >= 8
    assert SIZES[0] < min(lengths)
    assert max(lengths) < SIZES[0] + 400


async def test_a_known_key_that_it_swaps_is_refused_both_ways_and_named(tmp_path: Path) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here, town(tmp_path / "its") as its:
        alice, bob = await couple(here)
        await call(alice, bob)
        mallory = await its.join(BOB, "alice", vault="mallory")
        keys = mallory.sessions.keys.publish()
        mallorys = Bundle("phone", mallory.sessions.keys.identity.public, keys, keys.prekeys[0])
        node.give = lambda bundle: mallorys
        alice.book.forget_devices("bob", ["phone"])
        with pytest.raises(CallFailed, match="not theirs"):
            await alice.dial("bob")
        assert (await alice.notice("key-changed")).person == "bob"
        bobs_view = alice.sessions.keys.publish()
        forged = await mallory.sessions.encrypt(
            ALICE, b"\1it is bob", Bundle("phone", alice.sessions.keys.identity.public, bobs_view, bobs_view.prekeys[0])
        )
        node.inject("alice", "phone", Envelope("bob", "phone", forged, 0.0))
        await until(lambda: alice.noticed().count("key-changed") >= 1)
        assert alice.book.identity("bob") == bob.sessions.keys.identity.public
        assert alice.offers.empty()


async def test_a_pinned_key_protects_the_first_call_too(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice = await here.join(ALICE)
        mallory = await here.join(BOB, "alice", vault="mallory")
        alice.book.add("bob", bytes(range(32)))
        with pytest.raises(CallFailed, match="not theirs"):
            await alice.dial("bob")
        await alice.notice("key-changed")
        assert mallory.offers.empty()


async def test_a_man_in_the_middle_from_the_first_call_on_is_seen_in_the_emoji_and_the_safety_number(
    tmp_path: Path,
) -> None:
    """It has swapped both keys before the two ever met: to Alice it is Bob, to Bob it is Alice."""
    async with town(tmp_path / "a") as alices, town(tmp_path / "b") as bobs:
        alice, as_bob = await alices.join(ALICE, "bob"), await alices.join(BOB, "alice")
        as_alice, bob = await bobs.join(ALICE, "bob"), await bobs.join(BOB, "alice")
        one = await answered(alice, as_bob)
        other = await answered(as_alice, bob)
        await sound(*one)
        await sound(*other)
        assert one[0].report().emoji != other[1].report().emoji
        assert not one[0].report().verified
        assert not other[1].report().verified
        number = safety_number(
            ("alice", alice.sessions.keys.identity.public), ("bob", alice.book.identity("bob") or b"")
        )
        assert number != safety_number(
            ("bob", bob.sessions.keys.identity.public), ("alice", bob.book.identity("alice") or b"")
        )
        await hang_up(*one, *other)


async def test_replays_ring_once_and_are_named(tmp_path: Path) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        node.deliver = lambda envelope: [envelope, envelope]
        await call(alice, bob)
        await bob.notice("replayed")
        await alice.notice("replayed")
        assert bob.offers.empty()
        node.deliver = lambda envelope: [envelope]
        old = [envelope for person, _, envelope in node.envelopes if person == "bob"]
        bob.line.notices.clear()
        async with asyncio.timeout(DEADLINE):
            while "replayed" not in bob.noticed():  # at most one a second is told
                for envelope in old:
                    node.inject("bob", "phone", envelope)
                await asyncio.sleep(0.1)
        assert bob.offers.empty()
        assert not bob.line.missed
        await call(bob, alice)


async def test_a_reordered_conversation_is_a_conversation(tmp_path: Path) -> None:
    node, rng, held = HostileNode(), random.Random(4), list[Envelope]()

    def shuffle(envelope: Envelope) -> list[Envelope]:
        held.append(envelope)
        rng.shuffle(held)
        return [held.pop()] if rng.random() < 0.5 else []

    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        await call(alice, bob)
        for number in range(40):
            message = b"\1%d" % number
            node.deliver = shuffle
            held.append(Envelope("alice", "phone", await alice.sessions.encrypt(BOB, message), 0.0))
        rng.shuffle(held)
        seen = [await bob.sessions.decrypt(ALICE, envelope.data) for envelope in held]
        assert sorted(seen, key=lambda m: int(m[1:])) == [b"\1%d" % number for number in range(40)]
        node.deliver = lambda envelope: [envelope]
        await call(alice, bob)


async def test_what_it_drops_ends_in_a_reason_and_not_in_a_hang(tmp_path: Path) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        await call(alice, bob)
        node.deliver = lambda envelope: [envelope] if envelope.person == "alice" else []
        dialing = asyncio.create_task(alice.dial("bob"))
        callee = await (await bob.offer()).accept()
        assert alice.rings == 1
        dialing.cancel()
        await asyncio.gather(dialing, return_exceptions=True)
        async with asyncio.timeout(DEADLINE):
            assert (await callee.ended()).reason is EndReason.HANGUP_USER
        await callee.close(BYE)
        node.deliver = lambda envelope: [envelope]
        await call(alice, bob)


async def test_an_offer_that_it_delays_beyond_its_lifetime_is_a_missed_call(tmp_path: Path) -> None:
    node, held = HostileNode(), list[Envelope]()
    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        await call(alice, bob)

        def hold(envelope: Envelope) -> list[Envelope]:
            held.append(envelope)
            return []

        node.deliver = hold
        dialing = asyncio.create_task(alice.dial("bob"))
        await until(lambda: bool(held))
        dialing.cancel()
        await asyncio.gather(dialing, return_exceptions=True)
        bob.line._wall = lambda: time.time() + 61
        node.inject("bob", "phone", held[0])
        await until(lambda: len(bob.line.missed) == 1)
        assert "61 s late" in bob.line.missed[0].why
        assert bob.offers.empty()


async def test_a_thousand_fuzzed_envelopes_are_refused_by_name_and_calls_go_on(tmp_path: Path) -> None:
    node, rng = HostileNode(), random.Random(11)
    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        bob.book.add("carol")
        await call(alice, bob)
        genuine = [envelope for person, _, envelope in node.envelopes if person == "bob"]
        unseen = Envelope("alice", "phone", await alice.sessions.encrypt(BOB, b"\0never sent"), 0.0)
        kinds: set[str] = set()
        for _ in range(1000):
            fuzzed = _fuzzed(rng, rng.choice([*genuine, unseen]))
            sender = Device(fuzzed.person, fuzzed.device)
            with pytest.raises(Refused) as refusal:
                await bob.sessions.decrypt(sender, fuzzed.data)
            kinds.add(refusal.value.kind)
        assert kinds <= ATTACKS
        assert {"forged", "malformed", "replayed"} <= kinds
        for envelope in [_fuzzed(rng, rng.choice(genuine)) for _ in range(100)]:
            node.inject("bob", "phone", envelope)
        await until(lambda: len(set(bob.noticed())) >= 2)
        assert set(bob.noticed()) <= ATTACKS
        assert bob.offers.empty()
        assert await bob.sessions.decrypt(ALICE, unseen.data) == b"\0never sent"
        await call(alice, bob)


def _fuzzed(rng: random.Random, envelope: Envelope) -> Envelope:
    data = bytearray(envelope.data)
    match rng.randrange(6):
        case 0:
            return msgspec.structs.replace(envelope, person="carol")
        case 1:
            return msgspec.structs.replace(envelope, device="laptop")
        case 2:
            return msgspec.structs.replace(envelope, data=bytes(data[: rng.randrange(len(data))]))
        case 3:
            return msgspec.structs.replace(envelope, data=rng.randbytes(rng.randrange(3000)))
        case 4:
            at = rng.randrange(len(data))
            data[at : at + 8] = rng.randbytes(8)
        case _:
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(min(len(data), 250))
                data[at] ^= rng.randrange(1, 256)
    return msgspec.structs.replace(envelope, data=bytes(data))


async def test_a_flood_is_named_bounded_and_survived(tmp_path: Path) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        await call(alice, bob)
        for number in range(250):
            node.inject("bob", "phone", Envelope("carol", "phone", b"%d" % number, 0.0))
        await bob.notice("flood")
        assert len(bob.line.notices) < 20
        await call(alice, bob)


async def test_prekeys_that_are_spent_or_given_twice_are_named_and_calls_go_on(tmp_path: Path) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, bob = await here.join(ALICE, "bob"), await here.join(BOB, "alice", "carol")
        node.give = lambda bundle: msgspec.structs.replace(bundle, prekey=None)
        await call(alice, bob)
        assert (await alice.notice("prekeys-spent")).person == "bob"
        carol = await here.join(CAROL, "bob")
        dave = await here.join(Device("dave", "phone"), "bob")
        bob.book.add("dave")
        same = bob.sessions.keys.publish().prekeys[0]
        node.give = lambda bundle: msgspec.structs.replace(bundle, prekey=same)
        await call(carol, bob)
        dialing = asyncio.create_task(dave.dial("bob"))
        await bob.notice("unknown-prekey")
        dialing.cancel()
        await asyncio.gather(dialing, return_exceptions=True)
        assert bob.offers.empty()


async def test_an_honest_rendezvous_asks_for_prekeys_when_somebody_takes_them(tmp_path: Path) -> None:
    directory = Directory()
    async with town(tmp_path, Node(LocalStore(directory))) as here:
        bob = await here.join(BOB)
        await until(lambda: directory.prekeys_left("bob", "phone") == 100)
        for number in range(82):
            directory.bundle("bob", "phone")
            assert directory.prekeys_left("bob", "phone") == 99 - number
        mallory = await here.join(Device("mallory", "phone"), "bob")
        await mallory.channel._client.fetch("bob")
        await bob.notice("prekeys-low")
        await until(lambda: directory.prekeys_left("bob", "phone") == 100)


async def test_keys_that_are_not_signed_by_their_owner_are_refused(tmp_path: Path) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        own = PublishedKeys(bytes(range(32)), bytes(64))
        node.give = lambda bundle: msgspec.structs.replace(bundle, keys=own)
        with pytest.raises(CallFailed, match="not signed by them"):
            await alice.dial("bob")
        await alice.notice("forged")
        assert bob.offers.empty()


@pytest.mark.parametrize("rubbish", [b"rubbish", encode(Bundles(1, ())) + b"x", b"\x93\x01\x02\x03"])
async def test_rubbish_is_named_and_the_connection_comes_back(tmp_path: Path, rubbish: bytes) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, bob = await couple(here)
        node.inject_bytes("bob", "phone", rubbish)
        await bob.notice("rendezvous-rubbish")
        await until(lambda: bob.line.status().ready and node.online == 2)
        await call(alice, bob)


class Correspondent:
    """What a device is told of letters."""

    def __init__(self, member: Member) -> None:
        self.letters: list[bytes] = []
        self.unread: list[tuple[Device, Sealed]] = []
        member.channel._on_message = lambda sender, data: self.letters.append(data)
        member.channel.on_unread = lambda device, what: self.unread.append((device, what))
        member.channel.keeps_letters = True


async def correspondents(here: Town) -> tuple[Member, Correspondent, Member, Correspondent]:
    alice, bob = await couple(here)
    hers, his = Correspondent(alice), Correspondent(bob)
    await alice.channel.post("bob", b"hello")
    await until(lambda: his.letters == [b"hello"])
    await bob.channel.post("alice", b"hello")
    await until(lambda: hers.letters == [b"hello"])
    return alice, hers, bob, his


async def test_a_letter_that_can_not_be_read_is_asked_for_by_its_reader_and_by_nobody_else(tmp_path: Path) -> None:
    node = HostileNode(Keeping(tmp_path / "kept"))
    async with town(tmp_path, node) as here:
        alice, hers, bob, _ = await correspondents(here)
        lost = Envelope("alice", "phone", await alice.sessions.encrypt(BOB, b"\1lost on you"), 0.0, _letter(1))
        for session in (tmp_path / "bob-phone").glob("session-*"):
            session.unlink()
        bob.sessions._store.forget(ALICE)
        del node.envelopes[:]
        node.inject("bob", "phone", lost)
        await bob.notice("asked-again")
        await until(lambda: bool(hers.unread))
        assert hers.unread == [(BOB, Sealed(digest_of(lost.data), bob.sessions.keys.identity.public))]
        (ask,) = {envelope.data: envelope for person, _, envelope in node.envelopes if person == "alice"}.values()
        assert digest_of(lost.data) not in ask.data
        for number in range(2, 20):  # the question again, and the letter again
            node.inject("alice", "phone", msgspec.structs.replace(ask, letter=_letter(number)))
            node.inject("bob", "phone", msgspec.structs.replace(lost, letter=_letter(number)))
        await alice.channel.post("bob", b"the last")
        made_up = UNREAD + digest_of(lost.data)
        node.inject("alice", "phone", Envelope("bob", "phone", made_up, 0.0, _letter(20)))
        await alice.notice("malformed")
        assert len(hers.unread) == 1
        assert len({e.data for person, _, e in node.envelopes if person == "alice"}) == 1


async def test_letters_that_it_makes_up_have_us_ask_seldom_and_for_few(tmp_path: Path) -> None:
    node, rng = HostileNode(Keeping(tmp_path / "kept")), random.Random(8)
    async with town(tmp_path, node) as here:
        alice, hers, bob, _ = await correspondents(here)
        unseen = await alice.sessions.encrypt(BOB, b"\1never sent")
        del node.envelopes[:]
        sessions = alice.sessions.current(BOB)
        for number in range(1, 150):
            data = bytearray(unseen)
            data[-1 - number] ^= rng.randrange(1, 256)
            device = "phone" if number % 2 else f"made-up-{number}"
            node.inject("bob", "phone", Envelope("alice", device, bytes(data), 0.0, _letter(number)))
        await bob.notice("asked-again")
        await until(lambda: bool(hers.unread))
        assert len(node.envelopes) <= 4  # one question, as a letter and at once, whatever else was made up
        assert all(device == BOB for device, _ in hers.unread)
        await until(lambda: alice.sessions.current(BOB) not in (None, sessions))
        letters = Correspondent(bob).letters
        await alice.channel.post("bob", b"it goes on")
        await until(lambda: letters == [b"it goes on"])


def _letter(number: int) -> str:
    return f"{number:013d}-{number:016x}"
