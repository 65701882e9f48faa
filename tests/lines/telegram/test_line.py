"""Whole calls between two lines over a server in memory and real UDP."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hullo.lines.line import CallFailed, EndReason
from hullo.lines.telegram.leg import TelegramLeg
from hullo.lines.telegram.port import DiscardReason, SaveCallDebug, SetCallRating
from tests.lines.telegram.lines import BYE, DEADLINE, alice_and_bob, answered, hang_up
from tests.lines.telegram.memory_telegram import Faults, MemoryTelegram
from tests.lines.telegram.rewriting import Rewriting
from tests.rtc.tones import Listener, Tone


async def connect(*legs: TelegramLeg) -> None:
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(leg.connected() for leg in legs))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


async def talk(caller: TelegramLeg, callee: TelegramLeg) -> None:
    """Open both, and see that each hears the other."""
    at_caller, at_callee = Listener(), Listener()
    caller.open(at_caller, Tone(440))
    callee.open(at_callee, Tone(1000))
    await connect(caller, callee)
    await asyncio.gather(at_caller.hears(1000), at_callee.hears(440))


@pytest.mark.parametrize("version", ["8.0.0", "9.0.0", "12.0.0", "13.0.0"])
async def test_a_call_in_every_version(version: str) -> None:
    server = MemoryTelegram(choose=lambda common: version)
    async with alice_and_bob(server) as (alice, bob):
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        assert alice.rings == 1
        assert caller.emoji == callee.emoji
        assert caller.version == callee.version == version
        report = caller.report()
        assert (report.emoji, report.version, report.stage) == (caller.emoji, version, None)
        assert report.relay is None
        assert report.chosen in report.pairs
        assert report.chosen is not None
        assert report.chosen.outcome == "succeeded"
        wanted = ["requesting", "ringing", "confirming", "established", "first_signaling", "ice", "dtls", "first_heard"]
        assert [report.stages[name] for name in wanted] == sorted(report.stages[name] for name in wanted)
        await caller.close(BYE)
        async with asyncio.timeout(DEADLINE):
            ending = await callee.ended()
        assert ending.reason is EndReason.HANGUP_USER
        await callee.close(BYE)
        assert [(user, d.reason) for user, d in server.discarded] == [(alice.account.self_id, DiscardReason.HANGUP)]
        for side in (alice, bob):
            feedback = [type(r) for r in side.account.requests if isinstance(r, SaveCallDebug | SetCallRating)]
            assert feedback == [SaveCallDebug, SetCallRating]


async def test_a_peer_may_send_opus_under_another_number_than_it_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ours: list[str] = []

    def number_opus_96(message: dict[str, Any]) -> None:
        """In the offer of the callee, which then sends under the number that our answer repeats."""
        for content in message.get("contents", ()):
            ours.append(content["ssrc"])  # its answer comes first, and has our SSRC
            for payload_type in content["payloadTypes"] if content["ssrc"] != ours[0] else ():
                payload_type["id"] = 96

    async with alice_and_bob(Rewriting(number_opus_96, monkeypatch)) as (alice, bob):
        caller, callee = await answered(alice, bob)
        assert [leg._channel._sender.payload_type for leg in (caller, callee)] == [111, 111]
        await talk(caller, callee)
        assert [leg._channel._sender.payload_type for leg in (caller, callee)] == [111, 96]
        await hang_up(caller, callee)


async def test_mute_and_unmute_are_seen_by_the_peer() -> None:
    async with alice_and_bob(MemoryTelegram()) as (alice, bob):
        caller, callee = await answered(alice, bob)
        seen: list[bool] = []
        callee.on_peer_muted = seen.append
        caller.set_muted(True)  # before there is a way to tell it
        await talk_muted(caller, callee, seen)
        await hang_up(caller, callee)


async def test_a_call_with_a_muted_peer_is_connected_all_the_same() -> None:
    async with alice_and_bob(MemoryTelegram()) as (alice, bob):
        caller, callee = await answered(alice, bob)
        caller.set_muted(True)
        caller.open(Listener(), Tone(440))
        callee.open(Listener(), Tone(1000))
        await connect(caller, callee)
        await until(lambda: callee.peer_muted is True)
        assert callee.stats().packets_received == 0
        await hang_up(caller, callee)


async def talk_muted(caller: TelegramLeg, callee: TelegramLeg, seen: list[bool]) -> None:
    at_callee = Listener()
    caller.open(Listener(), Tone(440))
    callee.open(at_callee, Tone(1000))
    await until(lambda: seen == [True])
    assert callee.peer_muted
    assert callee.stats().packets_received == 0
    caller.set_muted(False)
    await at_callee.hears(440)
    assert seen == [True, False]
    caller.set_muted(False)
    callee.set_muted(True)
    await until(lambda: caller.peer_muted is True)


@pytest.mark.parametrize("lost", [1, 3, 5])
@pytest.mark.parametrize("version", ["8.0.0", "13.0.0"])
async def test_the_first_signaling_packets_are_lost_both_ways(lost: int, version: str) -> None:
    faults = Faults(lose_packets={11: lost, 22: lost})
    async with alice_and_bob(MemoryTelegram(choose=lambda common: version, faults=faults)) as (alice, bob):
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        await hang_up(caller, callee)


async def test_updates_that_come_twice_and_results_that_come_after_their_updates() -> None:
    async def late() -> None:
        await asyncio.sleep(0.05)

    async with alice_and_bob(MemoryTelegram(faults=Faults(copies=2))) as (alice, bob):
        alice.account.before_result = bob.account.before_result = late
        caller, callee = await answered(alice, bob)
        await talk(caller, callee)
        await hang_up(caller, callee)
        assert bob.offers.empty()


async def test_a_callee_who_declines() -> None:
    async with alice_and_bob(MemoryTelegram()) as (alice, bob):
        dialing = asyncio.create_task(alice.line.dial("@robert", alice.rang))
        offer = await bob.offer()
        assert offer.peer == "@alice"
        await offer.reject(BYE)
        with pytest.raises(CallFailed) as failure:
            await dialing
        assert failure.value.ending.reason is EndReason.BUSY  # so soon, nobody can have declined


async def test_a_caller_who_gives_up() -> None:
    server = MemoryTelegram()
    async with alice_and_bob(server) as (alice, bob):
        dialing = asyncio.create_task(alice.line.dial("@robert", alice.rang))
        offer = await bob.offer()
        await until(lambda: alice.rings == 1)
        dialing.cancel()
        await asyncio.gather(dialing, return_exceptions=True)
        async with asyncio.timeout(DEADLINE):
            assert (await offer.withdrawn()).reason is EndReason.NO_ANSWER
        with pytest.raises(CallFailed):
            await offer.accept()
        assert [d.reason for _, d in server.discarded] == [DiscardReason.MISSED]
