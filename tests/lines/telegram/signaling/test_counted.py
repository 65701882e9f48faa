"""Counted messages of versions 12.0.0 and 13.0.0: the known packet, replays, bombs and rubbish."""

import gzip
import struct

from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.telegram.signaling.cipher import SignalingCipher
from hullo.lines.telegram.signaling.counted import CountedMessages
from hullo.lines.telegram.signaling.inflate import inflate
from tests.lines.telegram.vectors import KEY, VECTORS

KNOWN = VECTORS["signaling_v3_12.0.0_13.0.0_sctp_user_message"]
CALLER, CALLEE = SignalingCipher(KEY, is_caller=True), SignalingCipher(KEY, is_caller=False)


def test_the_known_packet_is_opened_once() -> None:
    callee = CountedMessages(CALLEE)
    packet = bytes.fromhex(KNOWN["packet"])
    assert callee.open(packet) == KNOWN["json"].encode()
    assert inflate(bytes.fromhex(KNOWN["gzip"])) == KNOWN["json"].encode()
    assert bytes.fromhex(KNOWN["plaintext"]) == struct.pack(">I", 1) + bytes.fromhex(KNOWN["gzip"])
    assert callee.open(packet) is None
    assert (callee.replayed, callee.rejected) == (1, 0)


def test_messages_come_back_and_count_from_one() -> None:
    caller, callee = CountedMessages(CALLER), CountedMessages(CALLEE)
    packets = [caller.seal(b"%d" % number) for number in range(3)]
    assert [struct.unpack_from(">I", CALLEE.open(packet))[0] for packet in packets] == [1, 2, 3]
    assert [callee.open(packet) for packet in reversed(packets)] == [b"2", b"1", b"0"]


def test_a_bomb_and_a_stump_are_rejected() -> None:
    callee = CountedMessages(CALLEE)
    bomb = CALLER.seal(struct.pack(">I", 1) + gzip.compress(bytes(1 << 26)))
    assert callee.open(bomb) is None
    assert callee.open(CALLER.seal(b"\x00")) is None
    assert callee.rejected == 2


@given(st.binary(max_size=200))
def test_random_packets_are_rejected(packet: bytes) -> None:
    callee = CountedMessages(CALLEE)
    assert callee.open(packet) is None
    assert callee.rejected == 1
