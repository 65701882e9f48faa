"""The ruler itself: chirps are found after a codec, and the delay that was put in is the delay that comes out."""

import numpy as np
import pytest

from bench.chirps import KINDS, LONGEST_DELAY, ChirpTrack, chirp_track, find_chirps
from bench.tape import PlayedTape, delays
from hullo.media.opus import OpusDecoder, OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm

LOOK_AHEAD = 312
"""Samples by which Opus is late, of itself, at 48 kHz."""


def _frames(pcm: Pcm) -> list[Pcm]:
    return list(pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES))


def _tape(
    *, said_at: np.ndarray | None = None, heard: Pcm | None = None, heard_at: np.ndarray | None = None
) -> PlayedTape:
    nothing = np.zeros(0)
    return PlayedTape(
        said_at=nothing if said_at is None else said_at,
        heard=np.zeros(0, dtype=np.int16) if heard is None else heard,
        heard_at=nothing if heard_at is None else heard_at,
        ready_at=nothing,
        connected_at=0.0,
        trouble_at=0.0,
    )


def _ends(frames: int) -> np.ndarray:
    return FRAME_SECONDS * (np.arange(frames) + 1)


@pytest.fixture(scope="module")
def track() -> ChirpTrack:
    return chirp_track(7, 5.0)


def test_every_chirp_is_found_to_the_sample_and_by_its_kind(track: ChirpTrack) -> None:
    found = find_chirps(track.pcm)
    assert [chirp.middle for chirp in found] == pytest.approx(list(track.middles), abs=1)
    assert [chirp.kind for chirp in found] == [index % len(KINDS) for index in range(len(found))]


def test_every_chirp_is_found_after_opus(track: ChirpTrack) -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    decoded = np.concatenate([decoder.decode(encoder.encode(frame)) for frame in _frames(track.pcm)])
    found = find_chirps(decoded)
    assert [chirp.middle - LOOK_AHEAD for chirp in found] == pytest.approx(list(track.middles), abs=10)
    assert [chirp.kind for chirp in found] == [index % len(KINDS) for index in range(len(found))]


def test_there_are_no_chirps_in_silence_noise_or_next_to_nothing() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, SAMPLE_RATE).astype(np.int16)
    for sound in (np.zeros(SAMPLE_RATE, dtype=np.int16), noise, noise[:10]):
        assert find_chirps(sound) == []


def test_the_same_kind_does_not_come_again_within_the_longest_delay(track: ChirpTrack) -> None:
    between = track.middles[len(KINDS) :] - track.middles[: -len(KINDS)]
    assert between.min() / SAMPLE_RATE > LONGEST_DELAY


@pytest.mark.parametrize("delay", [0.001, 0.087, 0.490])
def test_the_delay_that_is_put_in_comes_out(track: ChirpTrack, delay: float) -> None:
    """Frames arrive `delay` after they were complete: a sample waits for the end of its frame, and for `delay`."""
    frames = len(track.pcm) // FRAME_SAMPLES
    said_at = 100.0 + _ends(frames)
    heard_at = said_at + delay
    found = delays(_tape(said_at=said_at), track, _tape(heard=track.pcm, heard_at=heard_at), heard_at)
    assert len(found) == len(track.middles)
    for chirp, middle in zip(found, track.middles, strict=True):
        rest_of_frame = (FRAME_SAMPLES - middle % FRAME_SAMPLES) / SAMPLE_RATE
        assert chirp.seconds == pytest.approx(delay + rest_of_frame, abs=0.0002)


def test_a_frame_that_the_talker_fetches_late_was_captured_no_later(track: ChirpTrack) -> None:
    """Else a program that is late itself would have its lateness left out of the delay."""
    frames = len(track.pcm) // FRAME_SAMPLES
    punctual = _ends(frames)
    tardy = punctual + np.where(np.arange(frames) % 2, 0.015, 0.0)
    sample = FRAME_SAMPLES + 10
    assert _tape(said_at=tardy).capture_time(sample) == pytest.approx(_tape(said_at=punctual).capture_time(sample))


def test_what_was_never_handed_over_has_no_delay(track: ChirpTrack) -> None:
    frames = len(track.pcm) // FRAME_SAMPLES
    never = np.full(frames, np.nan)
    assert delays(_tape(said_at=_ends(frames)), track, _tape(heard=track.pcm, heard_at=never), never) == []
