"""How often a pause is taken for the end when the recogniser answers at once, which hides nothing. In virtual time.

The scripted turns of `bench turns`, each also said by other voices over other networks. The parameters of the default
strategy were found on the training half of these; the other half and the script itself are what it is judged by.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.effort import Effort
from bench.result import OURS, Result, Target, median, quantile
from bench.turn_script import PAUSES, Caller, Turn, callers
from bench.turn_voices import check_voices, noise, said
from hullo.media.netsim import Network, NetworkProfile
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm
from hullo.media.receiver import Receiver
from hullo.media.sender import Sender
from hullo.speech.endpointing.adaptive import AdaptivePause
from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.endpointing.strategy import Endpointing
from hullo.speech.events import SpeechEnded
from hullo.speech.listening.resample import Resampler
from hullo.speech.listening.segmenter import Segmenter, SegmenterSettings, ShortPause
from hullo.speech.listening.vad import CHUNK_SAMPLES, VAD_RATE, SileroModel, VoiceActivity

_LEAD, _GAP = 1.0, 1.6
_OTHERS_EACH = 3
_VOICES = (
    ("flite", "slt"), ("festival", "kal_diphone"), ("espeak", "en-us+f2"), ("flite", "rms"), ("flite", "awb"),
    ("espeak", "en-gb+m3"), ("flite", "kal16"), ("espeak", "en-us+m1"), ("espeak", "en-us+m7"), ("espeak", "en-gb+f4"),
)  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """A call as the agent's ear has it: sound, likelihood of speech and time of each chunk, and where turns lie."""

    chunks: Sequence[tuple[Pcm, float, float]]
    turns: Sequence[tuple[float, float]]


def heard(caller: Caller, model: SileroModel, seed: int) -> Heard:
    """All turns of a caller, one after the other."""
    sound, turns = _call(caller, seed)
    activity, resampler = VoiceActivity(model), Resampler(SAMPLE_RATE, VAD_RATE)
    unread, chunks = np.zeros(0, dtype=np.int16), []
    for number, frame in enumerate(_received(sound, caller.loss, seed)):
        unread = np.concatenate([unread, resampler.feed(frame)])
        while len(unread) >= CHUNK_SAMPLES:
            chunk, unread = unread[:CHUNK_SAMPLES], unread[CHUNK_SAMPLES:]
            at = (number + 1) * FRAME_SECONDS - len(unread) / VAD_RATE
            chunks.append((chunk, activity.probability(chunk), at))
    return Heard(chunks, turns)


def _call(caller: Caller, seed: int) -> tuple[Pcm, list[tuple[float, float]]]:
    pieces, turns, at = [np.zeros(int(_LEAD * SAMPLE_RATE))], [], _LEAD
    for turn in caller.turns:
        sound = said(caller, turn)
        turns.append((at, at + len(sound) / SAMPLE_RATE))
        pieces += [sound.astype(np.float64), np.zeros(int(_GAP * SAMPLE_RATE))]
        at = turns[-1][1] + _GAP
    whole = np.concatenate(pieces)
    pcm: Pcm = np.clip(whole + noise(caller, len(whole), seed), -32768, 32767).astype(np.int16)
    return pcm, turns


def _received(sound: Pcm, loss: float, seed: int) -> Iterator[Pcm]:
    sender = Sender(ssrc=1, first_sequence=0, first_timestamp=0, complexity=2)
    receiver, network = Receiver(), Network(NetworkProfile(delay=0.01, jitter=0.002, loss=loss), seed=seed)
    now = 0.0
    for start in range(0, len(sound) - FRAME_SAMPLES, FRAME_SAMPLES):
        now += FRAME_SECONDS
        packet = sender.push(sound[start : start + FRAME_SAMPLES], now)
        if packet is not None:
            network.send(packet, now)
        for arrival, came in network.receive(now):
            receiver.feed(came, arrival)
        yield receiver.pull(now)


def ends(call: Heard, strategy: Endpointing) -> list[float]:
    """When the agent took a turn to be over."""
    segmenter, found = Segmenter(SegmenterSettings(), strategy), []
    for samples, probability, at in call.chunks:
        outputs = segmenter.feed(samples, probability, at)
        if any(isinstance(one, ShortPause) for one in outputs):
            outputs += segmenter.understood("")
        found += [at for one in outputs if isinstance(one, SpeechEnded)]
    return found


def figures(calls: Sequence[Heard], make: Callable[[], Endpointing]) -> dict[str, float]:
    """Of one strategy: the share of turns cut, and how long after the last word the others are over."""
    waits, cut, turns = [], 0, 0
    for call in calls:
        found = ends(call, make())
        for begin, end in call.turns:
            turns += 1
            if any(begin <= at < end for at in found):
                cut += 1
            else:
                waits += [at - end for at in found if end <= at < end + _GAP][:1]
    return {
        "early_cut_share": cut / turns,
        "wait_p50_ms": 1000 * median(waits),
        "wait_p95_ms": 1000 * quantile(waits, 0.95),
        "turns_n": turns,
    }


def _others(script: Sequence[Caller], half: int) -> list[Caller]:
    """Every second caller's turns, with other voices, pauses and networks."""
    found = []
    for number, caller in list(enumerate(script))[half::2]:
        rng = random.Random(100 + number)
        for other in range(_OTHERS_EACH):
            engine, voice = _VOICES[(3 * number + other + 5) % len(_VOICES)]
            turns = tuple(Turn(turn.text, tuple(rng.uniform(*PAUSES) for _ in turn.pauses)) for turn in caller.turns)
            snr_db, loss = rng.choice([None, 20.0, 10.0]), rng.choice([0.0, 0.0, 0.05])
            found.append(replace(caller, engine=engine, voice=voice, turns=turns, snr_db=snr_db, loss=loss))
    return found


async def run(effort: Effort) -> Result:
    """The script, and unless it is to be quick, the two halves of its variations."""
    check_voices()
    model, script = SileroModel(), callers()
    groups = {"script": script}
    if effort.is_full:
        groups |= {"training_half": _others(script, 0), "other_half": _others(script, 1)}
    measured: dict[str, dict[str, float]] = {}
    for name, group in groups.items():
        calls = [heard(caller, model, seed) for seed, caller in enumerate(group)]
        measured[name] = figures(calls, AdaptivePause)
        measured[f"{name}_fixed_700_ms"] = figures(calls, lambda: FixedPause(0.7))
    measured[OURS] = measured.pop("script")
    return Result(
        name="endpointing",
        question="With a recogniser that answers at once, how often is a pause taken for the end of a turn?",
        measured=measured,
        ratios={},
        targets=[Target("early_cut_share", most=0.04), Target("wait_p95_ms", most=700)],
        headline=("early_cut_share", "wait_p50_ms", "wait_p95_ms"),
        conditions={"pauses": "250 to 500 ms at every comma", "voices": sorted({voice for _, voice in _VOICES})},
    )
