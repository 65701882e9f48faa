"""How it sounds: no clicks, no wrong pitch, no sample from nowhere, whatever the receiver does to keep its delay."""

import functools
import random

import numpy as np
import pytest

from hullo.media.netsim import NetworkProfile
from hullo.media.opus import OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, Pcm
from hullo.media.receiver import Receiver
from hullo.media.rtp import RtpPacket
from hullo.media.sender import Sender
from tests.situations.virtual_call import VirtualCall, largest_step, loudness

HERTZ = 250.0
STEADY = 2.0
"""Seconds after which the encoder has settled."""


@functools.cache
def hum(number: int) -> Pcm:
    at = (number * FRAME_SAMPLES + np.arange(FRAME_SAMPLES)) / 48_000
    return (8000 * np.sin(2 * np.pi * HERTZ * at)).astype(np.int16)


def humming(profile: NetworkProfile) -> VirtualCall:
    sender = Sender(bitrate=64_000, complexity=0)
    return VirtualCall(profile, sender=sender, source=lambda start: hum(round(start / 0.02) % 50))


def pitches(call: VirtualCall, start: float, end: float) -> list[float]:
    """The frequency of the strongest line in each 60 ms."""
    sound = call.sound(start, end)
    pieces = [sound[i : i + 2880] for i in range(0, len(sound) - 2880, 2880)]
    spectra = [np.abs(np.fft.rfft(piece * np.hanning(2880), 1 << 16)) for piece in pieces]
    return [float(np.argmax(spectrum)) * 48_000 / (1 << 16) for spectrum in spectra]


def assert_smooth(call: VirtualCall, start: float, end: float) -> None:
    usual = largest_step(call.sound(STEADY, 4))
    sound = call.sound(start, end)
    assert largest_step(sound) < 1.3 * usual
    assert pitches(call, start, end) == pytest.approx([HERTZ] * len(pitches(call, start, end)), abs=4)
    levels = loudness(sound[i : i + 960] for i in range(0, len(sound), 960))
    assert min(levels) > 0.7 * float(np.median(levels))


def test_acceleration_is_smooth_and_keeps_the_pitch() -> None:
    call = humming(NetworkProfile(delay=0.01))
    call.run(4)
    call.pulling = False
    call.run(0.4)
    call.pulling = True
    call.run(3)
    assert call.receiver.stats().accelerated_ms > 380
    assert_smooth(call, 4.4, 7.4)


def test_stretching_is_smooth_and_keeps_the_pitch() -> None:
    call = humming(NetworkProfile(delay=0.01))
    call.run(4)
    call.skew = -0.002
    call.run(24)
    stats = call.receiver.stats()
    assert stats.stretched_ms > 10
    assert stats.concealed_ms == 0
    assert_smooth(call, 4, 28)


@pytest.mark.parametrize("seed", range(6))
def test_every_sample_is_accounted_for(seed: int) -> None:
    rng = random.Random(seed)
    profile = NetworkProfile(
        delay=rng.uniform(0, 0.1),
        jitter=rng.choice([0.0, 0.005, 0.03, 0.08]),
        distribution=rng.choice(["uniform", "normal"]),
        reordering=rng.random() < 0.5,
        loss=rng.choice([0.0, 0.01, 0.1, 0.3]),
        burst=rng.choice([1.0, 3.0]),
        duplication=rng.choice([0.0, 0.1]),
        outages=((rng.uniform(2, 4), rng.uniform(0, 1)),),
        stalls=((rng.uniform(6, 8), rng.uniform(0, 3)),),
    )
    frames = rng.choice([20, 40, 60])
    sender = Sender(frame_ms=60 if frames == 60 else 40 if frames == 40 else 20, complexity=0, dtx=rng.random() < 0.3)
    call = VirtualCall(profile, seed=seed, sender=sender)
    call.run(15)
    assert all(len(frame) == FRAME_SAMPLES and frame.dtype == np.int16 for _, frame in call.heard)
    stats = call.receiver.stats()
    given = stats.played_ms + stats.recovered_ms + stats.concealed_ms + stats.silence_ms
    kept = given - stats.accelerated_ms + stats.stretched_ms - 20 * len(call.heard)
    assert -1e-6 <= kept < 120


def test_packets_of_10_ms_are_played_with_as_little_delay() -> None:
    encoder, receiver = OpusEncoder(complexity=0), Receiver()
    encoder.frame_samples = 480  # type: ignore[misc]  # what hullo never sends, others do
    sound = np.concatenate([hum(i % 50) for i in range(200)])
    for i in range(400):
        packet = RtpPacket(
            payload_type=111,
            sequence_number=i,
            timestamp=480 * i,
            ssrc=1,
            payload=encoder.encode(sound[480 * i : 480 * i + 480]),
        )
        receiver.feed(packet.build(), 0.01 * (i + 1))
        if i % 2:
            receiver.pull(0.01 * (i + 1) + 0.003)
    stats = receiver.stats()
    assert stats.concealed_ms == 0
    assert stats.packets_late == 0
    assert stats.buffer_ms == pytest.approx(13, abs=2)
