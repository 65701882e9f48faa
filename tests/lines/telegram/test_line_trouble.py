"""What a Telegram line does when things are not as they should be: refusals, glare, rubbish, attackers, dead relays."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from hullo.lines.line import CallFailed, Ending, EndReason
from hullo.lines.telegram.leg import TelegramLeg
from hullo.lines.telegram.port import (
    AcceptCall,
    CallConfig,
    ConfirmCall,
    DiscardReason,
    GetCallConfig,
    GetDhConfig,
    PhoneCall,
    PhoneConnection,
    PhoneUpdate,
    ReceivedCall,
    Request,
    RequestCall,
    SendSignalingData,
    TelegramError,
    UpdatePhoneCall,
    UpdateSignalingData,
)
from hullo.lines.telegram.signaling.cipher import SignalingCipher
from hullo.lines.telegram.signaling.messages import Candidates, encode_message
from hullo.lines.telegram.signaling.records import Record, parse_records
from hullo.rtc.clock import MediaClock
from tests.lines.telegram.lines import ALICE, BOB, BYE, DEADLINE, Running, alice_and_bob, answered, hang_up, running
from tests.lines.telegram.memory_telegram import Anybody, Faults, MemoryTelegram
from tests.lines.telegram.phone_calls import requested
from tests.lines.telegram.test_line import talk, until


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Media that does not come about is given up soon."""
    monkeypatch.setattr("hullo.lines.telegram.media.CONNECT_DEADLINE", 1.0)


async def failure(dialing: Any) -> Ending:
    return (await failed(dialing)).ending


async def failed(dialing: Any) -> CallFailed:
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(CallFailed) as failure:
            await dialing
    return failure.value


async def ended(leg: TelegramLeg) -> Ending:
    async with asyncio.timeout(DEADLINE):
        return await leg.ended()


def refuse(kind: type[Request[Any]], error: TelegramError) -> Faults:
    return Faults(refuse=lambda user_id, request: error if isinstance(request, kind) else None)


# Before there is a call


@pytest.mark.parametrize("to", ["@robert", "12345", "+491701234567"])
def test_the_addresses_that_it_claims(to: str) -> None:
    clock = MediaClock(freeze_gc=False)
    account = MemoryTelegram().account(ALICE, "alice")
    from hullo.lines.telegram.line import TelegramLine

    line = TelegramLine(account, Anybody(), clock=clock)
    assert line.claims(to)
    assert not line.claims("http://host:1/call")
    assert not line.claims("@x")
    assert not line.status().ready


async def test_calls_that_cannot_be_placed_say_why() -> None:
    server = MemoryTelegram()
    async with alice_and_bob(server) as (alice, bob):
        assert "nobody is called @nobody" in (await failure(alice.line.dial("@nobody", alice.rang))).detail
        assert "itself" in (await failure(alice.line.dial("@alice", alice.rang))).detail
        bob.account.user = msgspec.structs.replace(bob.account.user, is_bot=True)
        assert "bots take no calls" in (await failure(alice.line.dial("@robert", alice.rang))).detail
        alice.account.online = False
        assert "not online" in (await failure(alice.line.dial("@robert", alice.rang))).detail
    assert server.discarded == []


async def test_a_privacy_refusal_is_said_and_noted_and_nothing_is_tried_again() -> None:
    server = MemoryTelegram(faults=refuse(RequestCall, TelegramError("USER_PRIVACY_RESTRICTED", 403)))
    safety = Anybody()
    async with MediaClock(freeze_gc=False) as clock, running(server.account(ALICE, "alice"), clock, safety) as alice:
        server.account(BOB, "robert")
        ending = await failure(alice.line.dial("@robert", alice.rang))
        assert "privacy" in ending.detail
        assert safety.errors == ["USER_PRIVACY_RESTRICTED"]
        assert safety.placed == [BOB]
        assert sum(isinstance(request, RequestCall) for request in alice.account.requests) == 1


async def test_what_safety_forbids_is_not_even_asked_of_telegram() -> None:
    server = MemoryTelegram()
    safety = Anybody(outgoing="called 2 minutes ago; wait 8 more")
    async with MediaClock(freeze_gc=False) as clock, running(server.account(ALICE, "alice"), clock, safety) as alice:
        server.account(BOB, "robert")
        assert "wait 8 more" in (await failure(alice.line.dial("@robert", alice.rang))).detail
        assert alice.account.requests == []


async def test_a_caller_who_may_not_call_is_left_to_the_other_devices() -> None:
    server = MemoryTelegram(config=CallConfig(receive_timeout=0.3))
    async with (
        MediaClock(freeze_gc=False) as clock,
        running(server.account(ALICE, "alice"), clock) as alice,
        running(server.account(BOB, "robert"), clock, Anybody(incoming="not in the contacts")) as bob,
    ):
        ending = await failure(alice.line.dial("@robert", alice.rang))
        assert (ending.reason, "reached" in ending.detail) == (EndReason.NO_ANSWER, True)
        assert bob.offers.empty()
        assert bob.account.requests == []


async def test_a_call_that_rang_out_while_we_were_offline_is_passed_over() -> None:
    async with alice_and_bob(MemoryTelegram()) as (_, bob):
        bob.account.deliver(UpdatePhoneCall(requested()))
        await asyncio.sleep(0.05)
        assert bob.offers.empty()


async def test_a_flood_of_rings_and_of_unknown_updates_is_bounded() -> None:
    async with alice_and_bob(MemoryTelegram()) as (_, bob):
        for number in range(1000):
            ring = msgspec.structs.replace(requested(), id=number, date=int(time.time()))
            bob.account.deliver(UpdatePhoneCall(ring))
            bob.account.deliver(UpdateSignalingData(number + 5000, b"x"))
        await asyncio.sleep(0.1)
        assert bob.offers.qsize() <= 16
        while not bob.offers.empty():
            await bob.offers.get_nowait().reject(BYE)


async def test_calls_that_nobody_answered_end_with_the_account_and_those_that_talk_go_on() -> None:
    server = MemoryTelegram()
    server.account(33, "dave")
    async with (
        alice_and_bob(server) as (alice, bob),
        MediaClock(freeze_gc=False) as clock,
        running(server.account(44, "carol"), clock) as carol,
    ):
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        dialing = asyncio.ensure_future(alice.line.dial("@dave", alice.rang))
        calling = asyncio.ensure_future(carol.line.dial("@alice", carol.rang))
        offer = await alice.offer()
        alice.account.logged_out.set()
        for ending in (await failure(dialing), await offer.withdrawn()):
            assert ending.reason is EndReason.FAILED
            assert "ended from another device" in ending.detail
        await failure(calling)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await caller.ended()
        await hang_up(caller, callee)
        await offer.reject(BYE)


@pytest.mark.parametrize("when", [GetCallConfig, GetDhConfig, RequestCall])
async def test_a_call_that_is_being_placed_ends_with_the_account(when: type[Request[Any]]) -> None:
    server = MemoryTelegram()
    server.account(33, "dave")
    async with alice_and_bob(server) as (alice, _):

        async def log_out() -> None:
            if isinstance(alice.account.requests[-1], when):
                alice.account.logged_out.set()
                for _ in range(5):  # rounds of the loop, in which the line notices
                    await asyncio.sleep(0)

        alice.account.before_result = log_out
        ending = await failure(asyncio.ensure_future(alice.line.dial("@dave", alice.rang)))
        assert ending.reason is EndReason.FAILED
        assert "ended from another device" in ending.detail


async def test_a_call_that_is_given_up_while_its_leg_starts_frees_the_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    starting: asyncio.Queue[TelegramLeg] = asyncio.Queue()

    async def start(leg: TelegramLeg) -> None:
        starting.put_nowait(leg)
        await asyncio.Event().wait()

    monkeypatch.setattr(TelegramLeg, "start", start)
    server = MemoryTelegram()
    async with alice_and_bob(server) as (alice, bob):
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(alice.line.dial("@robert", alice.rang))]
        tasks.append(asyncio.ensure_future((await bob.offer()).accept()))
        legs = [await starting.get(), await starting.get()]
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [(await leg.ended()).detail for leg in legs] == ["we gave the call up"] * 2
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "rtc leg"]


# Two calls at once


async def test_two_who_call_each_other_at_once_get_one_call() -> None:
    async with alice_and_bob(MemoryTelegram()) as (alice, bob):
        dials = [
            asyncio.ensure_future(alice.line.dial("@robert", alice.rang)),
            asyncio.ensure_future(bob.line.dial("@alice", bob.rang)),
        ]
        await until(lambda: not alice.offers.empty() or not bob.offers.empty())
        called = bob if alice.offers.empty() else alice
        winner, loser = dials if called is bob else dials[::-1]
        callee = await (await called.offer()).accept()
        assert isinstance(callee, TelegramLeg)
        async with asyncio.timeout(DEADLINE):
            caller = await winner
        assert "both called each other" in (await failure(loser)).detail
        await talk(caller, callee)
        assert alice.offers.empty()
        assert bob.offers.empty()
        await hang_up(caller, callee)


async def test_when_the_other_app_refuses_our_call_in_a_glare_theirs_is_offered() -> None:
    async with alice_and_bob(MemoryTelegram()) as (alice, bob):
        alice_calls = asyncio.ensure_future(alice.line.dial("@robert", alice.rang))
        from_alice = await bob.offer()  # as an app that is not ours would, Bob's waits and then refuses
        bob_calls = asyncio.ensure_future(bob.line.dial("@alice", bob.rang))
        bob.line._dialing.clear()
        await until(lambda: bob.rings == 1)
        assert alice.offers.empty()
        await from_alice.reject(Ending(EndReason.BUSY, "in another call"))
        assert (await failure(alice_calls)).reason is EndReason.BUSY
        callee = await (await alice.offer()).accept()
        async with asyncio.timeout(DEADLINE):
            caller = await bob_calls
        assert isinstance(callee, TelegramLeg)
        await talk(caller, callee)
        await hang_up(caller, callee)


async def test_three_calls_at_once_and_one_that_fails() -> None:
    server = MemoryTelegram()
    async with (
        alice_and_bob(server) as (alice, bob),
        MediaClock(freeze_gc=False) as clock,
        running(server.account(33, "carol"), clock) as carol,
    ):
        first = await answered(alice, bob)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            dialing = tasks.create_task(carol.line.dial("@robert", carol.rang))
            callee = await (await bob.offer()).accept()
            assert isinstance(callee, TelegramLeg)
        failing = asyncio.ensure_future(alice.line.dial("@carol", alice.rang))
        await (await carol.offer()).reject(BYE)
        assert (await failure(failing)).reason is EndReason.BUSY
        await asyncio.gather(talk(*first), talk(dialing.result(), callee))
        await hang_up(*first, dialing.result(), callee)


async def test_a_call_answered_on_another_device_stops_ringing_here() -> None:
    server = MemoryTelegram()
    async with alice_and_bob(server) as (alice, bob):
        dialing = asyncio.ensure_future(alice.line.dial("@robert", alice.rang))
        offer = await bob.offer()
        elsewhere = await bob.line._dh.key_pair()
        (call,) = bob.line._calls.values()
        assert call._signaling.peer is not None
        protocol = requested().protocol
        await bob.account.call(AcceptCall(peer=call._signaling.peer, g_b=elsewhere.public, protocol=protocol))
        async with asyncio.timeout(DEADLINE):
            assert "another device" in (await offer.withdrawn()).detail
        assert "another device" in (await failure(offer.accept())).detail
        await offer.reject(BYE)
        caller = await dialing
        await caller.close(BYE)
        assert [user for user, _ in server.discarded] == [ALICE]


# Somebody in between


class Tampering(MemoryTelegram):
    """A server that changes what the callee is told."""

    def __init__(self, **changes: Any) -> None:
        super().__init__()
        self._changes = changes

    def tell(self, user_id: int, update: PhoneUpdate) -> None:
        if isinstance(update, UpdatePhoneCall) and isinstance(update.phone_call, PhoneCall):
            update = UpdatePhoneCall(msgspec.structs.replace(update.phone_call, **self._changes))
        super().tell(user_id, update)


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"g_a_or_b": b"\x07" * 256}, "committed"), ({"key_fingerprint": 1}, "different keys")],
)
async def test_a_server_that_meddles_with_the_key_gets_no_call(changes: dict[str, Any], why: str) -> None:
    server = Tampering(**changes)
    async with alice_and_bob(server) as (alice, bob):
        dialing = asyncio.ensure_future(alice.line.dial("@robert", alice.rang))
        assert why in (await failure((await bob.offer()).accept())).detail
        caller = await dialing
        assert (await ended(caller)).reason is EndReason.FAILED
        await caller.close(BYE)
        assert [(user, d.reason) for user, d in server.discarded] == [(BOB, DiscardReason.DISCONNECT)]


@pytest.mark.parametrize("version", ["7.0.0", "11.0.0"])
async def test_a_version_that_we_do_not_speak_ends_the_call_at_both_ends(version: str) -> None:
    async with alice_and_bob(MemoryTelegram(choose=lambda common: version)) as (alice, bob):
        dialing = asyncio.ensure_future(alice.line.dial("@robert", alice.rang))
        accepting = asyncio.ensure_future((await bob.offer()).accept())
        assert version in (await failure(dialing)).detail
        assert (await failure(accepting)).reason is EndReason.FAILED


@asynccontextmanager
async def with_rubbish(version: str) -> AsyncIterator[tuple[Running, Running]]:
    """Every signaling packet comes twice, and between them what nobody has sent."""

    class Rubbish(MemoryTelegram):
        def tell(self, user_id: int, update: PhoneUpdate) -> None:
            super().tell(user_id, update)
            if isinstance(update, UpdateSignalingData):
                data = update.data
                for wrong in (b"", data[:-1], data[::-1], bytes(131_073), b"\x1f\x8b" + data, data[:20] * 50):
                    super().tell(user_id, UpdateSignalingData(update.phone_call_id, wrong))
                super().tell(user_id, update)

    async with alice_and_bob(Rubbish(choose=lambda common: version)) as lines:
        yield lines


@pytest.mark.parametrize("version", ["9.0.0", "13.0.0"])
async def test_rubbish_and_replays_among_the_packets_do_no_harm(version: str) -> None:
    async with with_rubbish(version) as (alice, bob):
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        await hang_up(caller, callee)


# Media that does not come about


@pytest.mark.usefixtures("impatient")
async def test_a_peer_from_which_nothing_comes() -> None:
    faults = Faults(lose_packets={BOB: 1000})
    async with alice_and_bob(MemoryTelegram(faults=faults)) as (alice, bob):
        caller, callee = await answered(alice, bob)
        assert "nothing came from the peer's app" in (await ended(caller)).detail
        assert caller.report().stage == "signaling"
        await hang_up(caller, callee)


def prompts(speaker: Running, peer: Running) -> list[Record]:
    """What the caller has sent for no other reason than that the callee's app should send something too."""
    (call,) = peer.line._calls.values()
    cipher = SignalingCipher(call.answered.result().key, is_caller=False)
    sent = [request.data for request in speaker.account.requests if isinstance(request, SendSignalingData)]
    records = {record.counter: record for packet in sent for record in parse_records(cipher.open(packet))}
    return [record for record in records.values() if record.payload == encode_message(Candidates(()))]


@pytest.mark.parametrize("lost", [1000, 0])
async def test_a_peer_is_prompted_until_it_has_said_everything(lost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.lines.telegram.media.PROMPT_EVERY", 0.05)
    server = MemoryTelegram(faults=Faults(lose_packets={BOB: lost}), choose=lambda common: "9.0.0")
    async with alice_and_bob(server) as (alice, bob):
        caller, callee = await answered(alice, bob)
        if lost:
            await until(lambda: len(prompts(alice, bob)) > 3)
            assert all(record.needs_ack for record in prompts(alice, bob))
        else:
            await talk(caller, callee)
            before = prompts(alice, bob)
            await asyncio.sleep(0.2)
            assert prompts(alice, bob) == before
        await hang_up(caller, callee)


@pytest.mark.usefixtures("impatient")
async def test_a_peer_under_another_key() -> None:
    class Forged(MemoryTelegram):
        def tell(self, user_id: int, update: PhoneUpdate) -> None:
            if isinstance(update, UpdateSignalingData):
                update = UpdateSignalingData(update.phone_call_id, bytes(len(update.data)))
            super().tell(user_id, update)

    async with alice_and_bob(Forged(choose=lambda common: "8.0.0")) as (alice, bob):
        caller, callee = await answered(alice, bob)
        assert "different keys" in (await ended(caller)).detail
        await hang_up(caller, callee)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("named", [0, 2])
async def test_relays_only_and_none_that_answers(named: int) -> None:
    dead = tuple(PhoneConnection(id=n, ip="127.0.0.1", port=9 + n, peer_tag=bytes(16)) for n in range(named))
    server = MemoryTelegram(p2p_allowed=False, connections={ALICE: dead, BOB: dead})
    async with alice_and_bob(server) as (alice, bob):
        caller, callee = await answered(alice, bob)
        detail = (await ended(caller)).detail
        assert caller.report().stage == "ice"
        assert ("none of the 2" if named else "Telegram named none") in detail
        await ended(callee)  # else it may be the first to hang up
        began = time.monotonic()
        await hang_up(caller, callee)
        assert time.monotonic() - began < 5
        assert server.discarded[0][1].reason is DiscardReason.DISCONNECT


async def test_requests_that_fail_on_the_way_end_the_call_with_a_reason() -> None:
    for kind, who in ((ConfirmCall, "confirming"), (AcceptCall, "answering")):
        server = MemoryTelegram(faults=refuse(kind, TelegramError("CALL_OCCUPY_FAILED", 500)))
        async with alice_and_bob(server) as (alice, bob):
            dialing = asyncio.ensure_future(alice.line.dial("@robert", alice.rang))
            accepting = asyncio.ensure_future((await bob.offer()).accept())
            failing = dialing if who == "confirming" else accepting
            failure = await failed(failing)
            assert "could not reserve" in failure.ending.detail
            assert failure.report.stage == ("confirming" if failing is dialing else "accepting")
            for task in (dialing, accepting):
                task.cancel()
            await asyncio.gather(dialing, accepting, return_exceptions=True)


async def test_signaling_that_telegram_refuses_for_a_while_is_sent_later() -> None:
    refusals = [TelegramError("FLOOD_WAIT", 420, 0.05) for _ in range(4)]

    def fault(user_id: int, request: Request[Any]) -> TelegramError | None:
        return refusals.pop() if refusals and isinstance(request, SendSignalingData) else None

    async with alice_and_bob(MemoryTelegram(faults=Faults(refuse=fault))) as (alice, bob):
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        await hang_up(caller, callee)
        assert not refusals


async def test_a_device_rings_before_anybody_has_looked_at_the_call() -> None:
    async with alice_and_bob(MemoryTelegram()) as (alice, bob):
        dialing = asyncio.ensure_future(alice.line.dial("@robert", alice.rang))
        offer = await bob.offer()
        assert isinstance(bob.account.requests[0], ReceivedCall)
        dialing.cancel()
        await asyncio.gather(dialing, return_exceptions=True)
        await offer.reject(BYE)
