"""A peer that says nothing for a while: muted, silent by DTX, probing, or gone."""

import numpy as np
import pytest

from hullo.media.netsim import NetworkProfile
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SILENCE, Pcm
from hullo.media.receiver import Receiver
from hullo.media.rtp import RtpPacket
from hullo.media.sender import Sender
from tests.situations.virtual_call import VirtualCall, loudness, rising_tone, tone_packets

LAN = NetworkProfile(delay=0.01, jitter=0.0005)


def levels(call: VirtualCall, start: float, end: float) -> list[float]:
    return loudness(frame for now, frame in call.heard if start <= now < end)


@pytest.mark.parametrize("pause", [0.06, 0.3, 1.0, 2.5, 30.0])
def test_muted_and_resumed_with_timestamps_that_went_on(pause: float) -> None:
    muted = (4.0, 4.0 + pause)
    call = VirtualCall(LAN, source=lambda start: None if muted[0] <= start < muted[1] else rising_tone(start))
    call.run(pause + 9)
    stats = call.receiver.stats()
    assert stats.packets_lost == stats.packets_late == stats.packets_discarded == 0
    assert call.delay(pause + 4.2, pause + 9) == pytest.approx(call.delay(2, 4), abs=0.02)
    if pause > 0.3:
        assert max(levels(call, 4.3, 4 + pause)) < 10
    assert stats.concealed_ms <= 180


@pytest.mark.parametrize("pause", [0.06, 0.3, 1.0, 2.5, 30.0])
def test_muted_and_resumed_with_timestamps_that_stood_still(pause: float) -> None:
    call = VirtualCall(LAN, source=lambda start: rising_tone(start if start < 4 else start - pause))
    call.run(4)
    call.pushing = False
    call.run(pause)
    call.pushing = True
    call.run(5)
    stats = call.receiver.stats()
    assert stats.packets_lost == stats.packets_late == stats.packets_discarded == 0
    # What is heard later was said later: the speaker's tone took up where it stood.
    resumed = call.delay(pause + 6, pause + 9) - pause
    assert resumed % 2.0 == pytest.approx(call.delay(2, 4), abs=0.02)
    assert stats.concealed_ms <= 180
    assert stats.played_ms == pytest.approx(9000, abs=60)
    assert stats.buffer_ms < 45


def test_many_short_mutes() -> None:
    call = VirtualCall(LAN, source=lambda start: None if start % 1.0 > 0.7 else rising_tone(start))
    call.run(20)
    stats = call.receiver.stats()
    assert stats.packets_lost == stats.packets_late == 0
    assert call.delay(18, 20) == pytest.approx(call.delay(2, 4), abs=0.01)
    assert stats.played_ms == pytest.approx(14_000, abs=200)


def speech_and_pauses(start: float) -> Pcm:
    """A second of tone, then a second of a room's noise."""
    if start % 2.0 < 1.0:
        return rising_tone(start)
    noise = np.random.default_rng(round(start * 50)).normal(size=960) * 15
    return noise.astype(np.int16)


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_dtx(loss: float) -> None:
    call = VirtualCall(
        NetworkProfile(delay=0.02, jitter=0.003, loss=loss), sender=Sender(dtx=True), source=speech_and_pauses
    )
    call.run(30)
    stats = call.receiver.stats()
    assert call.sender.stats().packets < 1200
    assert stats.packets_late == 0
    assert stats.silence_ms > 5000
    assert call.delay(20, 30) < 0.02 + 0.0265 + 0.03 + (0.02 if loss else 0)
    pauses = [level for second in range(3, 29, 2) for level in levels(call, second + 0.4, second + 0.9)]
    assert np.median(pauses) > 1
    assert max(pauses) < 500
    if not loss:
        assert stats.concealed_ms < 100


def test_digital_silence_without_dtx_is_sound_like_any_other() -> None:
    call = VirtualCall(LAN, source=lambda start: SILENCE)
    call.run(5)
    stats = call.receiver.stats()
    assert stats.played_ms == pytest.approx(5000, abs=100)
    assert stats.concealed_ms == 0


class Inserter:
    """Puts packets of its own between those of the sender, within their sequence."""

    def __init__(self, call: VirtualCall, *, payload_type: int, payload: bytes = b"", padding: int = 0) -> None:
        self.inserted = 0
        self._send = call.network.send
        self._fields = {"payload_type": payload_type, "padding": padding}
        self._payload = payload
        call.network.send = self.send  # type: ignore[method-assign]

    def send(self, data: bytes, now: float) -> None:
        packet = RtpPacket.parse(data)
        self._put(packet, packet.payload, packet.payload_type, 0, now)
        if packet.sequence_number % 5 == 0:
            self.inserted += 1
            self._put(packet, self._payload, self._fields["payload_type"], self._fields["padding"], now)

    def _put(self, packet: RtpPacket, payload: bytes, payload_type: int, padding: int, now: float) -> None:
        sequence = packet.sequence_number + self.inserted & 0xFFFF
        # Other payload types may have a clock of their own, here one of 8 kHz.
        timestamp = packet.timestamp if payload_type == packet.payload_type else packet.timestamp // 6
        moved = RtpPacket(
            payload_type=payload_type,
            sequence_number=sequence,
            timestamp=timestamp,
            ssrc=packet.ssrc,
            payload=payload,
            padding=padding,
        )
        self._send(moved.build(), now)


@pytest.mark.parametrize(
    ("payload_type", "payload", "padding"),
    [(111, b"", 0), (111, b"", 200), (13, b"\x40", 0), (126, b"\x05\x0a\x00\xa0", 0), (63, b"\x6f" + bytes(40), 0)],
    ids=["empty", "padding", "comfort-noise", "telephone-event", "red"],
)
def test_packets_without_sound_for_us_leave_no_hole(payload_type: int, payload: bytes, padding: int) -> None:
    call = VirtualCall(NetworkProfile(delay=0.02, jitter=0.005))
    inserter = Inserter(call, payload_type=payload_type, payload=payload, padding=padding)
    call.run(10)
    stats = call.receiver.stats()
    assert stats.packets_ignored == pytest.approx(inserter.inserted, abs=2)
    assert inserter.inserted > 90
    assert stats.packets_lost == 0
    assert stats.concealed_ms <= 20
    assert stats.played_ms == pytest.approx(10_000, abs=100)


def test_a_mute_among_probes_is_no_loss() -> None:
    call = VirtualCall(LAN, source=lambda start: None if 3 <= start < 4 else rising_tone(start))
    Inserter(call, payload_type=111, padding=100)
    call.run(6)
    stats = call.receiver.stats()
    assert stats.packets_lost == 0
    assert stats.concealed_ms <= 180
    assert call.delay(4.5, 6) == pytest.approx(call.delay(2, 3), abs=0.02)


def test_a_peer_that_sends_nothing_but_packets_without_sound_costs_no_memory() -> None:
    receiver = Receiver()
    for number in range(10_000):
        sound = number in (0, 9_999)
        payload = tone_packets()[0] if sound else b""
        packet = RtpPacket(
            payload_type=111, sequence_number=number, timestamp=number * FRAME_SAMPLES, ssrc=1, payload=payload
        )
        receiver.feed(packet.build(), number * FRAME_SECONDS)
        receiver.pull(number * FRAME_SECONDS + 0.01)
    assert len(receiver._playout._line.soundless) <= 256
    for number in range(10_000, 10_010):
        receiver.pull(number * FRAME_SECONDS + 0.01)
    assert receiver.stats().played_ms == 40.0


def test_before_the_first_packet_there_is_silence() -> None:
    call = VirtualCall(source=lambda start: None)
    call.run(1)
    assert not any(frame.any() for _, frame in call.heard)
    stats = call.receiver.stats()
    assert stats.packets_received == stats.concealed_ms == stats.played_ms == 0
    assert call.receiver.ssrc is None
    assert call.receiver.report_block() is None


def test_a_peer_that_is_gone_is_silence() -> None:
    call = VirtualCall(NetworkProfile(outages=((2.99, 100.0),)))
    call.run(60)
    assert max(levels(call, 3.4, 60)) == 0
    assert call.receiver.stats().concealed_ms <= 180
