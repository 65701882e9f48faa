"""Opus with the real library: what goes in comes out, what is lost is covered, what is broken is refused."""

import contextlib
import gc
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media import opus
from hullo.media.opus import (
    OpusDecoder,
    OpusEncoder,
    OpusError,
    OpusUnavailable,
    opus_version,
    packet_has_fec,
    packet_samples,
)
from hullo.media.pcm import Pcm


def voice(samples: int, hertz: float = 150.0, seed: int = 1) -> Pcm:
    """A buzz with the harmonics of a voice and a moving loudness, so that SILK codes it as voiced."""
    at = np.arange(samples) / 48_000
    rng = np.random.default_rng(seed)
    tone = sum(np.sin(2 * np.pi * hertz * k * at + rng.uniform(0, 6)) / k for k in range(1, 16))
    return (tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at)) * 5000).astype(np.int16)


def power(pcm: Pcm) -> float:
    return float(np.mean(pcm.astype(np.float64) ** 2))


@pytest.mark.parametrize("frame_ms", [20, 40, 60])
def test_sound_survives(frame_ms: opus.FrameMs) -> None:
    encoder, decoder = OpusEncoder(frame_ms=frame_ms, bitrate=64_000), OpusDecoder()
    size = encoder.frame_samples
    sound = voice(size * 40)
    packets = [encoder.encode(sound[i : i + size]) for i in range(0, len(sound), size)]
    assert {packet_samples(packet) for packet in packets} == {size}
    heard = np.concatenate([decoder.decode(packet) for packet in packets])
    assert len(heard) == len(sound)
    delay = 312  # the look-ahead of the VoIP mode at 48 kHz, 6.5 ms
    # Not sample by sample: the mode's high-pass filter turns the phase of the lowest harmonics.
    assert np.corrcoef(heard[delay + 9600 :], sound[9600:-delay])[0, 1] > 0.7


def packets_of(encoder: OpusEncoder, sound: Pcm) -> list[bytes]:
    size = encoder.frame_samples
    return [encoder.encode(sound[i : i + size]) for i in range(0, len(sound) - size + 1, size)]


def test_fec_gives_back_a_lost_packet_better_than_concealment() -> None:
    glide = np.concatenate([voice(960 * 4, hertz, seed=int(hertz)) for hertz in range(100, 400, 12)])
    packets = packets_of(OpusEncoder(), glide)
    with_fec, concealed, whole = OpusDecoder(), OpusDecoder(), OpusDecoder()
    errors = np.zeros(2)
    for i, packet in enumerate(packets):
        true = whole.decode(packet).astype(np.float64)
        if i % 5 == 4 and i + 1 < len(packets):
            errors += [
                np.sum((with_fec.decode_fec(packets[i + 1], 960) - true) ** 2),
                np.sum((concealed.conceal(960) - true) ** 2),
            ]
        else:
            with_fec.decode(packet)
            concealed.decode(packet)
    assert errors[0] < 0.6 * errors[1]


def test_fec_flag_agrees_with_the_library() -> None:
    opus._ffi.cdef("int opus_packet_has_lbrr(const uint8_t *packet, int32_t bytes);", override=True)
    library = opus._libopus()
    if not hasattr(library, "opus_packet_has_lbrr"):
        pytest.skip("this libopus is older than 1.5")
    kinds = set()
    frames: list[opus.FrameMs] = [20, 40, 60]
    for frame_ms in frames:
        for fec in (True, False):
            for bitrate in (12_000, 32_000, 128_000):
                for packet in packets_of(OpusEncoder(frame_ms=frame_ms, fec=fec, bitrate=bitrate), voice(48_000)):
                    expected = bool(library.opus_packet_has_lbrr(packet, len(packet)))
                    assert packet_has_fec(packet) == expected
                    kinds.add((frame_ms, expected))
    assert kinds == {(ms, fec) for ms in frames for fec in (True, False)}


def test_most_packets_carry_fec_by_default() -> None:
    packets = packets_of(OpusEncoder(), voice(48_000))
    assert sum(map(packet_has_fec, packets)) > 0.5 * len(packets)


def test_dtx_sends_next_to_nothing_in_silence_and_gives_comfort_noise() -> None:
    encoder, decoder = OpusEncoder(dtx=True), OpusDecoder()
    rng = np.random.default_rng(2)
    noise = (rng.normal(size=96_000) * 20).astype(np.int16)
    packets = packets_of(encoder, np.concatenate([voice(48_000), noise]))
    assert sum(len(packet) <= opus.DTX_BYTES for packet in packets[60:]) > 20
    for packet in packets:
        decoder.decode(packet)
    assert 0 < power(decoder.conceal(960)) < 10_000


def test_settings_change_while_running() -> None:
    encoder = OpusEncoder(bitrate=16_000, fec=False)
    low = sum(map(len, packets_of(encoder, voice(48_000))))
    encoder.set_bitrate(64_000)
    encoder.set_complexity(0)
    encoder.set_expected_loss(20)
    assert sum(map(len, packets_of(encoder, voice(48_000)))) > 2 * low


def test_the_change_between_speech_and_waveform_coding_is_not_heard() -> None:
    at = np.arange(4 * 48_000) / 48_000
    tone = (8000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
    encoder, decoder = OpusEncoder(expected_loss=0), OpusDecoder()
    heard = []
    for frame in range(200):
        if frame in (80, 140):
            encoder.set_waveform(frame == 80)
            encoder.set_bitrate(64_000 if frame == 80 else 32_000)
        heard.append(decoder.decode(encoder.encode(tone[frame * 960 : frame * 960 + 960])))
    steps = np.abs(np.diff(np.concatenate(heard[20:]).astype(int)))
    assert steps.max() < 1.2 * 8000 * 2 * np.pi * 440 / 48_000
    levels = [np.sqrt(np.square(pcm.astype(float)).mean()) for pcm in heard[20:]]
    assert min(levels) > 0.9 * 8000 / np.sqrt(2)


def test_constant_bitrate_is_constant() -> None:
    assert len({len(packet) for packet in packets_of(OpusEncoder(vbr=False), voice(48_000))}) == 1


@pytest.mark.parametrize("settings", [{"bitrate": -5}, {"complexity": 11}, {"expected_loss": 101}, {"frame_ms": 30}])
def test_settings_out_of_range_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(OpusError):
        OpusEncoder(**settings)  # type: ignore[arg-type]


def test_the_wrong_number_of_samples_is_refused() -> None:
    with pytest.raises(OpusError, match="959 samples"):
        OpusEncoder().encode(voice(959))
    for samples in (0, -120, 121, 6000):
        with pytest.raises(OpusError):
            OpusDecoder().conceal(samples)


@given(st.binary(max_size=100))
def test_random_bytes_raise_nothing_but_opus_error(packet: bytes) -> None:
    decoder = OpusDecoder()
    for attempt in (packet_samples, packet_has_fec, decoder.decode, lambda p: decoder.decode_fec(p, 960)):
        with contextlib.suppress(OpusError):
            attempt(packet)
    assert len(decoder.conceal(960)) == 960


def test_a_decoder_goes_on_after_corrupt_packets() -> None:
    packets = packets_of(OpusEncoder(), voice(96_000))
    decoder = OpusDecoder()
    rng = random.Random(3)
    for packet in packets:
        broken = bytearray(packet)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        try:
            decoder.decode(bytes(broken))
        except OpusError:
            decoder.conceal(960)
    heard = [decoder.decode(packet) for packet in packets]
    assert power(np.concatenate(heard)) > 0.5 * power(voice(96_000))


def test_a_frame_handed_out_is_not_touched_again() -> None:
    packets = packets_of(OpusEncoder(), voice(9600))
    decoder = OpusDecoder()
    first = decoder.decode(packets[0])
    before = first.copy()
    decoder.decode(packets[1])
    assert np.array_equal(first, before)
    assert not np.shares_memory(first, decoder.decode(packets[2]))


def test_coders_come_and_go() -> None:
    for _ in range(200):
        OpusEncoder().encode(voice(960))
        OpusDecoder().conceal(960)
    gc.collect()


def test_version_is_told() -> None:
    assert opus_version().startswith("libopus ")


def test_without_the_library_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    opus._libopus.cache_clear()
    monkeypatch.setattr(opus, "_candidates", lambda: iter(["/nowhere/libopus.so.0"]))
    try:
        with pytest.raises(OpusUnavailable, match=r"pip install av.*apt install libopus0"):
            OpusEncoder()
    finally:
        opus._libopus.cache_clear()
