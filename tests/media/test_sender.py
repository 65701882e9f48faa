"""The sender: every packet has its place in the sequence and in time."""

import numpy as np
import pytest

from hullo.media.opus import OpusDecoder, packet_has_fec, packet_samples
from hullo.media.pcm import SILENCE, Pcm
from hullo.media.rtp import RtpPacket
from hullo.media.sender import Sender


def tone(frame: int) -> Pcm:
    at = np.arange(frame * 960, (frame + 1) * 960) / 48_000
    return (8000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)


def voice(frames: int) -> list[Pcm | None]:
    """A tone as restless as speech."""
    rng = np.random.default_rng(1)
    return [(tone(i) * rng.uniform(0.5, 1)).astype(np.int16) for i in range(frames)]


def sent(sender: Sender, frames: list[Pcm | None]) -> list[RtpPacket | None]:
    data = [sender.push(pcm, i * 0.02) for i, pcm in enumerate(frames)]
    return [None if packet is None else RtpPacket.parse(packet) for packet in data]


def test_numbers_and_timestamps_follow_and_wrap() -> None:
    sender = Sender(ssrc=7, payload_type=96, first_sequence=65534, first_timestamp=2**32 - 1000)
    packets = [packet for packet in sent(sender, [tone(i) for i in range(4)]) if packet]
    assert [packet.sequence_number for packet in packets] == [65534, 65535, 0, 1]
    assert [packet.timestamp for packet in packets] == [2**32 - 1000, 2**32 - 40, 920, 1880]
    assert {(packet.ssrc, packet.payload_type) for packet in packets} == {(7, 96)}
    assert [packet.marker for packet in packets] == [True, False, False, False]


def test_mute_sends_nothing_and_time_goes_on() -> None:
    sender = Sender(first_sequence=10, first_timestamp=0)
    packets = sent(sender, [tone(0), None, None, None, tone(4), tone(5)])
    assert [packet is None for packet in packets] == [False, True, True, True, False, False]
    resumed = packets[4]
    assert resumed is not None
    assert (resumed.sequence_number, resumed.timestamp, resumed.marker) == (11, 4 * 960, True)
    assert packets[5] is not None
    assert not packets[5].marker


def test_sixty_ms_packets_leave_every_third_frame() -> None:
    sender = Sender(frame_ms=60, first_timestamp=0)
    packets = sent(sender, [tone(i) for i in range(9)])
    assert [i for i, packet in enumerate(packets) if packet] == [2, 5, 8]
    assert [packet.timestamp for packet in packets if packet] == [0, 2880, 5760]
    assert all(packet_samples(packet.payload) == 2880 for packet in packets if packet)


def test_a_mute_within_a_long_packet_completes_it() -> None:
    sender = Sender(frame_ms=60, first_timestamp=0)
    packets = sent(sender, [tone(0), None, None, None, tone(4), tone(5), tone(6)])
    assert [(i, packet.timestamp) for i, packet in enumerate(packets) if packet] == [(2, 0), (6, 4 * 960)]


def test_dtx_sends_one_empty_packet_and_then_next_to_nothing() -> None:
    sender = Sender(dtx=True, first_timestamp=0, first_sequence=0)
    frames: list[Pcm | None] = [tone(i) for i in range(25)]
    packets = sent(sender, frames + [SILENCE] * 100 + [tone(i) for i in range(125, 130)])
    silence = [packet for packet in packets[40:125] if packet]
    assert len(silence) < 15
    kept = [packet for packet in packets if packet]
    assert [packet.sequence_number for packet in kept] == list(range(len(kept)))
    assert all(packet is None or packet.timestamp == 960 * i for i, packet in enumerate(packets))
    first_word = packets[125]
    assert first_word is not None
    assert first_word.marker


def test_the_first_numbers_are_random() -> None:
    senders = [Sender() for _ in range(8)]
    packets = [packet for sender in senders for packet in sent(sender, [tone(0)]) if packet]
    assert len({packet.ssrc for packet in packets}) == 8
    assert len({packet.timestamp for packet in packets}) == 8
    assert len({packet.sequence_number for packet in packets}) > 1


def test_a_clear_way_is_sent_plain_packets_with_more_bits_until_something_is_lost() -> None:
    sender = Sender()
    frames = voice(75)

    def packets() -> list[bytes]:
        return [packet.payload for packet in sent(sender, frames) if packet][5:]

    guarded = packets()
    for second in range(11):
        sender.adapt(0.0, 0.05, float(second))
    plain = packets()
    sender.adapt(0.01, 0.05, 11.0)
    guarded_again = packets()
    assert sum(map(packet_has_fec, guarded)) > 35
    assert sum(map(packet_has_fec, guarded_again)) > 35
    assert not any(map(packet_has_fec, plain))
    assert 1.7 < sum(map(len, plain)) / sum(map(len, guarded)) < 2.3


def test_packets_carry_fec_without_any_report() -> None:
    assert sum(packet_has_fec(packet.payload) for packet in sent(Sender(), voice(50)) if packet) > 25


def test_the_time_of_a_moment_lies_on_the_line_of_the_packets() -> None:
    sender = Sender(first_timestamp=1000)
    assert sender.timestamp_at(5.0) == 1000
    sent(sender, [tone(0), None])
    assert sender.timestamp_at(0.02) == 1000 + 2 * 960
    assert sender.timestamp_at(0.03) == 1000 + 2 * 960 + 480


def test_counters_and_a_frame_of_the_wrong_size() -> None:
    sender = Sender()
    packets = [packet for packet in sent(sender, [tone(0), tone(1), None]) if packet]
    assert sender.stats().packets == 2
    assert sender.stats().octets == sum(len(packet.payload) for packet in packets)
    with pytest.raises(ValueError, match="959 samples"):
        sender.push(tone(0)[:959], 0.0)
    heard = [OpusDecoder().decode(packet.payload) for packet in packets]
    assert all(len(pcm) == 960 for pcm in heard)
