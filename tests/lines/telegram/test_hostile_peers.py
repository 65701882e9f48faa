"""Peers that mean harm, or are broken: they get nowhere, and the end of the call says why."""

import asyncio
import gzip
import json
import random
import struct
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from hullo.lines.line import CallFailed, Ending, EndReason
from hullo.lines.telegram.key_exchange import make_key_pair, shared_key
from hullo.lines.telegram.port import (
    AcceptCall,
    PhoneCall,
    PhoneCallRequested,
    PhoneUpdate,
    SendSignalingData,
    UpdatePhoneCall,
)
from hullo.lines.telegram.signaling.cipher import SignalingCipher
from hullo.lines.telegram.signaling.messages import Candidates, InitialSetup, encode_message
from hullo.lines.telegram.signaling.records import NEEDS_ACK, Kind, Record, encode_records
from hullo.rtc.candidate import parse_candidate
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import DtlsFingerprint, Setup
from tests.lines.telegram.lines import ALICE, BOB, BYE, DEADLINE, alice_and_bob, answered, hang_up, running
from tests.lines.telegram.memory_telegram import MemoryTelegram
from tests.lines.telegram.phone_calls import GROUP
from tests.lines.telegram.rewriting import NO_SCTP, Rewriting
from tests.lines.telegram.test_line import until

CANDIDATE = parse_candidate("candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host")
SETUP = InitialSetup(
    ufrag="aBcD",
    pwd="0123456789abcdefghijklmn",
    fingerprint=DtlsFingerprint("sha-256", ":".join(["AB"] * 32)),
    setup=Setup.PASSIVE,
)
Seal = Callable[[int, bytes], bytes]
"""The packet for message number so and so, under the key of the call."""


def sealing(version: str, key: bytes) -> Seal:
    """How a callee that has the key makes packets."""
    cipher = SignalingCipher(key, is_caller=False)
    if version == "9.0.0":
        return lambda number, message: cipher.seal(encode_records([Record(Kind.CUSTOM, number | NEEDS_ACK, message)]))
    return lambda number, message: cipher.seal(struct.pack(">I", number) + message)


async def call_to(
    version: str, packets: Callable[[Seal], list[bytes]], *, key: bytes | None = None, sctp: bool = False
) -> Ending:
    """We call somebody who exchanges keys as everybody does, and then sends these packets; under `key` if given.

    How the call ends when its time runs out after them.
    """
    server = MemoryTelegram(choose=lambda common: version, custom_parameters=None if sctp else NO_SCTP)
    bob = server.account(BOB, "robert")
    updates: asyncio.Queue[PhoneUpdate] = asyncio.Queue()
    bob.set_listener(updates.put_nowait)
    async with (
        asyncio.timeout(DEADLINE),
        MediaClock(freeze_gc=False) as clock,
        running(server.account(ALICE, "alice"), clock) as alice,
        asyncio.TaskGroup() as tasks,
    ):
        dialing = tasks.create_task(alice.line.dial("@robert", alice.rang))
        ring = await updates.get()
        assert isinstance(ring, UpdatePhoneCall)
        assert isinstance(ring.phone_call, PhoneCallRequested)
        keys = make_key_pair(GROUP, bytes(256), random.Random(1).randbytes)
        await bob.call(AcceptCall(peer=ring.phone_call.peer, g_b=keys.public, protocol=ring.phone_call.protocol))
        confirmed = await updates.get()
        assert isinstance(confirmed, UpdatePhoneCall)
        assert isinstance(confirmed.phone_call, PhoneCall)
        leg = await dialing
        seal = sealing(version, key or shared_key(keys, confirmed.phone_call.g_a_or_b))
        sent = packets(seal)
        for packet in sent:
            await bob.call(SendSignalingData(peer=ring.phone_call.peer, data=packet))
        await until(lambda: leg._media._progress.packets_received == len(sent))
        leg._media._deadline.reschedule(asyncio.get_running_loop().time())  # and it was the last moment
        ending = await leg.ended()
        await leg.close(BYE)
    assert ending.reason is EndReason.FAILED
    return ending


both_kinds = pytest.mark.parametrize("version", ["9.0.0", "13.0.0"])


@both_kinds
async def test_rubbish(version: str) -> None:
    seeded = random.Random(4)
    ending = await call_to(version, lambda seal: [seeded.randbytes(21 + 7 * size) for size in range(40)])
    assert "the two apps have different keys" in ending.detail
    assert "(discarded: 40 of its packets or messages, the last because the packet does not fit" in ending.detail


async def test_rubbish_in_place_of_sctp() -> None:
    seeded = random.Random(4)
    packets = [seeded.randbytes(7 * size) for size in range(40)]
    ending = await call_to("13.0.0", lambda seal: packets, sctp=True)
    assert "packets came from the peer's app, but no message in them" in ending.detail


@both_kinds
async def test_a_wrong_key(version: str) -> None:
    ending = await call_to(version, lambda seal: [seal(1, encode_message(SETUP))], key=bytes(range(256)))
    assert "the two apps have different keys" in ending.detail
    assert "discarded: 1 of" in ending.detail


@both_kinds
async def test_replays(version: str) -> None:
    ending = await call_to(version, lambda seal: [seal(1, encode_message(Candidates((CANDIDATE,))))] * 50)
    assert "not the one with its ICE credentials" in ending.detail
    assert "(discarded: 49 of its packets or messages, the last because it repeats an earlier one)" in ending.detail


@both_kinds
async def test_a_gzip_bomb(version: str) -> None:
    bomb = gzip.compress(bytes(1 << 26))
    tracemalloc.start()
    try:
        ending = await call_to(version, lambda seal: [seal(number, bomb) for number in range(1, 6)])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "discarded: 5 of" in ending.detail
    assert "because a message has more than 1048576 bytes" in ending.detail
    assert most < 20e6


@both_kinds
async def test_a_megabyte_of_candidates(version: str) -> None:
    """One of a megabyte, and in a second message as many short ones as fit: what can't be an address is none."""
    long = json.dumps({"@type": "Candidates", "candidates": [{"sdpString": f"{CANDIDATE} " + "x" * 1_000_000}]})
    many = json.dumps({"@type": "Candidates", "candidates": [{"sdpString": "candidate:1"}] * 30_000})
    messages = [encode_message(SETUP), gzip.compress(long.encode()), gzip.compress(many.encode())]
    began = time.process_time()
    ending = await call_to(version, lambda seal: [seal(*each) for each in enumerate(messages, start=1)])
    assert "none of the 30001 addresses that the peer's app named can be used" in ending.detail
    assert time.process_time() - began < 5


@both_kinds
async def test_a_megabyte_that_is_not_compressed(version: str) -> None:
    ending = await call_to(version, lambda seal: [seal(1, bytes(1 << 20 | 1))])
    why = {"9.0.0": "no packet has this size", "13.0.0": "a message has more than 1048576 bytes"}
    assert why[version] in ending.detail


@both_kinds
async def test_messages_that_nobody_understands(version: str) -> None:
    texts = [b"{", b"[]", b'{"@type":"InitialSetup"}', b"\xff", b"[" * 100_000, b'{"@type":"InitialSetup","ufrag":1}']
    ending = await call_to(version, lambda seal: [seal(*each) for each in enumerate(map(gzip.compress, texts), 1)])
    assert "(discarded: 6 of its packets or messages, the last because the message is malformed" in ending.detail


def announce_another_certificate(message: dict[str, Any]) -> None:
    for announced in message.get("fingerprints", ()):
        announced["fingerprint"] = SETUP.fingerprint.value


async def test_a_wrong_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    async with alice_and_bob(Rewriting(announce_another_certificate, monkeypatch)) as (alice, bob):
        caller, callee = await answered(alice, bob)
        async with asyncio.timeout(DEADLINE):
            with pytest.raises(CallFailed) as failed:
                await caller.connected()
        assert "the peer's certificate is not the one that its signaling announced" in failed.value.ending.detail
        assert "somebody may be in between" in failed.value.ending.detail
        await hang_up(caller, callee)
