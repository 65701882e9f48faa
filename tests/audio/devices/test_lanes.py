"""Sound through lanes in virtual time: whole, in tune, and on time, whatever card and tick do."""

import numpy as np
import pytest

from hullo.audio.devices.lanes import CaptureLane, PlaybackLane
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, Pcm
from tests.audio.devices.cards import Card, run

HERTZ = 1000


class Tone:
    """A sine that goes on from block to block."""

    def __init__(self) -> None:
        self._at = 0

    def __call__(self, count: int) -> Pcm:
        at = np.arange(self._at, self._at + count)
        self._at += count
        return np.asarray(10_000 * np.sin(2 * np.pi * HERTZ * at / 48_000), dtype=np.int16)


def captured(card: Card, seconds: float) -> tuple[CaptureLane, list[Pcm | None]]:
    """What a call hears of a microphone that hears a tone."""
    lane, tone = CaptureLane(0.01), Tone()
    frames: list[Pcm | None] = []
    run(card, seconds, lambda now: lane.write(tone(card.block), now), lambda now: frames.append(lane.frame(now)))
    return lane, frames


def played(card: Card, seconds: float) -> tuple[PlaybackLane, list[Pcm]]:
    """What a speaker is given of a call that hears a tone."""
    lane, tone = PlaybackLane(FRAME_SECONDS), Tone()
    blocks: list[Pcm] = []
    run(
        card,
        seconds,
        lambda now: blocks.append(lane.read(card.block, now)),
        lambda now: lane.write(tone(FRAME_SAMPLES), now),
    )
    return lane, blocks


def purity(blocks: list[Pcm]) -> float:
    """Which share of each second's power is within 20 Hz of the tone, at worst."""
    sound = np.concatenate(blocks)
    seconds = sound[: len(sound) // 48_000 * 48_000].reshape(-1, 48_000).astype(float)
    power = np.abs(np.fft.rfft(seconds * np.hanning(48_000))) ** 2
    return float((power[:, HERTZ - 20 : HERTZ + 21].sum(axis=1) / power.sum(axis=1)).min())


@pytest.mark.parametrize("ppm", [-300, 300])
@pytest.mark.parametrize("block", [480, 1764])
def test_a_microphone_with_another_clock_is_heard_whole(ppm: float, block: int) -> None:
    lane, frames = captured(Card(ppm, block), 30.0)
    sound = [frame for frame in frames[250:] if frame is not None]
    assert len(sound) == len(frames[250:])
    assert purity(sound) > 0.9999
    assert lane.stats().overflows == 0


@pytest.mark.parametrize("ppm", [-300, 300])
@pytest.mark.parametrize("block", [480, 1764])
def test_a_speaker_with_another_clock_plays_all(ppm: float, block: int) -> None:
    lane, blocks = played(Card(ppm, block), 30.0)
    assert purity(blocks[round(5 * 48_000 / block) :]) > 0.9999
    assert lane.stats().overflows == 0


def test_nothing_is_sent_before_the_microphone_has_given_anything() -> None:
    _, frames = captured(Card(dead=(0.0, 1.0)), 2.0)
    assert frames[:45] == [None] * 45
    assert frames[60] is not None


def test_a_microphone_that_pauses_is_silence_counted_and_then_heard_again_without_more_delay() -> None:
    lane, frames = captured(Card(dead=(5.0, 5.4)), 15.0)
    assert lane.stats().underflows == 1
    assert frames[260] is None
    assert purity([frame for frame in frames[400:] if frame is not None]) > 0.9999
    assert lane.stats().delay_ms < 35


def test_a_speaker_that_pauses_drops_what_is_old() -> None:
    lane, blocks = played(Card(dead=(5.0, 5.4)), 15.0)
    assert lane.stats().overflows == 1
    assert lane.stats().delay_ms < 65
    assert purity(blocks[800:]) > 0.9999


def test_what_was_heard_while_somebody_else_spoke_is_not_sent_later() -> None:
    lane, tone = CaptureLane(0.01), Tone()
    frames: list[Pcm | None] = []

    def ticked(now: float) -> None:
        if now < 2.0 or now > 4.0:
            frames.append(lane.frame(now))

    run(Card(), 6.0, lambda now: lane.write(tone(480), now), ticked)
    assert frames[-1] is not None
    assert lane.stats().delay_ms < 35
    assert (lane.stats().overflows, lane.stats().underflows) == (0, 0)


def test_a_speaker_that_nobody_speaks_to_is_silent_and_counts_nothing() -> None:
    lane = PlaybackLane(FRAME_SECONDS)
    blocks: list[Pcm] = []
    run(Card(), 1.0, lambda now: blocks.append(lane.read(480, now)), lambda now: None)
    assert not np.any(blocks)
    assert lane.stats().underflows == 0
