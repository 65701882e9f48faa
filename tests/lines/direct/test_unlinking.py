"""A device of a person is unlinked: it rings and reads no more, and no rendezvous can bring it back."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.linking import LinkError, NewDevice
from hullo.lines.direct.private.sessions import Refused
from hullo.lines.direct.private.unlinking import UnlinkError
from hullo.lines.line import CallFailed
from hullo.messages.events import Received
from hullo.messages.metadata import Delivery
from hullo.rendezvous.node import Connection
from hullo.rendezvous.wire import Bundle, Bundles, Envelope, Fetch, Succeeded, encode
from tests.lines.direct.memory_channel import DEADLINE, answered
from tests.lines.direct.rendezvous import Member, Town, town
from tests.lines.direct.samples import ALICE, BOB
from tests.lines.direct.test_hostile_rendezvous import HostileNode, call
from tests.lines.direct.test_line import hang_up, sound
from tests.messages.posting import office, some_sound
from tests.rtc.test_connection import until

STOLEN = Device("alice", "stolen")


async def alice_twice_and_bob(here: Town) -> tuple[Member, Member, Member]:
    """Two devices of Alice's, of which one will be stolen, and Bob, who has talked with both."""
    alice, bob = await here.join(ALICE, "bob"), await here.join(BOB, "alice")
    stolen = await here.join(STOLEN, "bob", identity=alice.sessions.keys.identity)
    await call(alice, bob)
    await call(stolen, bob)
    assert set(bob.book.devices("alice")) == {"phone", "stolen"}
    return alice, stolen, bob


async def test_the_removed_device_is_told_and_its_person_goes_on(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice, stolen, bob = await alice_twice_and_bob(here)
        bob.book.verify("alice")
        assert await alice.channel.devices() == ("phone", "stolen")
        assert await alice.channel.unlink("stolen") == ("stolen",)
        why = (await stolen.notice("unlinked")).detail
        assert "by your device phone" in why
        assert "hullo contacts link" in why
        await until(lambda: stolen.channel.problem() == why)
        with pytest.raises(CallFailed, match="was unlinked"):
            await stolen.dial("bob")
        with pytest.raises(LinkError, match="was unlinked"):
            await stolen.channel.hand_over(NewDevice().code)
        notice = await bob.notice("device-removed")
        assert (notice.person, notice.devices) == ("alice", ("stolen",))
        assert bob.book.identity("alice") == alice.sessions.keys.identity.public
        assert not bob.book.verified("alice")
        await call(bob, alice)
        await call(alice, bob)
        assert bob.book.devices("alice") == ("phone",)
        assert stolen.offers.empty()
        assert "key-changed" not in bob.noticed() + alice.noticed()
        assert await alice.channel.devices() == ("phone",)


async def test_it_stays_unlinked_when_it_starts_again(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice = await here.join(ALICE)
        async with here.visiting(STOLEN, identity=alice.sessions.keys.identity):
            pass
        await alice.channel.unlink("stolen")
        for _ in range(2):  # it learns it when it comes back, and knows it the next time
            async with here.visiting(STOLEN, ready=False) as stolen:
                await stolen.notice("unlinked")
                assert "was unlinked" in (stolen.channel.problem() or "")


async def test_a_contact_that_was_away_learns_it_before_it_sends_anything(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice = await here.join(ALICE, "bob")
        stolen = await here.join(STOLEN, "bob", identity=alice.sessions.keys.identity)
        async with here.visiting(BOB, "alice") as bob:
            await call(alice, bob)
            await call(stolen, bob)
        await alice.channel.unlink("stolen")
        async with here.visiting(BOB) as bob:
            await call(bob, alice)
            assert bob.noticed() == ["device-removed"]
        assert stolen.offers.empty()


async def test_a_call_with_the_removed_device_is_over(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice, stolen, bob = await alice_twice_and_bob(here)
        caller, callee = await answered(stolen, bob)
        await sound(caller, callee)
        await alice.channel.unlink("stolen")
        async with asyncio.timeout(DEADLINE):
            assert "has removed the device" in (await callee.ended()).detail
        await hang_up(caller, callee)


async def test_a_voice_message_goes_to_the_devices_that_are_left(tmp_path: Path) -> None:
    """One that waits for the removed device is gone, and one that is sent later does not get there."""
    async with office(tmp_path) as here:
        async with here.town.visiting(ALICE, "bob") as alice:
            stolen = here.town.visiting(STOLEN, "bob", identity=alice.sessions.keys.identity)
            async with stolen as taken:
                await until(lambda: taken.channel.problem() is None)
            async with here.desk(BOB, "alice") as bob:
                await until(lambda: bob.member.line.status().ready)
                await call(alice, bob.member)
                waiting = await bob.send(some_sound(1000), "alice")
                await bob.came(waiting, Delivery.SENT)
                letters = here.folder / "letters"
                assert len(boxes(letters)) == 2
                await alice.channel.unlink("stolen")
                assert len(boxes(letters)) == 1
                await bob.member.notice("device-removed")
                later = await bob.send(some_sound(1001), "alice")
                await bob.came(later, Delivery.SENT)
                assert len(boxes(letters)) == 1
        async with here.desk(ALICE, "bob") as back:
            await back.event(Received, 2)


def boxes(letters: Path) -> list[Path]:
    """The letterboxes that something waits in."""
    return [box for box in letters.iterdir() if any(box.iterdir())]


class Replaying(HostileNode):
    """It shows everybody the person, devices and keys of before, and lets the removed device in."""

    def __init__(self) -> None:
        super().__init__()
        self.old: tuple[Bundle, ...] = ()

    async def remember(self, person: str) -> None:
        """Keep what is true of a person now."""
        found = [await self._store.bundle(person, device) for device in await self._store.devices(person)]
        self.old = tuple(bundle for bundle in found if bundle is not None)

    async def _fetch(self, connection: Connection, fetch: Fetch) -> None:
        if fetch.person == "alice" and self.old:
            connection.tell(Bundles(fetch.sequence, self.old))
        else:
            await super()._fetch(connection, fetch)


async def test_a_rendezvous_that_shows_the_old_devices_again_brings_none_back(tmp_path: Path) -> None:
    node = Replaying()
    async with town(tmp_path, node) as here:
        alice, stolen, bob = await alice_twice_and_bob(here)
        old_session = Envelope(
            "alice", "stolen", await stolen.sessions.encrypt(BOB, b"\1in the session of before"), 0.0
        )
        await node.remember("alice")
        await alice.channel.unlink("stolen")
        await bob.notice("device-removed")
        keys = bob.sessions.keys.publish()
        fresh = Bundle("phone", bob.sessions.keys.identity.public, keys, keys.prekeys[0])
        new_session = Envelope("alice", "phone", await stolen.sessions.encrypt(BOB, b"\1in a new one", fresh), 0.0)
        for envelope in (old_session, new_session):
            bob.line.notices.clear()
            async with asyncio.timeout(DEADLINE):
                while "withdrawn-key" not in bob.noticed():  # at most one a second is told
                    node.inject("bob", "phone", envelope)
                    await asyncio.sleep(0.1)
        sent = len(node.envelopes)
        bob.book.forget_devices("alice", ["phone"])
        with pytest.raises(CallFailed, match="removed"):
            await bob.dial("alice")
        assert not any(person == "alice" for person, _, _ in node.envelopes[sent:])
        with pytest.raises(ValueError, match="no other key"):  # nor can the user be talked into it
            bob.book.trust("alice")
        assert bob.book.identity("alice") == alice.sessions.keys.identity.public
        assert bob.offers.empty()


async def test_a_rendezvous_that_makes_up_a_removal_removes_nothing(tmp_path: Path) -> None:
    node = HostileNode()
    async with town(tmp_path, node) as here:
        alice, _, bob = await alice_twice_and_bob(here)
        before = alice.sessions.keys.identity
        its_own = Identity.new()
        forged = msgspec.structs.replace(
            alice.sessions.keys.propose(("phone",), 1_700_000_000), new=its_own.public, new_signature=bytes(64)
        )
        node.inject_bytes("alice", "phone", encode(Succeeded((forged,))))
        await alice.notice("rendezvous-rubbish")
        assert alice.sessions.keys.own_steps((forged,)) == ()
        assert alice.sessions.keys.unlinked is None
        assert alice.sessions.keys.identity is before
        bundle = Bundle("phone", its_own.public, bob.sessions.keys.publish(), None)
        with pytest.raises(Refused, match="not theirs"):
            await bob.sessions.encrypt(ALICE, b"\1", bundle, (forged,))
        assert bob.book.identity("alice") == before.public


async def test_an_answer_that_is_lost_is_made_up_for(tmp_path: Path) -> None:
    """The rendezvous took the new key, and the device that asked for it did not hear so, and died."""
    async with town(tmp_path) as here:
        bob = await here.join(BOB, "alice")
        async with here.visiting(ALICE, "bob") as alice:
            await call(alice, bob)
            step = alice.sessions.keys.propose((), 1_700_000_000)
            await alice.channel._client.succeed(step)
        async with here.visiting(ALICE) as alice:
            await until(lambda: alice.channel.problem() is None)
            assert alice.sessions.keys.identity.public == step.new
            await bob.notice("device-removed")
            assert bob.book.identity("alice") == step.new
            await until(lambda: alice.sessions.keys.told)


async def test_what_cannot_be_unlinked_is_said(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice = await here.join(ALICE)
        with pytest.raises(UnlinkError, match="this device"):
            await alice.channel.unlink("phone")
        with pytest.raises(UnlinkError, match="called tablet; there is no other"):
            await alice.channel.unlink("tablet")
        with pytest.raises(UnlinkError, match="no name"):
            await alice.channel.unlink("a tablet", unlisted=True)
        assert await alice.channel.unlink("tablet", unlisted=True) == ("tablet",)


async def test_whom_a_rendezvous_keeps_in_the_dark_learns_it_from_the_first_message(tmp_path: Path) -> None:
    node = Replaying()
    async with town(tmp_path, node) as here:
        alice, _, bob = await alice_twice_and_bob(here)
        await node.remember("alice")
        node.deliver = lambda envelope: []
        await alice.channel.unlink("stolen")
        await until(lambda: any(envelope.person == "alice" for _, _, envelope in node.envelopes[-1:]))
        assert bob.noticed() == []
        node.deliver = lambda envelope: [envelope]
        await call(alice, bob)
        assert bob.noticed() == ["device-removed"]


async def test_who_met_the_new_key_first_is_not_talked_into_the_old_one(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice = await here.join(ALICE, "bob")
        old = alice.sessions.keys.identity.public
        await alice.channel.unlink("stolen", unlisted=True)
        bob = await here.join(BOB, "alice")
        await call(alice, bob)
        assert not bob.book.accepts("alice", old)
        assert bob.noticed() == ["withdrawn-key"]
        with pytest.raises(ValueError, match="no other key"):
            bob.book.trust("alice")


async def test_an_old_invite_leads_to_the_new_key(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice, bob = await here.join(ALICE, "bob"), await here.join(BOB)
        bob.book.add("alice", alice.sessions.keys.identity.public)
        await alice.channel.unlink("stolen", unlisted=True)
        await call(bob, alice)
        assert bob.noticed() == ["device-removed"]
        assert bob.book.identity("alice") == alice.sessions.keys.identity.public
        assert not bob.book.verified("alice")
