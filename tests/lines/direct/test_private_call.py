"""Calls between devices that have nothing but a rendezvous."""

import asyncio
from pathlib import Path

import pytest

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.identity import safety_number
from hullo.lines.line import CallFailed, EndReason
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.mailbox import Mailboxes
from hullo.rendezvous.node import Node
from tests.lines.direct.memory_channel import BYE, DEADLINE, answered
from tests.lines.direct.rendezvous import Member, town
from tests.lines.direct.samples import ALICE, BOB, BOB_DESK
from tests.lines.direct.test_line import hang_up, sound
from tests.rtc.test_connection import until


async def call(caller: Member, callee: Member) -> None:
    legs = await answered(caller, callee, callee.sessions.keys.own.person)
    await sound(*legs)
    assert legs[0].report().emoji == legs[1].report().emoji
    await hang_up(*legs)


def number(one: Member, other: Member) -> str:
    """The safety number of `other` as `one` sees it."""
    theirs = one.book.identity(other.sessions.keys.own.person)
    assert theirs is not None
    own = one.sessions.keys
    return safety_number((own.own.person, own.identity.public), (other.sessions.keys.own.person, theirs))


async def test_a_first_call_and_a_second_one_the_other_way(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice, bob = await here.join(ALICE, "bob"), await here.join(BOB, "alice")
        await call(alice, bob)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            dialing = tasks.create_task(bob.dial("alice"))
            callee = await (await alice.offer()).accept()
        assert not callee.report().verified
        assert number(alice, bob) == number(bob, alice)
        alice.book.verify("bob")
        assert callee.report().verified
        await callee.close(BYE)
        await dialing.result().close(BYE)
        assert alice.noticed() == bob.noticed() == []


async def test_all_devices_of_a_person_ring_also_a_new_one(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice, phone = await here.join(ALICE, "bob"), await here.join(BOB, "alice")
        await call(alice, phone)
        desk = await here.join(BOB_DESK, "alice", identity=phone.sessions.keys.identity)
        dialing = asyncio.create_task(alice.dial("bob"))
        ringing = await phone.offer()
        callee = await (await desk.offer()).accept()
        caller = await dialing
        assert (await ringing.withdrawn()).reason is EndReason.NO_ANSWER
        await caller.close(BYE)
        await callee.close(BYE)


async def test_who_comes_back_within_the_ring_time_rings(tmp_path: Path) -> None:
    boxes = Mailboxes()
    async with town(tmp_path, Node(LocalStore(mailboxes=boxes))) as here:
        alice = await here.join(ALICE, "bob")
        async with here.visiting(BOB, "alice"):
            pass
        dialing = asyncio.create_task(alice.dial("bob"))
        await until(lambda: len(boxes) > 0)
        bob = await here.join(BOB)
        callee = await (await bob.offer()).accept()
        caller = await dialing
        await caller.close(BYE)
        await callee.close(BYE)


async def test_a_caller_that_gave_up_meanwhile_is_a_missed_call(tmp_path: Path) -> None:
    boxes = Mailboxes()
    async with town(tmp_path, Node(LocalStore(mailboxes=boxes))) as here:
        alice = await here.join(ALICE, "bob")
        async with here.visiting(BOB, "alice"):
            pass
        dialing = asyncio.create_task(alice.dial("bob"))
        await until(lambda: len(boxes) > 0)
        dialing.cancel()
        await asyncio.gather(dialing, return_exceptions=True)
        bob = await here.join(BOB)
        await until(lambda: len(bob.line.missed) == 1)
        assert bob.line.missed[0].person == "alice"


async def test_calls_go_on_after_a_restart_of_a_device_and_after_it_lost_its_sessions(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice = await here.join(ALICE, "bob")
        async with here.visiting(BOB, "alice") as bob:
            await call(alice, bob)
            identity = bob.sessions.keys.identity
        async with here.visiting(BOB) as bob:
            await call(alice, bob)
        async with here.visiting(BOB, "alice", identity=identity, vault="restored") as bob:
            lost = asyncio.create_task(alice.dial("bob"))
            await bob.notice("unknown-session")
            lost.cancel()
            await asyncio.gather(lost, return_exceptions=True)
            await until(lambda: alice.sessions.current(BOB) == bob.sessions.current(ALICE))
            await call(alice, bob)


async def test_somebody_who_is_no_contact_is_not_called_and_somebody_unknown_is_said(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        alice = await here.join(ALICE, "nobody")
        with pytest.raises(CallFailed, match="not among your contacts"):
            await alice.dial("direct:carol")
        with pytest.raises(CallFailed, match="nobody is called nobody here"):
            await alice.dial("nobody")


async def test_a_stranger_does_not_ring(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        bob = await here.join(BOB)
        mallory = await here.join(Device("mallory", "phone"), "bob")
        dialing = asyncio.create_task(mallory.dial("bob"))
        await bob.notice("stranger")
        dialing.cancel()
        await asyncio.gather(dialing, return_exceptions=True)
        assert bob.offers.empty()
        assert bob.book.entries() == {}


async def test_a_name_that_is_taken_is_said(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        await here.join(ALICE)
        async with here.visiting(Device("alice", "other"), vault="thief", ready=False) as thief:
            await until(lambda: "belongs to another key" in thief.line.status().detail)
            with pytest.raises(CallFailed, match="belongs to another key"):
                await thief.line.dial("direct:bob", thief.rang)


async def test_a_rendezvous_that_comes_back(tmp_path: Path) -> None:
    node = Node(LocalStore())
    async with town(tmp_path, node) as here:
        alice, bob = await here.join(ALICE, "bob"), await here.join(BOB, "alice")
        for member in (alice, bob):
            socket = member.channel._client._socket
            assert socket is not None
            await socket.close()
        await until(lambda: not alice.line.status().ready or node.online < 2)
        await until(lambda: alice.line.status().ready and bob.line.status().ready and node.online == 2)
        await call(alice, bob)
