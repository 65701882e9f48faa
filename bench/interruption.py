"""Does the agent stop when it is interrupted, and only then? In virtual time, on the waveform at the person's ear."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

import numpy as np
from scipy.fft import next_fast_len

from bench import people
from bench.conversation import FAR, NEAR, Conversation, Setting
from bench.effort import Effort
from bench.result import Result, Target, quantile
from bench.turn_voices import check_voices
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm
from hullo.speech.events import Interrupted, Paused, Resumed
from hullo.speech.interruption.decision import InterruptionSettings
from hullo.speech.listening.vad import SileroModel

_AUDIBLE = 32768 * 10 ** (-45 / 20)
_STOPS = (0.2, 0.4, 0.6)
"""Seconds of a voice until the agent is silent, beside the default."""
_AGREEING = 10
"""Times that a listener agrees before it interrupts."""
_AGENT = (
    "We have a table at seven and another one at nine. The kitchen is open until eleven. There is a garden behind the "
    "house, where you can sit when the weather is fine. Dogs are welcome. Please tell me how many people will come, "
    "and whether somebody eats no meat, so that we can prepare something nice for everybody who comes to dinner."
)


@dataclass(frozen=True)
class Size:
    """How much is tried: interruptions (and half as many backchannels and coughs each, and as often with each voice
    of an agent that tells no words), listeners who agree all the time, minutes of noise and of echo, and `_STOPS`."""

    trials: int
    untold: Sequence[str]
    listeners: int
    minutes: float
    stops: Sequence[float] = ()


SIZES = {
    Effort.FULL: Size(40, people.FLITE_VOICES, listeners=16, minutes=10.0, stops=_STOPS),
    Effort.QUICK: Size(12, people.FLITE_VOICES[:1], listeners=2, minutes=1.0),
    Effort.REHEARSAL: Size(6, people.FLITE_VOICES[:1], listeners=1, minutes=0.5),
}


@dataclass
class Outcome:
    """What one sound of a person led to."""

    silent_after: float | None
    """Seconds from the first sample at the person's mouth to the last that it hears of the agent while it speaks."""
    yielded: bool
    pauses: list[float] = field(default_factory=list)
    right_words: list[bool] = field(default_factory=list)


async def outcome(model: SileroModel, sound: Pcm, setting: Setting, *, seed: int) -> Outcome:
    """The agent speaks, the person makes this sound in the middle of it."""
    rng = np.random.default_rng(seed)
    async with Conversation(model, setting, seed=seed) as conversation:
        conversation.queue.say(_AGENT)
        await conversation.run(float(rng.uniform(1.5, 6.0)))
        began = conversation.person_says(sound)
        length = len(sound) / SAMPLE_RATE
        await conversation.run(length + 1.5)
        return Outcome(
            silent_after=_silent_after(conversation, began, began + length),
            yielded=bool(conversation.of(Interrupted)),
            pauses=[event.paused_ms for _, event in conversation.of(Resumed) if isinstance(event, Resumed)],
            right_words=list(_right_words(conversation, setting.agent)),
        )


def _silent_after(conversation: Conversation, began: float, ended: float) -> float | None:
    """None when the agent is still heard at the end of what the person says."""
    heard = np.concatenate(conversation.ear)
    first = round((began - FRAME_SECONDS) * SAMPLE_RATE)  # frame 0 is played at the end of the first tick
    window = np.abs(heard[first : first + round((ended - began) * SAMPLE_RATE)])
    (loud,) = np.nonzero(window > _AUDIBLE)
    last = float(loud[-1] / SAMPLE_RATE) if len(loud) else 0.0
    return last if last < ended - began - 0.02 or last < 0.2 else None


def _right_words(conversation: Conversation, agent: str | None) -> Iterator[bool]:
    """For each time that the agent went on: was that where the word begins that was cut?"""
    sound, begins = _spoken(agent)
    heard = np.concatenate(conversation.ear)
    paused = [*conversation.of(Paused), (conversation.now, None)]
    for (_, cut), (at, _), (until, _) in zip(paused, conversation.of(Resumed), paused[1:], strict=False):
        assert isinstance(cut, Paused)
        place = _place_of(heard[round(at * SAMPLE_RATE) : round(until * SAMPLE_RATE)], sound)
        sent = cut.heard_ms / 1000 + conversation.heard_delay
        expected = max((begin for begin in begins if begin <= sent), default=0.0)
        yield abs(place - expected) <= 0.06


async def _word_errors(agent: str) -> dict[str, float]:
    """Between where words are found to begin and where they do, of all that the agent says."""
    from hullo.speech.speaking.sentences import sentences

    errors = []
    for sentence in sentences(_AGENT):
        sound, words = people.spoken(sentence, agent)
        left = deque(words)
        for found in await people.LocalAligner().align(sentence, sound, complete=True):
            while left and left[0].word.rstrip(",.") != found.word.split()[0]:
                left.popleft()
            errors.append(1000 * abs(found.start_s - left.popleft().start_s))
    return {"word_error_p50_ms": quantile(errors, 0.5), "word_error_p95_ms": quantile(errors, 0.95)}


def _spoken(agent: str | None) -> tuple[Pcm, list[float]]:
    """All that the agent says, and where its words begin."""
    from hullo.speech.speaking.sentences import sentences

    sounds, begins, at = [], [], 0
    for sentence in sentences(_AGENT):
        sound, words = people.spoken(sentence, agent)
        begins += [at / SAMPLE_RATE + word.start_s for word in words]
        sounds.append(np.pad(sound, (0, -len(sound) % FRAME_SAMPLES)))
        at += len(sounds[-1])
    return np.concatenate(sounds), begins


def _place_of(heard: Pcm, sound: Pcm) -> float:
    """Where in `sound` the first audible 300 ms of `heard` are, in seconds."""
    (loud,) = np.nonzero(np.abs(heard) > _AUDIBLE)
    if not len(loud):
        return -1.0
    piece = heard[loud[0] : loud[0] + 14_400].astype(np.float64)
    whole = sound.astype(np.float64)
    size = next_fast_len(len(sound) + len(piece), real=True)
    products = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(piece, size)), size)[: len(sound)]
    sums = np.cumsum(np.square(np.pad(whole, (1, len(piece)))))
    energy = sums[len(piece) : len(piece) + len(sound)] - sums[: len(sound)]
    return float(np.argmax(products / np.sqrt(energy + 1e6))) / SAMPLE_RATE


async def minutes(model: SileroModel, minutes: float, *, echo_db: float | None, seed: int) -> dict[str, float]:
    """The agent talks all the time, in a noisy room or with its own echo: how often did it pause, and stop?"""
    rng = np.random.default_rng(seed)
    async with Conversation(model, Setting(echo_db=echo_db), seed=seed) as conversation:
        spoken = 0
        while conversation.now < minutes * 60:
            conversation.queue.say(_AGENT)
            spoken += 1
            while not conversation.queue.idle and conversation.now < minutes * 60:
                if echo_db is None and conversation.person_is_silent:
                    conversation.person_says(people.noise(10.0, rng))
                await conversation.run(1.0)
                conversation.ear.clear()
        return {
            "utterances": spoken,
            "false_stop_share": len(conversation.of(Interrupted)) / spoken,
            "pauses_per_minute": len(conversation.of(Paused)) / minutes,
        }


async def listener(model: SileroModel, voice: str, *, seed: int) -> tuple[list[bool], Outcome]:
    """Somebody agrees every few seconds, and at last interrupts: whether each "yeah" paused the agent, and the end."""
    rng = np.random.default_rng(seed)
    async with Conversation(model, Setting(), seed=seed) as conversation:
        paused = []
        for _ in range(_AGREEING):
            before = len(conversation.of(Paused))
            await _talks(conversation, float(rng.uniform(4.0, 8.0)))
            text = people.BACKCHANNELS[rng.integers(len(people.BACKCHANNELS))]
            conversation.person_says(people.says(text, voice, float(rng.uniform(-30, -22))))
            await _talks(conversation, 2.0)
            paused.append(len(conversation.of(Paused)) > before)
        await _talks(conversation, float(rng.uniform(4.0, 8.0)))
        text = people.INTERRUPTIONS[rng.integers(len(people.INTERRUPTIONS))]
        sound = people.says(text, voice, float(rng.uniform(-30, -20)))
        began, length = conversation.person_says(sound), len(sound) / SAMPLE_RATE
        await conversation.run(length + 1.5)
        return paused, Outcome(_silent_after(conversation, began, began + length), bool(conversation.of(Interrupted)))


async def _talks(conversation: Conversation, seconds: float) -> None:
    """The agent has always something to say."""
    until = conversation.now + seconds
    while conversation.now < until:
        if conversation.queue.idle:
            conversation.queue.say(_AGENT)
        await conversation.run(0.2)


async def listeners(model: SileroModel, count: int) -> dict[str, float]:
    """What agreement costs over a conversation, and an interruption behind it."""
    voices = islice(cycle(people.VOICES), count)
    heard = [await listener(model, voice, seed=400 + n) for n, voice in enumerate(voices)]
    paused = [one for pauses, _ in heard for one in pauses]
    return {"backchannel_false_stop_share": sum(paused) / len(paused), **_silence([end for _, end in heard])}


def _figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of sounds that are no interruption."""
    pauses = [pause for one in outcomes for pause in one.pauses]
    figures = {
        "trials": float(len(outcomes)),
        "yielded_share": sum(one.yielded for one in outcomes) / len(outcomes),
        "false_stop_share": sum(one.yielded or bool(one.pauses) for one in outcomes) / len(outcomes),
    }
    if pauses:
        figures |= {"pause_p50_ms": quantile(pauses, 0.5), "pause_p95_ms": quantile(pauses, 0.95)}
    return figures


def _right_share(outcomes: Sequence[Outcome]) -> float:
    right = [word for one in outcomes for word in one.right_words]
    return sum(right) / len(right)


def _silence(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of interruptions."""
    after = [one.silent_after for one in outcomes if one.silent_after is not None]
    return {
        "trials": float(len(outcomes)),
        "yielded_share": sum(one.yielded for one in outcomes) / len(outcomes),
        "stopped_200_ms_share": sum(seconds <= 0.2 for seconds in after) / len(outcomes),
        "stopped_share": len(after) / len(outcomes),
        "silent_p50_ms": 1000 * quantile(after, 0.5),
        "silent_p95_ms": 1000 * quantile(after, 0.95),
    }


def _all_say(texts: Sequence[str], count: int, dbfs: tuple[float, float], rng: np.random.Generator) -> list[Pcm]:
    speakers = zip(islice(cycle(texts), count), cycle(people.VOICES), strict=False)
    return [people.says(text, voice, float(rng.uniform(*dbfs))) for text, voice in speakers]


class Trials:
    """The sounds that people make, and what comes of them in one setting or another."""

    def __init__(self, model: SileroModel, count: int) -> None:
        rng = np.random.default_rng(4)
        self._model = model
        self._real = _all_say(people.INTERRUPTIONS, count, (-30, -20), rng)
        self._agreeing = _all_say(people.BACKCHANNELS, count // 2, (-30, -22), rng)
        self._coughs = [people.cough(rng) for _ in range(count - count // 2)]

    async def interrupted(self, setting: Setting) -> list[Outcome]:
        """What the interruptions led to."""
        return [await outcome(self._model, sound, setting, seed=100 + n) for n, sound in enumerate(self._real)]

    async def agreed(self, setting: Setting) -> list[Outcome]:
        """What backchannels led to."""
        return [await outcome(self._model, sound, setting, seed=200 + n) for n, sound in enumerate(self._agreeing)]

    async def coughed(self, setting: Setting) -> list[Outcome]:
        """What coughs led to."""
        return [await outcome(self._model, sound, setting, seed=300 + n) for n, sound in enumerate(self._coughs)]


async def run(effort: Effort) -> Result:
    """Forty interruptions, twenty backchannels and twenty coughs, and twenty minutes of noise and echo."""
    check_voices()
    model = SileroModel()
    size = SIZES[effort]
    trials = Trials(model, size.trials)
    agreed, coughed = await trials.agreed(Setting()), await trials.coughed(Setting())
    untold = {voice: await trials.agreed(Setting(agent=voice)) for voice in size.untold}
    estimated = [one for outcomes in untold.values() for one in outcomes]
    measured = {
        "interruption": _silence(await trials.interrupted(Setting())),
        "interruption_far": _silence(await trials.interrupted(Setting(network=FAR))),
        "backchannel": _figures(agreed),
        "cough": _figures(coughed),
        "small_sound": _figures([*agreed, *coughed])
        | {"right_word_share": _right_share(agreed), "estimated_right_word_share": _right_share(estimated)},
        **{
            f"agent_{voice}": {"right_word_share": _right_share(outcomes), **await _word_errors(voice)}
            for voice, outcomes in untold.items()
        },
        "listener": await listeners(model, size.listeners),
        "noise": await minutes(model, size.minutes, echo_db=None, seed=5),
        "echo": await minutes(model, size.minutes, echo_db=-6.0, seed=6),
    }
    for stop in size.stops:
        measured[f"stop_{1000 * stop:.0f}_ms"] = await _with_stop(trials, stop)
    return Result(
        name="interruption",
        question="Does the agent stop when it is interrupted, and only then?",
        measured=measured,
        ratios={},
        targets=[
            Target("interruption_stopped_200_ms_share", least=0.95),
            Target("interruption_yielded_share", least=0.95),
            Target("cough_false_stop_share", most=0.05),
            Target("small_sound_yielded_share", most=0.05),
            Target("small_sound_right_word_share", least=0.9),
            Target("small_sound_estimated_right_word_share", least=0.9),
            *([Target("stop_600_ms_small_sound_false_stop_share", most=0.05)] if size.stops else []),
            Target("noise_false_stop_share", most=0.05),
            Target("echo_false_stop_share", most=0.05),
        ],
        conditions={
            "one_way_ms": f"{1000 * NEAR.delay:g}, far: {1000 * FAR.delay:g} and {FAR.loss:.0%} loss",
            "voices": people.VOICES,
            "minutes_each": size.minutes,
        },
    )


async def _with_stop(trials: Trials, stop: float) -> dict[str, float]:
    """Silent later, and for fewer backchannels: what `[speech] stop_seconds` trades."""
    setting = Setting(interruption=InterruptionSettings(stop=stop))
    agreed = await trials.agreed(setting)
    return {
        "backchannel_false_stop_share": _figures(agreed)["false_stop_share"],
        "small_sound_false_stop_share": _figures([*agreed, *await trials.coughed(setting)])["false_stop_share"],
        **_silence(await trials.interrupted(setting)),
    }
