"""The page shows what a result says, escapes what others said, and needs nothing from elsewhere."""

from html.parser import HTMLParser

import msgspec
import pytest

from hullo.call.report import CallReport, TurnTimes
from hullo.demo.measure import Spread, Stretch
from hullo.demo.page import render
from hullo.demo.result import DemoResult, DemoTurn, Side, emoji_problems, problems_of
from hullo.lines.line import CandidatePair, Ending, EndReason, LegReport, LegStats

TIMES = TurnTimes(end_of_speech_ms=600, recognition_ms=300, gateway_ms=5, first_audio_ms=20)


def turn(understood: str, answer: str, *, error_rate: float = 0.0, answer_ms: float | None = 1000.0) -> DemoTurn:
    return DemoTurn(
        at=1.0,
        said="What is <your> name?",
        understood=understood,
        word_error_rate=error_rate,
        answer=answer,
        answer_heard="",
        answer_ms=answer_ms,
        times=TIMES if answer else None,
    )


EMOJI = ("🏁", "🌽", "🍯", "🐐")


def side(line: str = "browser", emoji: tuple[str, ...] | None = None) -> Side:
    pair = CandidatePair("host", "host", "udp", "succeeded")
    report = CallReport(
        call_id="c",
        line=line,
        peer="ann",
        direction="outgoing",
        began=0,
        duration=10.0,
        ending=Ending(EndReason.HANGUP_USER, "the peer hung up"),
        stages={},
        leg=LegReport(stages={"ice": 0.03}, pairs=[pair], chosen=pair, proof="rtcp", emoji=emoji),
        stats=LegStats(packets_received=500),
        turns=[],
        turn_times={},
        recordings=[],
        errors=[],
    )
    return Side(report=report, cpu_ms_per_s=60.0, outline=[0, 40, 80, 0], stretches=[Stretch(1.0, 2.0)])


def result(turns: list[DemoTurn], expected: int = 1) -> DemoResult:
    return DemoResult(
        began="2026-01-01 10:00 UTC",
        gateway="Node.js",
        seconds=10.0,
        setup_ms=70,
        caller_to_agent=Spread.of([40.0, 42.0]),
        agent_to_caller=None,
        turns=turns,
        caller=side(),
        agent=side(),
        problems=problems_of(turns, expected),
    )


class Tags(HTMLParser):
    """Opens and closes must match; whatever would load something is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("turns", [[], [turn("what is your name", "Hullo.")], [turn("", "", answer_ms=None)]])
def test_the_page_is_well_formed_and_needs_nothing_else(turns: list[DemoTurn]) -> None:
    tags = Tags()
    tags.feed(render(result(turns)))
    assert tags.open == []
    assert tags.links == []


def test_the_page_of_a_good_call() -> None:
    page = render(result([turn("what is your name", "I am <b>Hullo</b>.")]))
    assert '<span class="good">ok</span>' in page
    assert "70 ms" in page
    assert "41 ms" in page
    assert "What is &lt;your&gt; name?" in page
    assert "<b>Hullo</b>" not in page


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ([], "only 0 of 1 turns took place"),
        ([turn("", "Hullo.", error_rate=1.0)], "turn 1 was not heard"),
        ([turn("with ninety six", "Hullo.", error_rate=0.8)], "turn 1 was not heard"),
        ([turn("what is your name", "", answer_ms=None)], "turn 1 was not answered"),
        ([turn("what is your name", "Hullo.", answer_ms=None)], "turn 1 was not answered"),
    ],
)
def test_a_turn_that_failed_fails_the_demo_and_is_named(turns: list[DemoTurn], says: str) -> None:
    outcome = result(turns)
    assert not outcome.ok
    assert says in render(outcome)


def test_the_page_of_a_telegram_call_shows_the_emoji_of_both_ends() -> None:
    end = side("telegram", EMOJI)
    page = render(msgspec.structs.replace(result([]), caller=end, agent=end))
    assert page.count("🏁 🌽 🍯 🐐") == 2
    assert "Telegram" in page
    assert "Telegram" not in render(result([]))


@pytest.mark.parametrize(
    ("caller", "agent", "says"),
    [
        (side("telegram", EMOJI), side("telegram", EMOJI), None),
        (side("telegram", EMOJI), side("telegram", EMOJI[::-1]), "differ"),
        (side("telegram", EMOJI), side("telegram"), "differ"),
        (side("telegram"), side("telegram"), "no key emoji"),
        (side(), side(), None),
    ],
)
def test_emoji_that_differ_fail_the_demo(caller: Side, agent: Side, says: str | None) -> None:
    problems = emoji_problems(caller.report, agent.report)
    assert (problems == []) if says is None else (says in problems[0])
