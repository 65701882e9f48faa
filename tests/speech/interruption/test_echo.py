"""Modulated noise for a voice: bands that rise and fall, seeded, which is all that the comparison looks at."""

import numpy as np
import pytest

from hullo.media.pcm import FRAME_SAMPLES, SILENCE, Pcm
from hullo.speech.interruption.echo import EchoReference
from tests.speech.support import frames, white_noise


def babble(seconds: float, seed: int, dbfs: float = -20.0) -> Pcm:
    """Noise in syllables: every 160 ms another colour and another level."""
    rng = np.random.default_rng(seed)
    syllables = []
    for _ in range(round(seconds / 0.16)):
        spectrum = np.fft.rfft(rng.normal(size=8 * FRAME_SAMPLES))
        hertz = np.fft.rfftfreq(8 * FRAME_SAMPLES, 1 / 48_000)
        colour = sum(np.exp(-(((hertz - centre) / 150) ** 2)) for centre in rng.uniform(200, 3500, 3))
        sound = np.fft.irfft(spectrum * colour)
        syllables.append(sound / np.std(sound) * rng.choice([0.03, 0.5, 1.0]))
    whole = np.concatenate(syllables)
    return np.asarray(np.clip(whole * 32768 * 10 ** (dbfs / 20), -32768, 32767), dtype=np.int16)


def shares(said: Pcm, heard: Pcm) -> tuple[EchoReference, list[float]]:
    """What is not echo in each frame of `heard`, while `said` is said."""
    reference = EchoReference()
    found = []
    for ours, theirs in zip(frames(said), frames(heard), strict=True):
        found.append(reference.heard(theirs))
        reference.said(ours)
    return reference, found


def delayed(sound: Pcm, seconds: float, factor: float) -> Pcm:
    late = np.concatenate([np.zeros(int(seconds * 48_000)), sound * factor])[: len(sound)]
    return (late + white_noise(len(sound) / 48_000, -65)[: len(sound)]).astype(np.int16)


@pytest.mark.parametrize("delay", [0.08, 0.23, 0.6])
def test_our_own_voice_coming_back_is_echo(delay: float) -> None:
    said = babble(8.0, seed=1)
    reference, found = shares(said, delayed(said, delay, 0.5))
    assert reference.delay == pytest.approx(delay, abs=0.03)
    assert np.mean(np.array(found[150:]) >= 0.5) < 0.01


def test_somebody_who_speaks_beside_the_echo_is_noticed() -> None:
    said = babble(8.0, seed=1)
    peer = np.concatenate([np.zeros(5 * 48_000, dtype=np.int16), babble(3.0, seed=2)])[: len(said)]
    heard = delayed(said, 0.2, 0.3) + np.pad(peer, (0, len(said) - len(peer)))
    _, found = shares(said, heard.astype(np.int16))
    assert np.mean(np.array(found[150:249]) >= 0.5) < 0.02
    assert np.mean(np.array(found[250:]) >= 0.5) > 0.3


def test_somebody_else_is_not_taken_for_an_echo() -> None:
    said, peer = babble(8.0, seed=1), babble(8.0, seed=3)
    reference, found = shares(said, peer)
    assert reference.delay is None
    assert np.mean(np.array(found[100:]) >= 0.5) > 0.9


def test_while_we_are_silent_nothing_can_be_echo() -> None:
    reference = EchoReference()
    assert reference.heard(babble(0.16, seed=1)[:FRAME_SAMPLES]) == 1.0
    reference.said(SILENCE)
    for _ in range(50):
        reference.said(None)
    assert reference.quiet
    assert reference.heard(babble(0.16, seed=1)[:FRAME_SAMPLES]) == 1.0
