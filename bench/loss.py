"""What lost, late and reordered packets do to the sound and to its delay. In virtual time, without sockets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.chirps import LONGEST_DELAY, chirp_track
from bench.effort import Effort
from bench.material import speech
from bench.playback import Aiortc, Ours, Subject, play
from bench.quality import PESQ_MISSING, has_pesq, intelligibility, pesq_mos
from bench.result import OURS, Result, Target, median, quantile
from bench.tape import delays
from hullo.media.netsim import NetworkProfile
from hullo.media.pcm import SAMPLE_RATE

QUESTION = "The same packets lost and late for both: what is heard, how late, how well"

WARM_UP = 5.0

_STEADY = 0.005
"""Jitter of every network that is not about jitter: the standard deviation, without reordering."""

NETWORKS: Mapping[str, NetworkProfile] = {
    "clean": NetworkProfile(delay=0.04),
    **{
        f"loss_{percent}": NetworkProfile(
            delay=0.04, jitter=_STEADY, distribution="normal", reordering=False, loss=percent / 100
        )
        for percent in (1, 5, 10, 20)
    },
    "bursts_10": NetworkProfile(
        delay=0.04, jitter=_STEADY, distribution="normal", reordering=False, loss=0.10, burst=3
    ),
    "jitter_30": NetworkProfile(delay=0.04, jitter=0.03),
    "loss_10_jitter_30": NetworkProfile(delay=0.04, jitter=0.03, loss=0.10),
}
"""The number of a loss is percent, that of jitter the milliseconds by which packets are early or late, uniformly."""

_SUBJECTS: Mapping[str, Callable[[int], Subject]] = {OURS: Ours, "aiortc": Aiortc}

_HEADLINE = "loss_10"


@dataclass(frozen=True)
class Size:
    """How much is measured: networks, fates of the packets in each, and seconds of chirps with each."""

    seeds: int
    seconds: float
    networks: Sequence[str] = tuple(NETWORKS)


FULL = Size(seeds=4, seconds=60.0)
QUICK = Size(seeds=1, seconds=20.0)


async def run(effort: Effort) -> Result:
    """Every network with every subject, with chirps for the delay and with speech for the quality."""
    return measure(FULL if effort.is_full else QUICK)


def measure(size: Size) -> Result:
    """The same, as much of it as wanted."""
    seeds, seconds = range(size.seeds), size.seconds
    measured: dict[str, dict[str, float]] = {subject: {} for subject in _SUBJECTS}
    for network in size.networks:
        profile = NETWORKS[network]
        for subject, make in _SUBJECTS.items():
            figures = _delay(make, profile, seeds, seconds) | _quality(make, profile, seeds)
            measured[subject] |= {f"{network}_{name}": value for name, value in figures.items()}
    return Result(
        name="loss",
        question=QUESTION,
        measured=measured,
        groups=size.networks,
        ratios=_ratios(measured, size.networks),
        targets=[Target("ours/aiortc", most=0.2), Target(f"ours_{_HEADLINE}_real_sound_share", least=0.9)],
        conditions={
            "networks": "40 ms; but for clean and jitter_30, 5 ms of jitter (standard deviation) and no reordering",
            "seeds": f"{len(seeds)} for each network, the same for both subjects, {seconds:g} s of chirps and "
            f"{len(speech()) / SAMPLE_RATE:.0f} s of speech each after {WARM_UP:g} s of warm-up",
            "chirps_heard_share": "of 15 ms chirps, how many are found in what is heard; the subject is not asked",
            "chirps": f"about {round(len(seeds) * seconds / 0.26)} for each network and subject",
            "real_sound_share": "of the speech, how much was not concealed or silent by the subject's own count",
            "ratios": f"ours/aiortc is of the share of chirps not heard in {_HEADLINE}",
            "pesq": "wideband, P.862.2" if has_pesq() else PESQ_MISSING,
        },
    )


def _delay(make: Callable[[int], Subject], profile: NetworkProfile, seeds: range, seconds: float) -> dict[str, float]:
    """What chirps tell: how late sound is, and how much of it is heard."""
    found: list[float] = []
    said = 0
    for seed in seeds:
        track = chirp_track(seed, WARM_UP + seconds)
        played = play(make(seed), track.pcm, profile, seed=seed, warm_up=WARM_UP)
        end = WARM_UP + seconds - LONGEST_DELAY
        middles = track.middles / SAMPLE_RATE
        said += int(np.sum((middles >= WARM_UP) & (middles < end)))
        chirps = delays(played.said, track, played.heard, played.heard.heard_at)
        found += [chirp.seconds for chirp in chirps if WARM_UP <= chirp.said_at < end]
    return {
        "mouth_to_ear_ms": 1000 * median(found),
        "mouth_to_ear_p95_ms": 1000 * quantile(found, 0.95),
        "chirps_heard_share": len(found) / said,
    }


def _quality(make: Callable[[int], Subject], profile: NetworkProfile, seeds: range) -> dict[str, float]:
    """What speech tells: how much of it was real sound, and how well it is understood."""
    begin = int(WARM_UP * SAMPLE_RATE)
    material = np.concatenate([speech()[-begin:], speech()])
    played = [play(make(seed), material, profile, seed=seed, warm_up=WARM_UP) for seed in seeds]
    heard = [one.heard.heard[begin:] for one in played]
    scores = {
        "real_sound_share": float(np.mean([one.real_share for one in played])),
        "stoi": float(np.mean([intelligibility(speech(), one) for one in heard])),
    }
    if has_pesq():
        scores["pesq_mos"] = float(np.mean([pesq_mos(speech(), one) for one in heard]))
    return scores


def _ratios(measured: Mapping[str, Mapping[str, float]], networks: Sequence[str]) -> dict[str, float]:
    ours, aiortc = measured[OURS], measured["aiortc"]

    def unheard(network: str) -> float:
        name = f"{network}_chirps_heard_share"
        return (1 - ours[name]) / (1 - aiortc[name])

    return {
        "ours/aiortc": unheard(_HEADLINE),
        **{
            f"ours/aiortc_unheard_{network}": unheard(network)
            for network in networks
            if aiortc[f"{network}_chirps_heard_share"] < 1
        },
        **{
            f"ours/aiortc_delay_{network}": ours[f"{network}_mouth_to_ear_ms"] / aiortc[f"{network}_mouth_to_ear_ms"]
            for network in networks
        },
    }
