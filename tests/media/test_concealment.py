"""Holes are covered, fade, and end without a step."""

import numpy as np
import pytest

from hullo.media.concealment import ConcealingDecoder
from hullo.media.opus import OpusEncoder, OpusError
from hullo.media.pcm import SILENCE, Pcm
from tests.situations.virtual_call import largest_step


def tone_packets(count: int) -> list[bytes]:
    encoder = OpusEncoder(bitrate=64_000)
    at = np.arange(count * 960) / 48_000
    tone = (8000 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)
    return [encoder.encode(tone[i * 960 : (i + 1) * 960]) for i in range(count)]


def level(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))


def test_concealment_starts_at_full_level_and_is_gone_after_160_ms() -> None:
    decoder = ConcealingDecoder()
    usual = [level(decoder.decode(packet)) for packet in tone_packets(20)][-1]
    levels = [level(decoder.conceal(960)) for _ in range(12)]
    assert levels[0] > 0.6 * usual
    assert levels == sorted(levels, reverse=True)
    assert levels[8:] == [0.0] * 4
    assert decoder.silent


def test_a_new_decoder_is_silent() -> None:
    decoder = ConcealingDecoder()
    assert decoder.silent
    assert not decoder.conceal(960).any()


def test_lengths_are_rounded_up_to_what_opus_conceals() -> None:
    decoder = ConcealingDecoder()
    decoder.decode(tone_packets(1)[0])
    assert [len(decoder.conceal(samples)) for samples in (1, 120, 121, 960)] == [120, 120, 240, 960]


@pytest.mark.parametrize("missing", [1, 3, 6, 20])
def test_sound_comes_back_without_a_step(missing: int) -> None:
    packets = tone_packets(60)
    decoder = ConcealingDecoder()
    heard = [decoder.decode(packet) for packet in packets[:30]]
    usual = largest_step(np.concatenate(heard[10:]))
    heard += [decoder.conceal(960) for _ in range(missing)]
    heard += [decoder.decode(packet) for packet in packets[30 + missing :]]
    assert largest_step(np.concatenate(heard[10:])) < 1.6 * usual


def test_a_jump_in_the_stream_is_cross_faded() -> None:
    packets = tone_packets(60)
    decoder = ConcealingDecoder()
    heard = [decoder.decode(packet) for packet in packets[:30]]
    usual = largest_step(np.concatenate(heard[10:]))
    heard += [decoder.decode(packets[41], seam=True)]
    heard += [decoder.decode(packet) for packet in packets[42:]]
    assert largest_step(np.concatenate(heard[10:])) < 1.6 * usual


def test_the_beginning_of_a_packet_can_be_left_out() -> None:
    decoder = ConcealingDecoder()
    packets = tone_packets(10)
    for packet in packets[:9]:
        decoder.decode(packet)
    assert len(decoder.decode(packets[9], skip=700)) == 260


def test_comfort_noise_goes_on_and_ends_when_the_sender_is_gone() -> None:
    encoder, decoder = OpusEncoder(dtx=True), ConcealingDecoder()
    noise = (np.random.default_rng(1).normal(size=(100, 960)) * 30).astype(np.int16)
    packets = [encoder.encode(frame) for frame in noise]
    for packet in packets:
        decoder.decode(packet)
        if len(packet) <= 2:
            break
    assert decoder.silent
    levels = [level(decoder.conceal(960)) for _ in range(60)]
    assert min(levels[:45]) > 0
    assert levels[-5:] == [0.0] * 5


def test_a_corrupt_packet_is_told_and_can_be_concealed() -> None:
    decoder = ConcealingDecoder()
    for packet in tone_packets(10):
        decoder.decode(packet)
    with pytest.raises(OpusError):
        decoder.decode(b"")
    assert level(decoder.conceal(960)) > 100
    assert level(SILENCE) == 0
