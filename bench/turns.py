"""How soon an agent answers a person who has finished, and how often it takes a pause for the end."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from bench.child import child
from bench.effort import Effort
from bench.result import OURS, Result, Target, median, quantile
from bench.turn_script import Caller, callers
from bench.turn_voices import check_voices, noise, said
from hullo.media.pcm import SAMPLE_RATE

QUESTION = "Turns: from the end of a caller's last word to the agent's first sound, at the caller's end of a real call"

ENDPOINTINGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        OURS: {"endpointing": "adaptive", "end_pause": None},
        "fixed_700_ms": {"endpointing": "fixed", "end_pause": 0.7},
        "fixed_1500_ms": {"endpointing": "fixed", "end_pause": 1.5},
    }
)
"""Ours is the default; 1.5 s is what the seed of this project waited."""

FAR = "far"
"""The default strategy once more, with each call 30 ms one way and 5 % loss away."""
_FAR_SECONDS, _FAR_LOSS = 0.03, 0.05
_AT_ONCE = 3
_NOISE_SECONDS = 10
_LONGEST_CALL = 240.0
_LOADED = 8


@dataclass(frozen=True)
class Size:
    """How much is measured: callers of the script, the turns that each has, and whether also from far away."""

    callers: int
    turns: int
    far: bool


SIZES = {
    Effort.FULL: Size(callers=10, turns=5, far=True),
    Effort.QUICK: Size(callers=2, turns=5, far=False),
    Effort.REHEARSAL: Size(callers=2, turns=2, far=False),
}
_OTHERS = ("fixed_700_ms", "fixed_1500_ms")


@dataclass(frozen=True)
class Way:
    """From one end to the other: the share of packets that is lost, and the seconds that the others take."""

    loss: float
    one_way: float


@dataclass
class Turns:
    """What was found of one strategy, in seconds."""

    totals: list[float] = field(default_factory=list)
    overheads: list[float] = field(default_factory=list)
    recognitions: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    said: int = 0
    cut: int = 0
    unanswered: int = 0

    def figures(self) -> dict[str, float]:
        """Under the names of the result."""
        return {
            "overhead_p50_ms": 1000 * median(self.overheads),
            "overhead_p95_ms": 1000 * quantile(self.overheads, 0.95),
            "early_cut_share": self.cut / self.said,
            "answer_p50_ms": 1000 * median(self.totals),
            "answer_p95_ms": 1000 * quantile(self.totals, 0.95),
            "end_pause_p50_ms": 1000 * median(self.pauses),
            "recognition_p50_ms": 1000 * median(self.recognitions),
            "unanswered_share": self.unanswered / self.said,
            "turns_n": self.said,
        }


async def run(effort: Effort) -> Result:
    """The same script with each strategy, and the clock while the recogniser has more than it can do."""
    check_voices()
    size = SIZES[effort]
    script = [replace(caller, turns=caller.turns[: size.turns]) for caller in callers(size.callers)]
    with tempfile.TemporaryDirectory() as directory:
        material = Path(directory, "turns.npz")
        _write_material(script, material)
        found = {name: await _measure(script, material, name) for name in (OURS, *_OTHERS)}
        if size.far:
            found[FAR] = await _measure(
                [replace(caller, loss=_FAR_LOSS) for caller in script], material, OURS, _FAR_SECONDS
            )
        measured = {name: turns.figures() for name, turns in found.items()}
        measured[OURS] |= await _under_load(script, material)
    return Result(
        name="turns",
        question=QUESTION,
        measured=measured,
        ratios={
            f"ours/{name}": measured[OURS]["overhead_p50_ms"] / measured[name]["overhead_p50_ms"] for name in _OTHERS
        },
        targets=[
            Target("overhead_p50_ms", most=450),
            Target("overhead_p95_ms", most=700),
            Target("early_cut_share", most=0.04),
            Target("ticks_on_time_share", least=0.999),
        ],
        headline=("overhead_p50_ms", "overhead_p95_ms", "early_cut_share", "ticks_on_time_share"),
        conditions=_conditions(script),
    )


def _conditions(script: Sequence[Caller]) -> dict[str, object]:
    kinds = [caller.condition for caller in script]
    return {
        "callers": ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        + f"; {_AT_ONCE} at once, and 1 with loss beside them",
        "voices": ", ".join(dict.fromkeys(f"{caller.engine} {caller.voice}" for caller in script)),
        "far": f"{1000 * _FAR_SECONDS:g} ms one way, {_FAR_LOSS:.0%} of the packets lost in both directions",
        "pauses": "250 to 500 ms at every comma",
        "overhead": "answer without recognition (the wait from the end pause to the text) and gateway",
        "early_cut": "the agent took the turn to be over before its last word was",
        "ticks_on_time_share": f"late by less than 5 ms, agent with {min(_LOADED, len(script))} callers who never wait",
    }


def _write_material(script: Sequence[Caller], path: Path) -> None:
    sounds = {}
    for number, caller in enumerate(script):
        background = noise(caller, _NOISE_SECONDS * SAMPLE_RATE, seed=number)
        sounds[f"noise_{number:02}"] = np.clip(background, -32768, 32767).astype(np.int16)
        for index, turn in enumerate(caller.turns):
            sounds[f"{number:02}_{index}"] = said(caller, turn)
    np.savez(path, **sounds)  # type: ignore[arg-type]  # its stub takes keywords for options


async def _measure(script: Sequence[Caller], material: Path, name: str, one_way: float = 0.0) -> Turns:
    found = Turns()
    losses = {caller.loss for caller in script}
    groups = [[number for number, caller in enumerate(script) if caller.loss == loss] for loss in sorted(losses)]
    rooms = [_AT_ONCE, *[1] * (len(groups) - 1)]
    tasks = [
        _calls(material, ENDPOINTINGS[name], numbers, Way(script[numbers[0]].loss, one_way), room)
        for numbers, room in zip(groups, rooms, strict=True)
    ]
    for told, _ in await asyncio.gather(*tasks):
        for turns, diary in told:
            add_turns(found, turns, diary)
    return found


async def _under_load(script: Sequence[Caller], material: Path) -> dict[str, float]:
    numbers = list(range(min(_LOADED, len(script))))
    _, ticks = await _calls(material, ENDPOINTINGS[OURS], numbers, Way(0.0, 0.0), len(numbers), patient=False)
    return {
        "ticks_on_time_share": 1 - ticks["late_5"] / ticks["ticks"],
        "ticks_within_20_ms_share": 1 - ticks["late_20"] / ticks["ticks"],
        "tick_max_late_ms": ticks["max_late_ms"],
    }


async def _calls(
    material: Path, endpointing: Mapping[str, Any], numbers: Sequence[int], way: Way, at_once: int,
    *, patient: bool = True,
) -> tuple[list[tuple[list[dict[str, Any]], list[dict[str, Any]]]], dict[str, Any]]:  # fmt: skip
    """What was said and the agent's diary for each call, and how punctual the agent's clock was."""
    async with child("turns_agent", {**endpointing, **asdict(way), "seed": 1}, first=True) as agent:
        url = (await agent.hear())["url"]
        plan = {"url": url, "material": str(material), "calls": list(numbers), "at_once": at_once}
        async with child("turns_caller", {**plan, **asdict(way), "patient": patient}) as caller:
            told = await caller.hear(_LONGEST_CALL + 60.0 * len(numbers))
        diaries = await agent.ask(tell=True)
    calls = [(told["said"][str(number)], diaries["calls"][at]) for at, number in enumerate(told["order"])]
    return calls, diaries


def add_turns(found: Turns, turns: Sequence[Mapping[str, Any]], diary: Sequence[Mapping[str, Any]]) -> None:
    """Count a call: what its caller said and heard, and the diary of the agent."""
    for turn in turns:
        found.said += 1
        begin, end, answer_at = turn["said_from"], turn["said_to"], turn["answer_at"]
        if any(begin <= entry.get("ended_at", 0.0) < end for entry in diary):
            found.cut += 1
            continue
        answers = [entry for entry in diary if "answered_at" in entry and _answers(entry, end, answer_at or 0.0)]
        if not answers:
            found.unanswered += 1
            continue
        waited = (answers[-1]["recognition_ms"] + answers[-1]["gateway_ms"]) / 1000
        found.totals.append(answer_at - end)
        found.overheads.append(answer_at - end - waited)
        found.recognitions.append(answers[-1]["recognition_ms"] / 1000)
        found.pauses.append(answers[-1]["pause_ms"] / 1000)


def _answers(entry: Mapping[str, Any], end: float, answer_at: float) -> bool:
    """Whether the answer heard at `answer_at` is to what ended at `end`, and not a late one to the turn before."""
    decided_at = entry["answered_at"] - entry["recognition_ms"] / 1000
    return bool(end < decided_at and entry["answered_at"] <= answer_at)
