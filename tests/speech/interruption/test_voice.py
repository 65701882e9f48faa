"""What the first moments of a sound tell, with the real voice activity."""

import numpy as np
import pytest

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.interruption.voice import VoiceWatch
from hullo.speech.listening.vad import SileroModel
from hullo.speech.servers.client import VoiceClient
from tests.speech.support import frames, mixed, silence, spoken, white_noise


def burst(seed: int, fade: float = 0.07) -> Pcm:
    """Breath that bursts out and fades, as in a cough."""
    at = np.arange(int(0.35 * SAMPLE_RATE)) / SAMPLE_RATE
    breath = np.random.default_rng(seed).normal(0, 6000, len(at))
    breath = np.convolve(breath, np.hanning(24) / 12, mode="same")  # little above 4 kHz
    shaped: Pcm = np.clip(breath * np.minimum(at / 0.004, 1) * np.exp(-at / fade), -32768, 32767).astype(np.int16)
    return shaped


def first_told(model: SileroModel, sound: Pcm) -> int | None:
    """Milliseconds of `sound`, of which there are at least 60, until it is taken for a voice."""
    watch = VoiceWatch(model)
    lead = silence(0.2) + white_noise(0.2, -65)
    for frame in frames(lead):
        watch.hear(frame)
    for number, frame in enumerate(frames(mixed(sound, white_noise(len(sound) / SAMPLE_RATE + 1, -65, seed=2)))):
        watch.hear(frame)
        if number >= 2 and (watch.begins_like_a_voice() or watch.probability > 0.5):
            return 20 * (number + 1)
    return None


@pytest.mark.parametrize("text", ["Wait a moment.", "Stop it.", "Actually no.", "Can I ask something?", "Shall we go?"])
async def test_speech_is_told_within_a_tenth_of_a_second(model: SileroModel, voice: VoiceClient, text: str) -> None:
    sound = await spoken(voice, text)
    told = first_told(model, sound[int(np.argmax(np.abs(sound) > 300)) :])
    assert told is not None
    assert told <= 100


def test_a_cough_is_no_voice(model: SileroModel) -> None:
    told = [first_told(model, burst(seed)) for seed in range(20)]
    assert sum(one is not None for one in told) <= 1


def test_noise_that_stays_is_no_voice(model: SileroModel) -> None:
    assert first_told(model, white_noise(2.0, -25, seed=3)) is None
