"""`hullo demo`: a real, measured call between a caller, the daemon and a gateway."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from hullo.cli.show import fail, json_line, out
from hullo.demo.measure import Spread
from hullo.demo.page import render
from hullo.demo.result import DemoResult, DemoTurn
from hullo.demo.run import DemoError, run_demo

_COLOURS = {"caller": "cyan", "agent": "yellow", "error": "red"}


def demo(
    say: Annotated[
        list[Path] | None, typer.Option(help="a sound file for the caller to say; may be given several times")
    ] = None,
    gateway: Annotated[str | None, typer.Option(help="node or python; Node.js if it is installed")] = None,
    telegram: Annotated[
        bool, typer.Option("--telegram", help="a Telegram call, over a Telegram of our own on loopback")
    ] = False,
    folder: Annotated[Path, typer.Option("--out", help="where to write report.html and report.json")] = Path("demo"),
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Place a real call to a daemon of our own, have a gateway answer, and show what happened and how fast."""
    if gateway not in (None, "node", "python"):
        fail(f"there is no gateway {gateway!r}", "use --gateway node or --gateway python")
    for file in say or []:
        if not file.is_file():
            fail(f"{file} is not there", "name a sound file that ffmpeg can read")
    try:
        tell = _ignore if as_json else _show
        result = asyncio.run(run_demo(say or [], gateway, tell, folder, telegram=telegram))
    except DemoError as error:
        fail(str(error), f"hullo doctor tells what is missing; the logs are in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    page.write_text(render(result), encoding="utf-8")
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    if as_json:
        json_line(result)
    else:
        _print_result(result, page)
    if not result.ok:
        raise typer.Exit(1)


def _show(who: str, what: str) -> None:
    colour = _COLOURS.get(who, "dim")
    out.print(f"[{colour}]{who:>7}[/{colour}]  {what}", markup=True)


def _ignore(who: str, what: str) -> None:
    """Says nothing: the result is all that is wanted."""


def _print_result(result: DemoResult, page: Path) -> None:
    out.print()
    out.print(_turn_table(result.turns))
    out.print()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("set-up, dialing to proven audio", f"{result.setup_ms} ms")
    table.add_row("mouth to ear, caller to agent", _spread(result.caller_to_agent))
    table.add_row("mouth to ear, agent to caller", _spread(result.agent_to_caller))
    for name, side in (("caller", result.caller), ("agent", result.agent)):
        stats = side.report.stats
        table.add_row(
            f"sound at the {name}",
            f"{stats.packets_received} packets, {stats.packets_lost} lost, {stats.concealed_ms:.0f} ms concealed",
        )
        if side.report.leg.emoji:
            table.add_row(f"key emoji at the {name}", " ".join(side.report.leg.emoji))
        table.add_row(f"processor of the {name}", f"{side.cpu_ms_per_s / 10:.1f} % of a core")
    out.print(table)
    out.print(f"\nreport: {page}")
    for problem in result.problems:
        out.print(f"[red]{problem}[/red]", markup=True)
    out.print("demo: ok" if result.ok else f"demo: failed; the logs of the processes are in {page.parent}")


def _turn_table(turns: list[DemoTurn]) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in ("turn", "understood"):
        table.add_column(head)
    for head in ("answer", "= pause", "+ recognition", "+ gateway", "+ voice", "+ call"):
        table.add_column(head, justify="right")
    for number, turn in enumerate(turns, 1):
        table.add_row(str(number), turn.understood or "[red]not understood[/red]", *_answer_columns(turn))
    table.caption = "answer: ms from the caller's last sound to the agent's first, at the caller's ear"
    return table


def _answer_columns(turn: DemoTurn) -> list[str]:
    if turn.answer_ms is None:
        return ["[red]none[/red]", *[""] * 5]
    times = turn.times
    if times is None or times.answer_ms is None or times.gateway_ms is None or times.first_audio_ms is None:
        return [f"{turn.answer_ms:.0f}", *[""] * 5]
    parts = (times.end_of_speech_ms, times.recognition_ms, times.gateway_ms, times.first_audio_ms)
    return [f"{turn.answer_ms:.0f}", *map(str, parts), f"{turn.answer_ms - sum(parts):.0f}"]


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "not measured"
    return f"{spread.median:.0f} ms ({spread.low:.0f} to {spread.high:.0f}, n = {spread.count})"
