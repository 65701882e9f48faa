"""Whole calls between direct lines, over a messenger in memory and real UDP."""

import asyncio
import time

import msgspec
import pytest

import hullo
from hullo.lines.direct.channel import Device
from hullo.lines.direct.leg import DirectLeg
from hullo.lines.direct.messages import (
    Answer,
    AnyMessage,
    Candidates,
    Hangup,
    MediaReady,
    Offer,
    Select,
    encode_message,
)
from hullo.lines.line import CallFailed, EndReason
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import Consent, IceOptions, IceServer
from tests.lines.direct.memory_channel import BYE, DEADLINE, MemoryChannel, MemoryMessenger, answered, connect, sides
from tests.lines.direct.samples import ALICE, BOB, BOB_DESK, CAROL, WALL, call_id, offer
from tests.rtc.test_connection import until
from tests.rtc.test_gathering import StunServer, stun_server
from tests.rtc.tones import Listener, Tone

OTHER_CERTIFICATE = ":".join(["0F"] * 32)


async def sound(caller: DirectLeg, callee: DirectLeg) -> None:
    """Open both, and see that sound is proven both ways."""
    caller.open(Listener(), Tone(440))
    callee.open(Listener(), Tone(1000))
    await connect(caller, callee)


async def talk(caller: DirectLeg, callee: DirectLeg) -> None:
    """Open both, and see that each hears the other."""
    at_caller, at_callee = Listener(), Listener()
    caller.open(at_caller, Tone(440))
    callee.open(at_callee, Tone(1000))
    await connect(caller, callee)
    await asyncio.gather(at_caller.hears(1000), at_callee.hears(440))


async def hang_up(*legs: DirectLeg) -> None:
    await asyncio.gather(*(leg.close(BYE) for leg in legs))


async def test_a_call() -> None:
    async with sides(MemoryMessenger(), ALICE, BOB) as (alice, bob):
        bob.contacts.verify("alice")
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        assert alice.rings == 1
        at_caller, at_callee = caller.report(), callee.report()
        assert at_caller.emoji == at_callee.emoji
        assert (at_caller.proof, at_caller.version) == ("peer", "1")
        assert (at_caller.verified, at_callee.verified) == (False, True)
        order = ["gathered", "rang", "answered", "ice", "dtls", "first_heard"]
        assert [at_caller.stages[name] for name in order] == sorted(at_caller.stages[name] for name in order)
        await caller.close(BYE)
        async with asyncio.timeout(DEADLINE):
            assert (await callee.ended()).reason is EndReason.HANGUP_USER
        await callee.close(BYE)


async def test_emoji_differ_from_call_to_call() -> None:
    seen = set()
    async with sides(MemoryMessenger(), ALICE, BOB) as (alice, bob):
        for _ in range(2):
            caller, callee = await answered(alice, bob)
            seen.add(caller.report().emoji)
            await hang_up(caller, callee)
    assert len(seen) == 2


async def test_two_devices_ring_and_the_other_one_stops_when_one_answers() -> None:
    async with sides(MemoryMessenger(), ALICE, BOB, BOB_DESK) as (alice, phone, desk):
        dialing = asyncio.create_task(alice.dial("direct:bob"))
        at_phone, at_desk = await phone.offer(), await desk.offer()
        callee = await at_desk.accept()
        assert isinstance(callee, DirectLeg)
        caller = await dialing
        async with asyncio.timeout(DEADLINE):
            ending = await at_phone.withdrawn()
        assert ending.detail == "another device of yours answered the call"
        await at_phone.reject(ending)
        await talk(caller, callee)
        await hang_up(caller, callee)


async def test_both_call_at_once_and_have_one_call() -> None:
    async with sides(MemoryMessenger(delay=0.02), ALICE, BOB) as (alice, bob):
        dialing = {"alice": asyncio.create_task(alice.dial("bob")), "bob": asyncio.create_task(bob.dial("alice"))}
        await until(lambda: alice.offers.qsize() + bob.offers.qsize() == 1)
        winner, loser = ("bob", alice) if alice.offers.qsize() else ("alice", bob)
        callee = await (await loser.offer()).accept()
        assert isinstance(callee, DirectLeg)
        caller = await dialing.pop(winner)
        with pytest.raises(CallFailed, match="their call comes in"):
            await next(iter(dialing.values()))
        await talk(caller, callee)
        await hang_up(caller, callee)


async def test_a_declined_call_and_one_that_is_given_up() -> None:
    async with sides(MemoryMessenger(), ALICE, BOB) as (alice, bob):
        dialing = asyncio.create_task(alice.dial("bob"))
        ringing = await bob.offer()
        await ringing.reject(BYE.__class__(EndReason.DECLINED, "we declined the call"))
        with pytest.raises(CallFailed) as declined:
            await dialing
        assert declined.value.ending.reason is EndReason.DECLINED
        dialing = asyncio.create_task(alice.dial("bob"))
        ringing = await bob.offer()
        dialing.cancel()
        async with asyncio.timeout(DEADLINE):
            assert (await ringing.withdrawn()).detail == "the caller gave up"
        with pytest.raises(CallFailed, match="gave up"):
            await ringing.accept()
        assert [missed.person for missed in bob.line.missed] == ["alice"]


async def test_a_blocked_contact_rings_nowhere_and_is_told_nothing() -> None:
    async with sides(MemoryMessenger(), ALICE, BOB) as (alice, bob):
        bob.contacts.block("alice")
        dialing = asyncio.create_task(alice.dial("bob"))
        await until(lambda: len(bob.line.notices) == 1)
        assert bob.line.notices[0].kind == "stranger"
        dialing.cancel()
        await asyncio.gather(dialing, return_exceptions=True)
        assert alice.rings == 0
        assert bob.offers.empty()


async def test_who_is_in_a_call_is_busy_for_a_third() -> None:
    async with sides(MemoryMessenger(), ALICE, BOB, CAROL) as (alice, bob, carol):
        legs = await answered(alice, bob)
        with pytest.raises(CallFailed) as busy:
            await carol.dial("bob")
        assert busy.value.ending.reason is EndReason.BUSY
        await hang_up(*legs)


async def test_nobody_of_that_name_and_ourselves() -> None:
    async with sides(MemoryMessenger(), ALICE) as (alice,):
        with pytest.raises(CallFailed, match="nobody is not in this messenger"):
            await alice.dial("direct:nobody")
        with pytest.raises(CallFailed, match="who this device belongs to"):
            await alice.dial("direct:alice")


async def test_a_stranger_certificate_is_refused_and_sound_never_flows() -> None:
    def swap(sender: Device, receiver: Device, message: AnyMessage) -> list[AnyMessage]:
        if isinstance(message, Answer):
            transport = msgspec.structs.replace(message.transport, fingerprint=OTHER_CERTIFICATE)
            return [msgspec.structs.replace(message, transport=transport)]
        return [message]

    async with sides(MemoryMessenger(meddle=swap), ALICE, BOB) as (alice, bob):
        caller, callee = await answered(alice, bob)
        caller.open(Listener(), Tone(440))
        callee.open(heard := Listener(), Tone(1000))
        with pytest.raises(CallFailed, match="certificate"):
            await connect(caller)
        await caller.close(await caller.ended())
        with pytest.raises(CallFailed):
            await connect(callee)
        await callee.close(BYE)
        assert not any(frame.any() for frame in heard.frames)  # it may play silence until it knows
        assert callee.stats().packets_received == 0


async def test_a_caller_that_reveals_another_nonce_is_refused_and_named() -> None:
    def swap(sender: Device, receiver: Device, message: AnyMessage) -> list[AnyMessage]:
        return [msgspec.structs.replace(message, nonce=bytes(32))] if isinstance(message, Select) else [message]

    async with sides(MemoryMessenger(meddle=swap), ALICE, BOB) as (alice, bob):
        caller, callee = await answered(alice, bob)
        async with asyncio.timeout(DEADLINE):
            ending = await callee.ended()
        assert ending.reason is EndReason.FAILED
        assert [notice.kind for notice in bob.line.notices] == ["commitment-broken"]
        await hang_up(caller, callee)


async def test_messages_that_come_twice_late_and_are_lost_once() -> None:
    lost: list[type[AnyMessage]] = []

    def shuffle(sender: Device, receiver: Device, message: AnyMessage) -> list[AnyMessage]:
        if isinstance(message, Candidates | MediaReady) and type(message) not in lost:
            lost.append(type(message))
            return []
        return [message, message]

    async with sides(MemoryMessenger(meddle=shuffle), ALICE, BOB) as (alice, bob):
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        await hang_up(caller, callee)
        assert MediaReady in lost


async def test_nothing_is_connected_before_the_peer_confirms() -> None:
    def deaf(sender: Device, receiver: Device, message: AnyMessage) -> list[AnyMessage]:
        return [] if isinstance(message, MediaReady) and receiver == ALICE else [message]

    async with sides(MemoryMessenger(meddle=deaf), ALICE, BOB) as (alice, bob):
        caller, callee = await answered(alice, bob)
        at_caller = Listener()
        caller.open(at_caller, Tone(440))
        callee.open(Listener(), Tone(1000))
        connecting = asyncio.create_task(caller.connected())
        await connect(callee)
        await at_caller.hears(1000)
        assert caller.report().proof is None
        assert not connecting.done()
        connecting.cancel()
        await hang_up(caller, callee)


async def test_a_dead_stun_server_costs_nothing() -> None:
    dead = IceOptions(servers=(IceServer("stun:192.0.2.1:3478"),), consent=Consent(expiry=5.0))
    async with sides(MemoryMessenger(), ALICE, BOB, ice=dead) as (alice, bob):
        began = time.monotonic()
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        assert time.monotonic() - began < 5  # the server's own deadline
        await hang_up(caller, callee)


async def test_an_offer_of_a_later_version_is_declined_clearly() -> None:
    messenger = MemoryMessenger()
    async with sides(messenger, ALICE, BOB) as (alice, bob):
        del alice.line
        heard: list[bytes] = []
        messenger.online[ALICE] = lambda sender, data: heard.append(data)
        later = msgspec.json.encode({**msgspec.json.decode(encode_message(offer())), "v": 2})
        messenger.online[BOB](ALICE, later)
        await until(lambda: bool(heard))
        assert msgspec.json.decode(heard[0])["reason"] == "unsupported"
        messenger.online[BOB](ALICE, b"rubbish")
        assert [notice.kind for notice in bob.line.notices] == ["unknown-version", "malformed"]
        messenger.online[BOB](ALICE, encode_message(Hangup(call_id=call_id(1))))


async def test_the_offer_leaves_at_once_and_later_candidates_follow() -> None:
    seen: list[AnyMessage] = []
    server = StunServer(deaf_to=1000)

    def watch(sender: Device, receiver: Device, message: AnyMessage) -> list[AnyMessage]:
        seen.append(message)
        server.deaf_to = 0
        return [message]

    async with stun_server(server) as url:
        ice = IceOptions(servers=(url,), consent=Consent(expiry=5.0))
        async with sides(MemoryMessenger(meddle=watch), ALICE, BOB, ice=ice) as (alice, bob):
            legs = await answered(alice, bob)
            await until(
                lambda: any("typ srflx" in line for m in seen if isinstance(m, Candidates) for line in m.candidates)
            )
            first = seen[0]
            assert isinstance(first, Offer)
            assert not first.transport.complete
            assert all("typ host" in line for line in first.transport.candidates)
            await hang_up(*legs)


async def test_what_a_server_answers_before_the_offer_is_made_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first_flight = RtcConnection.next_flight

    async def slow_flight(connection: RtcConnection) -> tuple[bytes, ...]:
        await until(lambda: connection.local_description().candidates_complete)
        return await first_flight(connection)

    monkeypatch.setattr(RtcConnection, "next_flight", slow_flight)
    seen: list[AnyMessage] = []

    def watch(sender: Device, receiver: Device, message: AnyMessage) -> list[AnyMessage]:
        seen.append(message)
        return [message]

    async with stun_server(StunServer()) as url:
        ice = IceOptions(servers=(url,), consent=Consent(expiry=5.0))
        async with sides(MemoryMessenger(meddle=watch), ALICE, BOB, ice=ice) as (alice, bob):
            legs = await answered(alice, bob)
            for message in seen:
                if isinstance(message, Offer | Answer):
                    assert message.transport.complete
                    assert any("typ srflx" in line for line in message.transport.candidates)
            assert {Offer, Answer} <= {type(message) for message in seen}
            await hang_up(*legs)


async def test_what_is_no_call_is_told_as_an_event() -> None:
    messenger = MemoryMessenger()
    async with hullo.Phone(channel=MemoryChannel(messenger, BOB), people=hullo.Contacts("alice"), speech=None) as phone:
        stream = phone.events()
        await until(lambda: BOB in messenger.online)
        messenger.online[BOB](CAROL, encode_message(offer()))
        messenger.online[BOB](ALICE, encode_message(offer(2, sent=WALL - 1e6)))
        async with asyncio.timeout(DEADLINE):
            told = [await anext(stream), await anext(stream)]
        assert [(e.kind, e.person, e.call_id) for e in told if isinstance(e, hullo.LineNotice)] == [
            ("stranger", "carol", ""),
            ("missed-call", "alice", ""),
        ]


async def test_a_mute_is_told_to_the_other_end() -> None:
    async with sides(MemoryMessenger(), ALICE, BOB) as (alice, bob):
        caller, callee = await answered(alice, bob)
        seen: list[bool] = []
        caller.on_peer_muted = seen.append
        await talk(caller, callee)
        assert caller.peer_muted is callee.peer_muted is False
        callee.set_muted(True)
        await until(lambda: caller.peer_muted is True)
        callee.set_muted(False)
        await until(lambda: caller.peer_muted is False)
        assert seen == [True, False]
        assert callee.peer_muted is False
        await hang_up(caller, callee)


async def test_a_kind_of_message_from_the_future_is_ignored() -> None:
    messenger = MemoryMessenger()
    async with sides(messenger, ALICE, BOB) as (_, bob):
        later = msgspec.json.encode({"v": 1, "type": "applause", "call_id": call_id(1)})
        messenger.online[BOB](ALICE, later)
        messenger.online[BOB](ALICE, b"rubbish")
        assert [notice.kind for notice in bob.line.notices] == ["malformed"]


async def test_a_repeated_confirmation_is_answered_and_not_without_end() -> None:
    confirmations: list[AnyMessage] = []

    def twice(sender: Device, receiver: Device, message: AnyMessage) -> list[AnyMessage]:
        if isinstance(message, MediaReady):
            confirmations.append(message)
        return [message, message]

    async with sides(MemoryMessenger(meddle=twice), ALICE, BOB) as (alice, bob):
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        await hang_up(caller, callee)
    assert len(confirmations) < 10
