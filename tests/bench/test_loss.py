"""The loss benchmark from end to end, as small as it gets: its form, and that it tells good networks from bad ones."""

import math

import pytest

from bench.chirps import chirp_track
from bench.loss import Size, measure
from bench.playback import SOUND_CARD_PHASE, Aiortc, Ours, Subject, play
from bench.result import median
from bench.tape import delays
from hullo.media.netsim import NetworkProfile


@pytest.mark.parametrize("make", [Ours, Aiortc])
def test_a_slower_network_is_measured_slower_by_as_much(make: type[Ours] | type[Aiortc]) -> None:
    track = chirp_track(3, 6.0)

    def delay_of(seconds: float) -> float:
        subject: Subject = make(0)
        played = play(subject, track.pcm, NetworkProfile(delay=seconds), seed=0, warm_up=1.0)
        assert played.real_share == 1.0
        found = delays(played.said, track, played.heard, played.heard.heard_at)
        return median([delay.seconds for delay in found if delay.said_at > 3.0])

    quick, slow = delay_of(0.005), delay_of(0.065)
    assert slow - quick == pytest.approx(0.060, abs=0.003)
    assert quick > SOUND_CARD_PHASE


def test_the_result_has_every_network_of_both_subjects() -> None:
    networks = ("clean", "loss_10")
    result = measure(Size(seeds=1, seconds=6.0, networks=networks))
    figures = result.figures()
    for network in networks:
        for subject in ("ours", "aiortc"):
            assert figures[f"{subject}_{network}_mouth_to_ear_ms"] > 0
            assert 0 <= figures[f"{subject}_{network}_chirps_heard_share"] <= 1
            assert 0 <= figures[f"{subject}_{network}_real_sound_share"] <= 1
    for subject in ("ours", "aiortc"):
        assert figures[f"{subject}_clean_real_sound_share"] == 1.0
        assert figures[f"{subject}_loss_10_real_sound_share"] < 1.0
        assert figures[f"{subject}_loss_10_stoi"] < figures[f"{subject}_clean_stoi"]
    assert all(math.isfinite(value) for value in (*figures.values(), *result.ratios.values()))
