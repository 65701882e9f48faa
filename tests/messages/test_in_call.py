"""Voice messages that go over the data channel of a call, and what becomes of them when they can't."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hullo.lines.direct.leg import DirectLeg
from hullo.lines.direct.letters import Letter, Receipt, VoiceMessage, VoiceMessageInCall, encode_letter
from hullo.lines.direct.message_way import MessageWay
from hullo.messages.direct.exchange import CallExchange
from hullo.messages.direct.frames import Ask, Frame, Piece, encode_frame, parse_frame
from hullo.messages.direct.pace import PaceLimits
from hullo.messages.envelope import VoiceMessageEnvelope
from hullo.messages.events import Came, NotReceived, Received
from hullo.messages.metadata import Delivery
from hullo.messages.sealed import seal
from hullo.rtc.connection import RtcConnection
from tests.lines.direct.memory_channel import BYE, answered
from tests.lines.direct.rendezvous import Member
from tests.lines.direct.samples import ALICE, BOB, BOB_DESK
from tests.lines.direct.test_line import hang_up, sound
from tests.messages.posting import Desk, Office, kept, office, some_sound
from tests.rtc.test_connection import until
from tests.rtc.tones import Listener, Tone
from tests.situations.test_network_changes import break_path

FAST = PaceLimits(first=200_000.0, least=200_000.0, most=200_000.0, burst=8192.0)
SLOW = PaceLimits(first=50_000.0, least=50_000.0, most=50_000.0)
SOUND = some_sound(150_000)


@asynccontextmanager
async def in_call(here: Office, caller: Member, callee: Member) -> AsyncIterator[tuple[DirectLeg, DirectLeg]]:
    """Two who talk; the call must be as good at the end of the block, unless the block ended it."""
    legs = await dialed(here, caller, callee)
    at_caller, at_callee = Listener(), Listener()
    legs[0].open(at_caller, Tone(440))
    legs[1].open(at_callee, Tone(1000))
    await asyncio.gather(*(leg.connected() for leg in legs))
    yield legs
    if not any(leg._over.done() for leg in legs):
        await asyncio.gather(at_caller.hears(1000), at_callee.hears(440))
    await hang_up(*legs)


async def call(here: Office, caller: Desk, callee: Desk) -> tuple[DirectLeg, DirectLeg]:
    """A call that is to outlive one of them."""
    legs = await dialed(here, caller.member, callee.member)
    await sound(*legs)
    return legs


async def dialed(here: Office, caller: Member, callee: Member) -> tuple[DirectLeg, DirectLeg]:
    """A call that is answered as soon as both are there."""
    for member in (caller, callee):
        await here.known(member.sessions.keys.own)
        await until(lambda member=member: member.line.status().ready)  # type: ignore[misc]
    return await answered(caller, callee)


def stored(here: Office) -> int:
    """Bytes that lie in the rendezvous' storage; what was ever laid there stays for days."""
    return sum(
        path.stat().st_size for path in here.folder.rglob("*") if path.is_file() and path.stat().st_size > 10_000
    )


def steady(desk: Desk) -> bool:
    """Whether nothing that had come came again."""
    received = [step.received for step in desk.progress]
    return received == sorted(set(received))


async def received(desk: Desk, sound: bytes = SOUND) -> None:
    event = await desk.event(Received)
    assert isinstance(event, Received)
    assert event.message.path.read_bytes() == sound
    assert [type(other) for other in desk.events] == [Received]
    assert len(desk.store.messages()) == 1


async def test_it_goes_over_the_call_both_ways_at_once_and_the_rendezvous_never_holds_it(tmp_path: Path) -> None:
    there, back = some_sound(150_000), some_sound(100_000, 2)
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob", limits=FAST) as alice,
        here.desk(BOB, "alice", limits=FAST) as bob,
        in_call(here, alice.member, bob.member),
    ):
        to_bob, to_alice = await asyncio.gather(alice.send(there, "bob"), bob.send(back, "alice"))
        await alice.came(to_bob, Delivery.DELIVERED)
        await bob.came(to_alice, Delivery.DELIVERED)
        for desk, came in ((bob, there), (alice, back)):
            event = await desk.event(Received)
            assert isinstance(event, Received)
            assert event.message.path.read_bytes() == came
        bob.courier.heard(bob.store.messages()[0])
        for jobs in ("incoming", "outgoing"):
            await until(lambda jobs=jobs: not any((bob.store.folder / jobs).iterdir()))  # type: ignore[misc]
        assert {(step.peer, step.size > step.received > 0) for step in alice.progress} >= {("bob", True)}
        assert stored(here) == 0


async def test_when_the_call_ends_in_between_the_rest_comes_by_the_storage(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob", limits=SLOW) as alice,
        here.desk(BOB, "alice", limits=SLOW) as bob,
        in_call(here, alice.member, bob.member) as legs,
    ):
        message = await alice.send(SOUND, "bob")
        await until(lambda: any(step.received > 30_000 for step in bob.progress))
        assert stored(here) == 0
        await legs[0].close(BYE)
        await alice.came(message, Delivery.DELIVERED)
        await received(bob)
        assert steady(bob)
        assert stored(here) > len(SOUND)
        assert [event.delivery for event in alice.events if isinstance(event, Came)] == ["sent", "delivered"]


async def test_when_the_sender_starts_again_in_between_the_rest_comes_by_the_storage(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(BOB, "alice", limits=SLOW) as bob:
        async with here.desk(ALICE, "bob", limits=SLOW) as alice:
            legs = await call(here, alice, bob)
            message = await alice.send(SOUND, "bob")
            await until(lambda: any(step.received > 30_000 for step in bob.progress))
        async with here.desk(ALICE, "bob") as alice:  # and Bob still waits for the rest in the call
            await alice.came(message, Delivery.DELIVERED)
            await received(bob)
            assert steady(bob)
        await hang_up(*legs)


async def test_when_the_receiver_starts_again_in_between_the_rest_comes_by_the_storage(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(ALICE, "bob", limits=SLOW) as alice:
        async with here.desk(BOB, "alice", limits=SLOW) as bob:
            legs = await call(here, alice, bob)
            message = await alice.send(SOUND, "bob")
            await until(lambda: any(step.received > 30_000 for step in bob.progress))
            had = bob.progress[-1].received
        await hang_up(*legs)
        async with here.desk(BOB, "alice") as bob:
            await alice.came(message, Delivery.DELIVERED)
            await received(bob)
            assert bob.progress[0].received > had


async def test_a_person_with_two_devices_gets_it_by_the_storage_on_both(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob", limits=FAST) as alice,
        here.desk(BOB, "alice", limits=FAST) as bob,
        in_call(here, alice.member, bob.member),
    ):
        identity = bob.member.sessions.keys.identity
        async with here.town.visiting(BOB_DESK, "alice", identity=identity):  # of which Alice knows nothing yet
            message = await alice.send(SOUND, "bob")
            await alice.came(message, Delivery.DELIVERED)
            await received(bob)
            assert stored(here) > len(SOUND)
            assert alice.member.book.devices("bob") == ("phone", "desk")


async def test_a_peer_whose_program_takes_none_in_calls_gets_it_by_the_storage(tmp_path: Path) -> None:
    async with office(tmp_path) as here, here.desk(ALICE, "bob") as alice:
        async with here.town.visiting(BOB, "alice") as bob, in_call(here, alice.member, bob) as legs:
            assert (legs[0].way, legs[1].way) == (None, None)
            message = await alice.send(SOUND, "bob")
            await alice.came(message, Delivery.SENT)
            assert stored(here) > len(SOUND)
        async with here.desk(BOB, "alice") as desk:
            await received(desk)


async def test_when_the_last_word_is_lost_it_is_sent_again_and_comes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob", limits=FAST) as alice,
        here.desk(BOB, "alice", receipts=False) as bob,
        in_call(here, alice.member, bob.member) as legs,
    ):
        monkeypatch.setattr(CallExchange, "say", lambda exchange, frame: None)
        message = await alice.send(SOUND, "bob")
        await received(bob)
        assert alice.known(message).delivery is Delivery.SENDING
        await legs[0].close(BYE)
        await alice.came(message, Delivery.SENT)
        second = await alice.send(some_sound(1000), "bob")  # what the first one brought would be here before it
        await bob.event(Received, 2)
        await alice.came(second, Delivery.SENT)
        assert [type(event) for event in bob.events] == [Received, Received]
        assert len(bob.store.messages()) == 2


def narrow(connection: RtcConnection, rate: float, queue: float) -> list[float]:
    """All that leaves goes through a place of so many bytes a second, which keeps `queue` seconds of them waiting.

    Gives a list of how long each packet waited there; one that was dropped has -1.
    """
    transport = connection._agent._nominated[1].protocol.transport
    send, loop = transport.sendto, asyncio.get_running_loop()
    free, waits = 0.0, list[float]()

    def through(data: Any, addr: Any = None) -> None:
        nonlocal free
        now = loop.time()
        wait = max(free - now, 0.0)
        waits.append(wait if wait <= queue else -1.0)
        if wait <= queue:
            free = now + wait + (len(data) + 28) / rate
            loop.call_at(free, send, data, addr)

    transport.sendto = through  # type: ignore[method-assign]
    return waits


@pytest.mark.peer  # for its time only
async def test_beside_a_message_over_a_narrow_path_the_sound_goes_on(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob") as alice,
        here.desk(BOB, "alice") as bob,
        in_call(here, alice.member, bob.member) as legs,
    ):
        waits = narrow(legs[0]._connection, 25_000.0, 1.0)  # 200 kbit/s
        before = legs[1].stats()
        message = await alice.send(some_sound(40_000), "bob")
        await alice.came(message, Delivery.DELIVERED, 100.0)  # a busy machine looks like a busy path
        after = legs[1].stats()
        await received(bob, some_sound(40_000))
        assert stored(here) == 0
        assert -1.0 not in waits
        waits.sort()
        print(  # noqa: T201
            f"waited {waits[len(waits) // 2] * 1000:.0f} ms, 95 %: {waits[len(waits) * 95 // 100] * 1000:.0f} ms; "
            f"concealed {after.concealed_ms - before.concealed_ms:.0f} of {after.played_ms - before.played_ms:.0f} ms"
        )


@pytest.mark.peer  # for its time only
async def test_a_message_follows_the_call_to_another_path(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob", limits=SLOW) as alice,
        here.desk(BOB, "alice") as bob,
        in_call(here, alice.member, bob.member) as legs,
    ):
        message = await alice.send(SOUND, "bob")
        await until(lambda: any(step.received > 30_000 for step in bob.progress))
        break_path(legs[0]._connection)
        await alice.came(message, Delivery.DELIVERED)
        await received(bob)
        await until(lambda: all("moved" in leg.report().stages for leg in legs))
        assert stored(here) == 0


class Liar:
    """A peer in a call that knows the protocol and keeps to none of it: `answers` makes frames of what it hears."""

    def __init__(self, member: Member, answers: Callable[[Frame], list[bytes]]) -> None:
        self.letters: list[Letter] = []
        self.member = member
        self._answers = answers
        member.line.on_letter = lambda sender, letter: self._read(letter)
        member.channel.keeps_letters = True

    def way(self, person: str) -> MessageWay:
        way = self.member.line.way(person)
        assert way is not None
        way.on_message = self._heard
        return way

    def say(self, way: MessageWay, *frames: bytes) -> None:
        for frame in frames:
            way.send(frame)

    def _read(self, letter: Letter) -> None:
        self.letters.append(letter)
        if isinstance(letter, VoiceMessageInCall):
            self.say(self.way("alice"), *self._answers(Ask(letter.number, ())))

    def _heard(self, message: bytes) -> None:
        frame = parse_frame(message)
        if frame is not None:
            self.say(self.way("alice"), *self._answers(frame))


def asks(*indexes: int) -> Callable[[Frame], list[bytes]]:
    """Asks for these chunks, and for the same whenever something comes."""
    return lambda frame: [encode_frame(Ask(frame.number, indexes))]


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(asks(9999), id="asks for what is not there"),
        pytest.param(lambda frame: [b"\x01"], id="makes no sense"),
        pytest.param(lambda frame: [bytes(200_000)], id="sends something huge"),
    ],
)
async def test_a_peer_that_lies_gets_it_by_the_storage_and_the_call_goes_on(
    tmp_path: Path, answers: Callable[[Frame], list[bytes]]
) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob", limits=FAST) as alice,
        here.town.visiting(BOB, "alice", ready=False) as bob,
    ):
        liar = Liar(bob, answers)
        async with in_call(here, alice.member, bob):
            message = await alice.send(SOUND, "bob")
            await alice.came(message, Delivery.SENT)
            await until(lambda: len(liar.letters) == 2)
            assert [type(letter) for letter in liar.letters] == [VoiceMessageInCall, VoiceMessage]
            assert stored(here) > len(SOUND)


async def test_who_has_said_that_it_came_is_not_sent_it_again(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob", limits=FAST) as alice,
        here.town.visiting(BOB, "alice", ready=False) as bob,
    ):
        liar = Liar(bob, lambda frame: [])
        async with in_call(here, alice.member, bob):
            message = await alice.send(SOUND, "bob")
            await until(lambda: bool(liar.letters))
            assert message.metadata is not None
            await bob.channel.post("alice", encode_letter(Receipt(message_id=message.metadata.id, kind="delivered")))
            await alice.came(message, Delivery.DELIVERED)
            liar.way("alice").send(b"\1")
            await until(lambda: not any((alice.store.folder / "outgoing").iterdir()))
            assert stored(here) == 0


def wrong(frame: Frame) -> list[bytes]:
    """Other bytes than those that were promised."""
    assert isinstance(frame, Ask)
    return [
        encode_frame(Piece(frame.number, index, offset, bytes(1024)))
        for index in frame.indexes[:1]
        for offset in range(0, 32_768, 1024)
    ]


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(wrong, id="wrong chunks"),
        pytest.param(lambda frame: [b"\x02" * 50_000], id="something huge"),
    ],
)
async def test_a_sender_that_lies_is_left_and_nothing_of_it_is_kept_but_the_call(
    tmp_path: Path, answers: Callable[[Frame], list[bytes]]
) -> None:
    async with (
        office(tmp_path) as here,
        here.desk(ALICE, "bob") as alice,
        here.town.visiting(BOB, "alice", ready=False) as bob,
    ):
        liar = Liar(bob, answers)
        async with in_call(here, alice.member, bob):
            way = liar.way("alice")
            source = kept(alice.store, SOUND, "bob")
            assert source.metadata is not None
            envelope = seal(source.path, source.metadata, tmp_path / "sealed").encode()
            letter = VoiceMessageInCall(
                message_id="ab" * 8, call_id=way.call_id, number=7, envelope=envelope, sent_at=1
            )
            way.open()
            await bob.channel.send("alice", encode_letter(letter))
            jobs = alice.store.folder / "incoming"
            await until(lambda: jobs.exists() and any(jobs.glob("*.sealed")))
            await until(lambda: not any(jobs.glob("*.job")))
            assert alice.progress == alice.events == []
            await bob.channel.post("alice", encode_letter(_in_storage(letter)))  # and what it says then counts
            await alice.event(NotReceived)
            assert not any(jobs.iterdir())


def _in_storage(letter: VoiceMessageInCall) -> VoiceMessage:
    VoiceMessageEnvelope.decode(letter.envelope)
    return VoiceMessage(message_id=letter.message_id, file="x" * 43, envelope=letter.envelope, sent_at=1)
