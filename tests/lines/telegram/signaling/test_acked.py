"""The acknowledged channel: known packets, every loss pattern, replays, and peers that are not to be trusted."""

import gzip
import itertools
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.telegram.signaling.acked import (
    MAX_MESSAGE_SENT,
    MAX_RECEIVED,
    MAX_SENT,
    AckedChannel,
    Unacknowledged,
)
from hullo.lines.telegram.signaling.cipher import SignalingCipher
from hullo.lines.telegram.signaling.records import NEEDS_ACK, Kind, Record, encode_records, parse_records
from tests.lines.telegram.vectors import KEY, VECTORS

KNOWN = VECTORS["signaling_v2_8.0.0_9.0.0"]
CALLER, CALLEE = SignalingCipher(KEY, is_caller=True), SignalingCipher(KEY, is_caller=False)


def ends() -> tuple[AckedChannel, AckedChannel]:
    return AckedChannel(CALLER), AckedChannel(CALLEE)


def sealed(*records: Record) -> bytes:
    """A packet of the callee."""
    return CALLEE.seal(encode_records(records))


def custom(counter: int, payload: bytes = b"{}") -> Record:
    return Record(Kind.CUSTOM, counter | NEEDS_ACK, payload)


def opened(packet: bytes | None) -> list[Record]:
    assert packet is not None
    return parse_records(CALLER.open(packet) if _is_from_callee(packet) else CALLEE.open(packet))


def _is_from_callee(packet: bytes) -> bool:
    try:
        CALLER.open(packet)
    except ValueError:
        return False
    return True


def test_the_known_packets() -> None:
    caller, callee = ends()
    setup, candidates, ack, resend = KNOWN
    first = caller.send(setup["json"].encode(), 0.0)
    assert first.hex() == setup["packet"]
    assert callee.receive(first, 0.0) == [setup["json"].encode()]
    answer = callee.send(candidates["json"].encode(), 0.0)
    assert answer.hex() == candidates["packet"]
    assert callee.flush(0.0) is None  # the acknowledgement went with it
    assert caller.receive(answer, 0.0) == [candidates["json"].encode()]
    assert caller.all_acknowledged
    flushed = caller.flush(0.0)
    assert flushed is not None
    assert flushed.hex() == ack["packet"]

    again = AckedChannel(CALLER)
    again.send(setup["json"].encode(), 0.0)
    again._counter = 2  # an empty packet went out meanwhile
    messages = AckedChannel(CALLEE).receive(bytes.fromhex(resend["packet"]), 0.0)
    assert again.send(messages[1], 0.0).hex() == resend["packet"]


def test_an_acknowledgement_repeats_the_whole_number_with_its_flag() -> None:
    caller, callee = ends()
    callee.receive(caller.send(b"{}", 0.0), 0.0)
    assert opened(callee.flush(0.0)) == [Record(Kind.EMPTY, 1), Record(Kind.ACK, 1 | NEEDS_ACK)]
    caller.receive(sealed(Record(Kind.EMPTY, 9), Record(Kind.ACK, 1)), 0.0)  # without the flag it is another number
    assert not caller.all_acknowledged


def test_what_is_not_acknowledged_goes_with_every_new_message() -> None:
    caller, _ = ends()
    caller.send(b"one", 0.0)
    assert opened(caller.send(b"two", 0.1)) == [Record(Kind.EMPTY, 3), custom(1, b"one"), custom(2, b"two")]


def test_repetition_begins_soon_and_never_ends() -> None:
    caller, callee = ends()
    caller.send(b"hello", 0.0)
    times = []
    packets = []
    for _ in range(8):
        now = caller.next_poll()
        assert caller.poll(now - 0.001) is None
        packets.append(caller.poll(now))
        times.append(now)
    assert times == pytest.approx([0.6, 1.6, 2.6, 3.6, 5.6, 8.6, 11.6, 14.6])
    assert callee.receive(packets[-1] or b"", 15.0) == [b"hello"]
    caller.receive(callee.flush(15.0) or b"", 15.0)
    assert caller.next_poll() == float("inf")
    assert caller.poll(1e9) is None


def test_a_message_seen_twice_is_acknowledged_again_and_not_delivered_again() -> None:
    caller, callee = ends()
    packet = caller.send(b"once", 0.0)
    assert callee.receive(packet, 0.0) == [b"once"]
    callee.flush(0.0)
    assert callee.receive(packet, 0.1) == []
    assert opened(callee.flush(0.1))[1:] == [Record(Kind.ACK, 1 | NEEDS_ACK)]
    assert callee.replayed == 1


def test_a_record_too_far_behind_is_neither_delivered_nor_acknowledged() -> None:
    caller, _ = ends()
    assert caller.receive(sealed(custom(100)), 0.0) == [b"{}"]
    assert caller.receive(sealed(custom(37, b"in the window")), 0.0) == [b"in the window"]
    caller.flush(0.0)
    assert caller.receive(sealed(custom(36)), 0.0) == []
    assert caller.flush(0.0) is None
    assert caller.replayed == 1


@pytest.mark.parametrize("lost", range(1, 6))
@pytest.mark.parametrize("speaker", ["caller", "callee", "both"])
def test_every_message_arrives_once_although_the_first_packets_are_lost(lost: int, speaker: str) -> None:
    caller, callee = ends()
    inbox: dict[str, list[bytes]] = {"caller": [], "callee": []}
    sides = {"caller": caller, "callee": callee}
    dropped = {"caller": 0, "callee": 0}
    said: dict[str, list[bytes]] = {"caller": [], "callee": []}

    def deliver(sender: str, packet: bytes | None, now: float) -> None:
        if packet is None:
            return
        if dropped[sender] < lost:
            dropped[sender] += 1
            return
        other = "callee" if sender == "caller" else "caller"
        inbox[other] += sides[other].receive(packet, now)
        deliver(other, sides[other].flush(now), now)

    for number in range(4):
        for name in sides if speaker == "both" else [speaker]:
            message = f"{name} {number}".encode()
            said[name].append(message)
            deliver(name, sides[name].send(message, 0.01 * number), 0.01 * number)
    for step in range(400):
        now = step * 0.05
        for name, side in sides.items():
            deliver(name, side.poll(now), now)
    assert sorted(inbox["callee"]) == sorted(said["caller"])
    assert sorted(inbox["caller"]) == sorted(said["callee"])
    assert caller.all_acknowledged
    assert callee.all_acknowledged


@given(st.integers(0, 2**32), st.floats(0, 0.7), st.integers(1, 12))
def test_every_message_arrives_once_over_any_network(seed: int, loss: float, count: int) -> None:
    """Loss, delay, reordering and duplication at random."""
    network = random.Random(seed)
    sides = ends()
    inbox: tuple[list[bytes], list[bytes]] = ([], [])
    flight: list[tuple[float, int, int, bytes]] = []
    order = itertools.count()

    def post(sender: int, packet: bytes | None, now: float) -> None:
        if packet is not None and network.random() >= loss:
            copies = network.choice([1, 1, 1, 2])
            flight.extend((now + network.uniform(0.01, 2.0), next(order), 1 - sender, packet) for _ in range(copies))

    for number in range(count):
        post(number % 2, sides[number % 2].send(b"%d" % number, 0.0), 0.0)
    now = 0.0
    while not all(side.all_acknowledged for side in sides):
        assert now < 3000
        now += 0.1
        for arrival in sorted(entry for entry in flight if entry[0] <= now):
            flight.remove(arrival)
            _, _, at, packet = arrival
            inbox[at].extend(sides[at].receive(packet, now))
            post(at, sides[at].flush(now), now)
        for at, side in enumerate(sides):
            post(at, side.poll(now), now)
    assert sorted(inbox[0]) == sorted(b"%d" % n for n in range(count) if n % 2 == 1)
    assert sorted(inbox[1]) == sorted(b"%d" % n for n in range(count) if n % 2 == 0)


@pytest.mark.parametrize("rubbish", [b"", bytes(20), bytes(21), bytes(MAX_RECEIVED + 1), KEY])
def test_what_is_not_from_the_peer_is_counted_and_nothing_else(rubbish: bytes) -> None:
    caller, _ = ends()
    assert caller.receive(rubbish, 0.0) == []
    assert caller.rejected == 1
    assert caller.flush(0.0) is None


@given(st.binary(max_size=300))
def test_random_plaintext_under_the_right_key_changes_nothing_that_matters(plaintext: bytes) -> None:
    caller, callee = ends()
    caller.receive(CALLEE.seal(plaintext), 0.0)
    caller.flush(0.0)
    assert callee.receive(caller.send(b"still works", 0.0), 0.0) == [b"still works"]


def test_compressed_messages_are_read_and_bombs_are_not() -> None:
    caller, _ = ends()
    message = json.dumps({"@type": "Candidates", "candidates": []}).encode()
    assert caller.receive(sealed(custom(1, gzip.compress(message))), 0.0) == [message]
    assert caller.receive(sealed(custom(2, gzip.compress(bytes(1 << 26)))), 0.0) == []
    assert caller.rejected == 1


def test_a_peer_that_acknowledges_nothing_holds_a_bounded_amount() -> None:
    caller, callee = ends()
    message = b"x" * 4000
    assert all(len(caller.send(message, 0.0)) <= MAX_SENT for _ in range(16))
    with pytest.raises(Unacknowledged, match="16 messages"):
        caller.send(message, 0.0)
    delivered: list[bytes] = []
    while len(delivered) < 16:  # what does not fit into one packet goes in the next
        now = caller.next_poll()
        assert now < 10
        packet = caller.poll(now)
        assert packet is not None
        assert len(packet) <= MAX_SENT
        delivered += callee.receive(packet, now)
    assert delivered == [message] * 16


def test_many_acknowledgements_still_fit() -> None:
    caller, callee = ends()
    for counter in range(1, 2000):
        callee.receive(CALLER.seal(encode_records([custom(counter)])), 0.0)
    sizes = []
    while (packet := callee.flush(0.0)) is not None:
        sizes.append(len(packet))
        caller.receive(packet, 0.0)
    assert max(sizes) < MAX_SENT
    assert len(callee.send(b"x" * MAX_MESSAGE_SENT, 0.0)) <= MAX_SENT
    with pytest.raises(ValueError, match="too long"):
        callee.send(b"x" * (MAX_MESSAGE_SENT + 1), 0.0)
