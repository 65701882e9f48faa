"""Voice messages between two people: away, restarted, twice, with and without receipts."""

import asyncio
from pathlib import Path

from hullo.lines.direct.channel import OnSealed, ignore_sealed
from hullo.lines.direct.letters import Receipt, VoiceMessage, encode_letter
from hullo.messages.direct.fetching import IncomingJob
from hullo.messages.direct.moving import Patience
from hullo.messages.events import Came, NotReceived, Received
from hullo.messages.jobs import keep, named_after
from hullo.messages.metadata import Delivery, Direction
from hullo.messages.store import MessageStore
from tests.lines.direct.samples import ALICE, BOB
from tests.messages.posting import Desk, breaking_way, kept, office, some_sound
from tests.messages.test_envelope import ENVELOPE, NESTED
from tests.rtc.test_connection import until


async def received(desk: Desk, number: int = 1) -> Received:
    """The n-th message that came."""
    event = await desk.event(Received, number)
    assert isinstance(event, Received)
    return event


async def test_it_waits_for_one_who_is_away_and_the_receipts_for_the_sender(tmp_path: Path) -> None:
    sound = some_sound(100_000)
    async with office(tmp_path) as here:
        await here.introduce(BOB, "alice")
        async with here.desk(ALICE, "bob") as alice:
            message = await alice.send(sound, "bob")
            await alice.came(message, Delivery.SENT)
        async with here.desk(BOB, "alice") as bob:
            there = await received(bob)
            assert there.message.path.read_bytes() == sound
            assert there.message.path.stat().st_mode & 0o077 == 0
            bob.courier.heard(there.message)
            await until(lambda: not any((bob.store.folder / "receipts").iterdir()))
        async with here.desk(ALICE, "bob") as alice:
            await alice.came(message, Delivery.HEARD)
        async with here.desk(BOB, "alice") as bob:  # nothing comes again
            await until(lambda: bob.member.line.status().ready)
            await asyncio.sleep(0.1)
            assert bob.events == []


async def test_what_is_recorded_without_a_connection_is_sent_when_there_is_one(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        nowhere = "ws://127.0.0.1:1/rendezvous"
        patient = Patience(first=0.01, most=0.05, give_up=3600.0)
        async with here.desk(ALICE, "bob", url=nowhere, patience=patient) as alice:
            message = await alice.send(some_sound(50_000), "bob")
            await asyncio.sleep(0.1)
            assert alice.known(message).delivery is Delivery.SENDING
        async with here.desk(BOB, "alice") as bob, here.desk(ALICE, "bob") as alice:
            await received(bob)
            await alice.came(message, Delivery.DELIVERED)
        async with here.desk(ALICE, "bob", url=nowhere) as alice:  # and with less patience it is given up, and told
            hopeless = await alice.send(some_sound(50_001), "bob")
            assert "can't be reached" in str((await alice.came(hopeless, Delivery.FAILED)).problem)


async def test_a_program_that_ends_in_between_goes_on_at_its_next_start(tmp_path: Path) -> None:
    sound = some_sound()
    async with office(tmp_path) as here, breaking_way(here.port, 150_000) as way:
        slow = Patience(first=30.0, most=30.0)
        async with here.desk(ALICE, "bob", url=way.url, patience=slow) as alice:
            await here.introduce(BOB, "alice")
            message = await alice.send(sound, "bob")
            await until(lambda: any(step.received > 32_768 for step in alice.progress))
        async with here.desk(ALICE, "bob") as alice:
            await alice.came(message, Delivery.SENT)
            assert alice.progress[0].received > 0
        async with here.desk(BOB, "alice", url=way.url, patience=slow) as bob:
            await until(lambda: any(step.received > 65_536 for step in bob.progress))
            half = bob.progress[-1].received
        async with here.desk(BOB, "alice") as bob:
            assert (await received(bob)).message.path.read_bytes() == sound
            assert bob.progress[0].received > half - 32_768


async def test_a_message_that_was_made_and_no_more_is_sent_at_the_next_start(tmp_path: Path) -> None:
    message = kept(MessageStore(tmp_path / "messages-alice"), some_sound(50_000), "bob")
    async with office(tmp_path) as here, here.desk(BOB, "alice") as bob, here.desk(ALICE, "bob") as alice:
        await received(bob)
        await alice.came(message, Delivery.DELIVERED)
        assert len(bob.store.messages()) == 1


async def test_a_message_is_begun_once(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(BOB, "alice") as bob, here.desk(ALICE, "bob") as alice:
        message = kept(alice.store, some_sound(50_000), "bob")
        await asyncio.gather(*(alice.courier.send(message) for _ in range(3)))
        await alice.came(message, Delivery.DELIVERED)
        assert (await received(bob)).message.path.read_bytes() == some_sound(50_000)
        assert len(bob.store.messages()) == 1


async def test_without_receipts_the_sender_learns_nothing(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(BOB, "alice", receipts=False) as bob,
        here.desk(ALICE, "bob") as alice,
    ):
        message = await alice.send(some_sound(1000), "bob")
        bob.courier.heard((await received(bob)).message)
        second = await bob.send(some_sound(1001), "alice")  # what comes after would have been overtaken by a receipt
        await bob.came(second, Delivery.DELIVERED)
        assert alice.known(message).delivery is Delivery.SENT
        assert [event.delivery for event in alice.events if isinstance(event, Came)] == [Delivery.SENT]


async def test_a_letter_that_comes_twice_brings_one_message(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(BOB, "alice") as bob, here.desk(ALICE, "bob") as alice:
        posted: list[bytes] = []
        post = alice.member.channel.post

        async def keep(
            person: str, data: bytes, *, device: str | None = None, on_sealed: OnSealed = ignore_sealed
        ) -> None:
            posted.append(data)
            await post(person, data, device=device, on_sealed=on_sealed)

        alice.member.channel.post = keep  # type: ignore[method-assign]  # to see the letter
        message = await alice.send(some_sound(1000), "bob")
        await alice.came(message, Delivery.DELIVERED)
        for _ in range(3):
            await post("bob", posted[0])
        last = await alice.send(some_sound(1001), "bob")
        await alice.came(last, Delivery.DELIVERED)
        assert len(bob.store.messages()) == 2
        assert len([event for event in bob.events if isinstance(event, Received)]) == 2


async def test_a_program_that_ended_before_it_told_of_a_message_tells_it_under_the_same_id(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(ALICE, "bob") as alice:
        await here.introduce(BOB, "alice")
        message = await alice.send(some_sound(1000), "bob")
        sent = await alice.came(message, Delivery.SENT)
        async with here.desk(BOB, "alice") as bob:
            first = await received(bob)
            await until(lambda: not [*(bob.store.folder / "incoming").iterdir()])
        letter = VoiceMessage(message_id=sent.id, file="f" * 43, envelope=ENVELOPE.encode(), sent_at=0)
        job = IncomingJob(name=first.message.path.name, person="alice", letter=letter, begun=0.0)
        keep(bob.store.folder / "incoming" / f"{named_after('alice', sent.id)}.job", job)
        async with here.desk(BOB, "alice") as bob:
            again = await received(bob)
            assert again.message == first.message
            assert len(bob.store.messages()) == 1
            await until(lambda: not [*(bob.store.folder / "incoming").iterdir()])


async def test_letters_that_make_no_sense_are_one_notice_each(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(BOB, "alice") as bob, here.desk(ALICE, "bob") as alice:
        channel = alice.member.channel
        await until(lambda: channel.problem() is None)
        letter = VoiceMessage(message_id="ab" * 8, file="x" * 43, envelope=b"no envelope", sent_at=0)
        await channel.post("bob", encode_letter(letter))
        lost = await bob.event(NotReceived)
        assert isinstance(lost, NotReceived)
        assert "no voice message" in lost.detail
        nested = VoiceMessage(message_id="ef" * 8, file="x" * 43, envelope=NESTED, sent_at=0)
        await channel.post("bob", encode_letter(nested))
        await bob.event(NotReceived, 2)
        await channel.post("bob", encode_letter(Receipt(message_id="cd" * 8, kind="heard")))
        await channel.post("bob", b'{"v":2,"type":"voice-message"}')
        await bob.member.notice("unknown-version")
        await channel.post("bob", b'{"v":1,"type":"voice-message"}')
        await bob.member.notice("malformed")
        assert len(bob.events) == 2


async def test_only_who_a_message_was_sent_to_can_say_that_it_came(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(BOB, "alice") as bob, here.desk(ALICE, "bob") as alice:
        to_carol = await alice.send(some_sound(1000), "carol")  # nobody is called so
        failed = await alice.came(to_carol, Delivery.FAILED)
        assert "carol is not among your contacts" in str(failed.problem)
        await until(lambda: bob.member.channel.problem() is None)
        await bob.member.channel.post("alice", encode_letter(Receipt(message_id=failed.id, kind="heard")))
        last = await bob.send(some_sound(1001), "alice")
        await bob.came(last, Delivery.DELIVERED)
        assert alice.known(to_carol).delivery is Delivery.FAILED


async def test_letters_wait_while_nobody_keeps_messages(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(ALICE, "bob") as alice:
        await here.introduce(BOB, "alice")
        await alice.came(await alice.send(some_sound(1000), "bob"), Delivery.SENT)
        async with here.town.visiting(BOB, "alice") as bob:  # only to call somebody
            await until(lambda: bob.channel.problem() is None)
        async with here.desk(BOB, "alice") as desk:
            known = (await received(desk)).message.metadata
            assert known is not None
            assert known.direction is Direction.RECEIVED
