"""Letters to a device that has lost its sessions: it asks for them, gets them once more, and everybody is told."""

import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from hullo.lines.direct.channel import Device, Sealed
from hullo.messages.direct.courier import DirectCourier
from hullo.messages.direct.posted import KEPT_FOR, VOICE_MESSAGE, PostedLetter, PostedLetters
from hullo.messages.events import Came, Received
from hullo.messages.metadata import Delivery
from hullo.messages.store import MessageStore, StoredMessage
from tests.lines.direct.samples import ALICE, BOB
from tests.messages.posting import QUICK, Desk, Office, office, running, some_sound
from tests.messages.test_direct_courier import received
from tests.rtc.test_connection import until

LAPTOP = Device("bob", "laptop")


async def acquainted(here: Office) -> None:
    """Alice and Bob have sessions in which both have written, and nothing is on its way."""
    async with here.desk(ALICE, "bob") as alice, here.desk(BOB, "alice") as bob:
        await until(lambda: bob.member.line.status().ready)
        await alice.came(await alice.send(some_sound(1000), "bob"), Delivery.DELIVERED)
        await bob.came(await bob.send(some_sound(1001), "alice"), Delivery.DELIVERED)
        await until(lambda: is_idle(alice) and is_idle(bob))


def is_idle(desk: Desk) -> bool:
    return not [*desk.store.folder.glob("*/*.job")]


async def sent(here: Office, size: int) -> StoredMessage:
    """Alice has sent something to Bob, who was away."""
    async with here.desk(ALICE, "bob") as alice:
        message = await alice.send(some_sound(size), "bob")
        await alice.came(message, Delivery.SENT)
    return message


def vault(tmp_path: Path, own: Device) -> Path:
    return tmp_path / "vaults" / f"{own.person}-{own.device}"


def lose_sessions(tmp_path: Path, own: Device) -> None:
    for path in vault(tmp_path, own).glob("session-*"):
        path.unlink()


def kept_letters(desk: Desk) -> list[Path]:
    """The voice messages that can be posted again."""
    paths = [path for path in (desk.store.folder / "posted").glob("*/*.job") if path.parent.name != "again"]
    return [path for path in paths if decoded(path).kind == VOICE_MESSAGE]


def decoded(path: Path) -> PostedLetter:
    return msgspec.json.decode(path.read_bytes(), type=PostedLetter)


async def test_what_was_sent_before_comes_again_once_and_all_that_waited(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await acquainted(here)
        messages = [await sent(here, size) for size in (2000, 2001, 2002)]
        lose_sessions(tmp_path, BOB)
        async with here.desk(BOB, "alice") as bob:
            notice = await bob.member.notice("asked-again")
            assert "alice/phone has sent (voice messages or receipts: 3)" in notice.detail
            async with here.desk(ALICE, "bob") as alice:
                for message in messages:
                    await alice.came(message, Delivery.DELIVERED)
                await until(lambda: kept_letters(alice) == [])
            there = [event.message.path.read_bytes() for event in bob.events if isinstance(event, Received)]
            assert sorted(there) == sorted(some_sound(size) for size in (2000, 2001, 2002))


async def test_a_device_that_was_put_back_to_an_old_copy_asks_too(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await acquainted(here)
        shutil.copytree(vault(tmp_path, BOB), tmp_path / "old")
        async with here.desk(ALICE, "bob") as alice, here.desk(BOB, "alice") as bob:
            for size in (1100, 1101):  # the ratchet turns
                await alice.came(await alice.send(some_sound(size), "bob"), Delivery.DELIVERED)
                await bob.came(await bob.send(some_sound(size + 100), "alice"), Delivery.DELIVERED)
            await until(lambda: is_idle(alice) and is_idle(bob))
        message = await sent(here, 2000)
        shutil.rmtree(vault(tmp_path, BOB))
        (tmp_path / "old").rename(vault(tmp_path, BOB))
        async with here.desk(ALICE, "bob") as alice, here.desk(BOB, "alice") as bob:
            assert (await received(bob)).message.path.read_bytes() == some_sound(2000)
            await alice.came(message, Delivery.DELIVERED)


async def test_a_sender_who_has_lost_its_sessions_gets_its_receipts(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await acquainted(here)
        message = await sent(here, 2000)
        async with here.desk(BOB, "alice") as bob:
            await received(bob)
            await until(lambda: is_idle(bob))
        lose_sessions(tmp_path, ALICE)
        async with here.desk(ALICE, "bob") as alice, here.desk(BOB, "alice") as bob:
            await alice.came(message, Delivery.DELIVERED)
            assert bob.events == []


async def test_one_device_of_two_asks_and_each_has_the_message_once(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(BOB, "alice") as bob:
        async with laptop(here, tmp_path, bob) as its:
            async with here.desk(ALICE, "bob") as alice:
                await until(lambda: bob.member.line.status().ready)
                await alice.came(await alice.send(some_sound(1000), "bob"), Delivery.DELIVERED)
            await until(lambda: len(its.messages()) == 1 == len(bob.store.messages()))
        lose_sessions(tmp_path, LAPTOP)
        async with here.desk(ALICE, "bob") as alice:
            await alice.came(await alice.send(some_sound(2000), "bob"), Delivery.DELIVERED)
            assert len(kept_letters(alice)) == 1  # for the laptop
            async with laptop(here, tmp_path, bob) as its:
                await until(lambda: len(its.messages()) == 2)
                await until(lambda: kept_letters(alice) == [])
        assert len(bob.store.messages()) == 2
        assert len([event for event in alice.events if isinstance(event, Came)]) == 2


@asynccontextmanager
async def laptop(here: Office, tmp_path: Path, bob: Desk) -> AsyncIterator[MessageStore]:
    """Bob's second device, and the messages that it has."""
    identity = bob.member.sessions.keys.identity
    async with here.town.visiting(LAPTOP, "alice", identity=identity, ready=False) as member:
        store = MessageStore(tmp_path / "messages-laptop")
        courier = DirectCourier(member.line, member.channel, store, lambda event: None, patience=QUICK)
        async with running(courier.run()):
            yield store


async def test_without_receipts_letters_are_kept_for_a_time_and_come_again_all_the_same(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await acquainted(here)
        message = await sent(here, 2000)
        lose_sessions(tmp_path, BOB)
        async with here.desk(ALICE, "bob") as alice, here.desk(BOB, "alice", receipts=False) as bob:
            assert (await received(bob)).message.path.read_bytes() == some_sound(2000)
            await until(lambda: len(kept_letters(alice)) == 1)
            assert alice.known(message).delivery is Delivery.SENT
            for path in kept_letters(alice):
                os.utime(path, (0, time.time() - KEPT_FOR - 60))
        async with here.desk(ALICE, "bob") as alice:
            await until(lambda: kept_letters(alice) == [])


async def test_what_can_not_be_read_a_second_time_has_failed(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(ALICE, "bob") as alice:
        await here.introduce(BOB, "alice")
        message = await alice.send(some_sound(2000), "bob")
        await alice.came(message, Delivery.SENT)
        for number in range(2):
            asked, letter = the_only(alice)
            assert letter.again is (number == 1)
            for _ in range(3):  # a rendezvous can't say it, but the device may say it more than once
                alice.courier._posted.unread(BOB, Sealed(asked, letter.identity))
            await until(lambda: not [*(alice.store.folder / "posted" / "again").glob("*")])
        failed = await alice.came(message, Delivery.FAILED)
        assert failed.problem == "bob/phone could not read it, and not when it was sent again either"
        assert kept_letters(alice) == []


async def test_nobody_else_and_no_other_key_gets_a_letter_again(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(ALICE, "bob") as alice:
        await here.introduce(BOB, "alice")
        message = await alice.send(some_sound(2000), "bob")
        await alice.came(message, Delivery.SENT)
        asked, letter = the_only(alice)
        posted = alice.courier._posted
        posted.unread(Device("mallory", "phone"), Sealed(asked, letter.identity))
        posted.unread(LAPTOP, Sealed(asked, letter.identity))
        posted.unread(BOB, Sealed(bytes(32), letter.identity))
        assert the_only(alice) == (asked, letter)
        posted.unread(BOB, Sealed(asked, bytes(32)))
        failed = await alice.came(message, Delivery.FAILED)
        assert "another key since" in str(failed.problem)
        assert not [*(alice.store.folder / "posted").glob("*/*.job")]


async def test_a_message_that_one_device_has_does_not_fail_for_another(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(ALICE, "bob") as alice, here.desk(BOB, "alice") as bob:
        await until(lambda: bob.member.line.status().ready)
        message = await alice.send(some_sound(2000), "bob")
        known = await alice.came(message, Delivery.DELIVERED)
        letter = PostedLetter(
            person="bob",
            device="laptop",
            message_id=known.id,
            kind=VOICE_MESSAGE,
            letter=b"",
            identity=bytes(32),
            again=True,
        )
        posted: PostedLetters = alice.courier._posted
        posted._keep(letter, bytes(32))
        posted.unread(LAPTOP, Sealed(bytes(32), bytes(32)))
        assert kept_letters(alice) == []
        assert alice.known(message).delivery is Delivery.DELIVERED


def the_only(desk: Desk) -> tuple[bytes, PostedLetter]:
    """The hash of the only letter that is kept, and what it is."""
    (path,) = kept_letters(desk)
    return bytes.fromhex(path.name.split(".")[1]), decoded(path)
