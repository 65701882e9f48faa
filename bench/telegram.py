"""Calls with NTgCalls in every situation: how many are connected and heard both ways, and how long that takes."""

import importlib.util
import itertools
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from bench.effort import Effort
from bench.result import Result, Target, median
from tests.peers.telegram.calls import VERSIONS, WAYS, Relays
from tests.peers.telegram.matrix import Outcome, Situation, Who, make_call, make_calls

QUESTION = "Telegram calls with NTgCalls 3.0.5: from the confirmation of the key until both sides are connected"

AT_A_TIME = 4
"""Calls of the matrix; those whose set-up is compared are made one at a time."""

SUBJECTS: tuple[Who, ...] = get_args(Who)


class PeerMissing(RuntimeError):
    """What this needs is not installed; the message says what."""


@dataclass(frozen=True)
class Size:
    """The matrix, and how many calls of each kind are made to compare the set-up."""

    versions: Sequence[str]
    lost: Sequence[int]
    compared: int


FULL = Size(versions=VERSIONS, lost=range(6), compared=15)
QUICK = Size(versions=("9.0.0", "13.0.0"), lost=(0,), compared=2)


def check_installed() -> None:
    """Raises `PeerMissing`."""
    if importlib.util.find_spec("ntgcalls") is None:
        raise PeerMissing("ntgcalls not found; pip install ntgcalls==3.0.5 (Linux)")
    if shutil.which("turnserver") is None:
        raise PeerMissing("coturn not found; on Debian: apt-get install coturn")


async def run(effort: Effort) -> Result:
    """The matrix, in every situation as many calls with us as between two of NTgCalls, and then the comparison."""
    check_installed()
    size = FULL if effort.is_full else QUICK
    with tempfile.TemporaryDirectory() as directory:
        async with Relays(Path(directory)) as relays:
            outcomes = await make_calls([*_matrix(size)], relays, AT_A_TIME)
            compared = [await make_call(situation, relays) for situation in _comparison(size)]
    return Result(
        name="telegram",
        question=QUESTION,
        measured={who: _figures(_of(who, outcomes), _of(who, compared)) for who in SUBJECTS},
        ratios=_ratios(outcomes, compared),
        targets=[
            Target("connected/calls", least=1.0),
            Target("we_call/ntgcalls", most=1.0),
            Target("they_call/ntgcalls", most=1.0),
        ],
        conditions={
            "calls": f"{len(outcomes)} in the matrix, {AT_A_TIME} at a time; then {len(compared)} alone, the kinds in "
            "turns; only these are in the ratios of set-up times",
            "connected": "both sides, and both have heard nearly nothing but the other's tone for half a second",
            "N_lost": "the first N signaling packets of each side are lost, on all four ways",
            "failures": [f"{each.situation}: {each.failure}" for each in (*outcomes, *compared) if each.failure],
        },
        groups=[*dict.fromkeys(_group(each.situation) for each in outcomes), *map(_alone, size.versions)],
    )


def _matrix(size: Size) -> Iterator[Situation]:
    for lost, way, version, who in itertools.product(size.lost, WAYS, size.versions, SUBJECTS):
        yield Situation(who=who, version=version, way=way, lost=lost)


def _comparison(size: Size) -> Iterator[Situation]:
    for _, version, who in itertools.product(range(size.compared), size.versions, SUBJECTS):
        yield Situation(who=who, version=version)


def _of(who: Who, outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.situation.who == who]


def _setup_ms(outcomes: Sequence[Outcome]) -> list[float]:
    return [1000 * outcome.setup_seconds for outcome in outcomes if outcome.setup_seconds is not None]


def _group(situation: Situation) -> str:
    return f"{situation.lost}_lost" if situation.lost else situation.way.replace(" ", "_")


def _alone(version: str) -> str:
    return f"alone_{version}"


def _figures(outcomes: Sequence[Outcome], compared: Sequence[Outcome]) -> dict[str, float]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[_group(outcome.situation)].append(outcome)
    for outcome in compared:
        groups[_alone(outcome.situation.version)].append(outcome)
    return {f"{group}_{name}": value for group, its in groups.items() for name, value in _counted(its).items()}


def _counted(outcomes: Sequence[Outcome]) -> dict[str, float]:
    took = _setup_ms(outcomes)
    times = {"setup_ms": median(took), "setup_worst_ms": max(took)} if took else {}
    return {"calls_n": len(outcomes), "connected_n": len(took), **times}


def _ratios(outcomes: Sequence[Outcome], compared: Sequence[Outcome]) -> dict[str, float]:
    ours = [outcome for outcome in (*outcomes, *compared) if outcome.situation.who != "ntgcalls"]
    ratios = {"connected/calls": len(_setup_ms(ours)) / len(ours)}
    for who in SUBJECTS[:2]:
        ratios[f"{who}/ntgcalls"] = median(_setup_ms(_of(who, compared))) / median(_setup_ms(_of("ntgcalls", compared)))
    return ratios
