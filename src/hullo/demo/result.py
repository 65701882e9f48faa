"""What a demo has shown: the numbers of its table and the data of its page."""

import msgspec

from hullo.call.report import CallReport, TurnTimes
from hullo.demo.measure import Spread, Stretch

MOST_WRONG = 0.25
"""The share of words that the recogniser may get wrong before a turn counts as not heard; usually none is."""


class DemoTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the caller said and what came back. `answer_ms` is taken from the caller's waveform."""

    at: float
    said: str
    understood: str
    word_error_rate: float
    answer: str
    answer_heard: str
    answer_ms: float | None
    times: TurnTimes | None

    @property
    def heard(self) -> bool:
        """Whether the agent understood what was said."""
        return bool(self.understood) and self.word_error_rate <= MOST_WRONG

    @property
    def answered(self) -> bool:
        """Whether an answer was given and its sound reached the caller."""
        return bool(self.answer) and self.answer_ms is not None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One end of the call: its report, its processor time per second of call, what it said as outline and stretches."""

    report: CallReport
    cpu_ms_per_s: float
    outline: list[int]
    stretches: list[Stretch]


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """One demo. It is `ok` when every turn was heard and answered and nothing else went wrong."""

    began: str
    gateway: str
    seconds: float
    setup_ms: int
    caller_to_agent: Spread | None
    agent_to_caller: Spread | None
    turns: list[DemoTurn]
    caller: Side
    agent: Side
    problems: list[str]

    @property
    def ok(self) -> bool:
        """Whether the demo showed what it is for."""
        return not self.problems


def emoji_problems(caller: CallReport, agent: CallReport) -> list[str]:
    """What is wrong with the key emoji of both ends: none on a Telegram call, or different ones."""
    ours, theirs = caller.leg.emoji, agent.leg.emoji
    if ours != theirs:
        return [f"the key emoji differ: {' '.join(ours or ())} at the caller, {' '.join(theirs or ())} at the agent"]
    return ["the call had no key emoji"] if agent.line == "telegram" and not theirs else []


def problems_of(turns: list[DemoTurn], expected: int) -> list[str]:
    """What is wrong with a conversation that should have had `expected` turns; empty if nothing."""
    found = [f"only {len(turns)} of {expected} turns took place"] if len(turns) < expected else []
    for number, turn in enumerate(turns, 1):
        if not turn.heard:
            found.append(f"turn {number} was not heard: said {turn.said!r}, understood {turn.understood!r}")
        if not turn.answered:
            found.append(f"turn {number} was not answered: {turn.said!r}")
    return found
