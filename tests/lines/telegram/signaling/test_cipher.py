"""The cipher against known packets, and against packets that are not the peer's."""

import random
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.telegram.signaling.cipher import SignalingCipher, Undecipherable
from tests.lines.telegram.vectors import KEY, VECTORS

PACKETS = [
    *VECTORS["signaling_v2_8.0.0_9.0.0"],
    {**VECTORS["signaling_v3_12.0.0_13.0.0_sctp_user_message"], "sender_is_outgoing": True},
    {**VECTORS["signaling_v1_7.0.0_raw"], "sender_is_outgoing": True},
]


@pytest.mark.parametrize("vector", PACKETS, ids=lambda vector: vector.get("name", "raw"))
def test_known_packets_are_sealed_and_opened(vector: dict[str, Any]) -> None:
    sender = SignalingCipher(KEY, is_caller=bool(vector["sender_is_outgoing"]))
    receiver = SignalingCipher(KEY, is_caller=not vector["sender_is_outgoing"])
    plaintext, packet = bytes.fromhex(vector["plaintext"]), bytes.fromhex(vector["packet"])
    assert sender.seal(plaintext) == packet
    assert sender._msg_key(plaintext, vector["x"]).hex() == vector["msg_key"] == packet[:16].hex()
    known = Cipher(algorithms.AES(bytes.fromhex(vector["aes_key"])), modes.CTR(bytes.fromhex(vector["aes_iv"])))
    assert known.encryptor().update(plaintext) == packet[16:]
    assert receiver.open(packet) == plaintext
    with pytest.raises(Undecipherable):  # our own packet, sent back to us
        sender.open(packet)


@given(st.binary(max_size=200))
def test_random_packets_are_not_opened(packet: bytes) -> None:
    with pytest.raises(Undecipherable):
        SignalingCipher(KEY, is_caller=True).open(packet)


def test_one_flipped_bit_or_another_key_is_noticed() -> None:
    seeded = random.Random(3)
    caller, callee = SignalingCipher(KEY, is_caller=True), SignalingCipher(KEY, is_caller=False)
    packet = bytearray(caller.seal(b"to the callee"))
    for bit in range(8 * len(packet)):
        packet[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Undecipherable):
            callee.open(bytes(packet))
        packet[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Undecipherable):
        SignalingCipher(seeded.randbytes(256), is_caller=False).open(bytes(packet))
    with pytest.raises(ValueError, match="256 bytes"):
        SignalingCipher(b"short", is_caller=True)
