"""How commands print: events as lines for people or as JSON, results as tables, errors as one clear line."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from hullo.call.report import CallReport
    from hullo.lines.line import CandidatePair

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(message: str, hint: str = "") -> NoReturn:
    """Say what went wrong and what to do, and end with status 1."""
    complain(message)
    if hint:
        err.print(f"  [dim]{plain(hint)}[/dim]", soft_wrap=True)
    raise typer.Exit(1)


def give_up(error: Exception) -> NoReturn:
    """Say what an error says, with its `hint` if it has one, and end with status 1."""
    fail(in_words(error), getattr(error, "hint", ""))


def in_words(error: Exception) -> str:
    """What an error says; one of the system without its number."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror.lower()}"


def complain(message: str) -> None:
    """Say what went wrong."""
    err.print(f"[red]error:[/red] {plain(message)}", soft_wrap=True)


def json_line(value: Any) -> None:
    """Print one JSON object on a line of its own."""
    sys.stdout.buffer.write(msgspec.json.encode(value, enc_hook=os.fspath) + b"\n")
    sys.stdout.buffer.flush()


def event_line(name: str, fields: dict[str, Any]) -> str:
    """An event as one line for people."""
    match name:
        case "call.speech":
            text = f"[cyan]they:[/cyan] {plain(fields['text'])}"
        case "call.speaking":
            text = f"[yellow]we:[/yellow]   {plain(fields['text'])} [dim](after {fields['first_audio_ms']} ms)[/dim]"
        case "call.interrupted":
            text = f"[yellow]cut:[/yellow]  heard up to “{plain(fields['heard_text'])}”"
        case "call.resumed":
            text = f"[dim]{name} after {fields['paused_ms']} ms, behind “{plain(fields['heard_text'])}”[/dim]"
        case "call.incoming" | "call.ringing":
            text = f"{name} [bold]{plain(fields['peer'])}[/bold] on line {fields['line']}"
        case "call.connected":
            text = f"{name} in {fields['setup_ms']} ms{_emoji(fields['emoji'])}"
        case "call.peer_muted":
            text = f"[dim]{name}[/dim] {'they muted themselves' if fields['muted'] else 'they can be heard again'}"
        case "call.quality":
            text = f"[dim]{name} {_quality(fields['stats'])}[/dim]"
        case "call.error":
            text = f"[red]{name}[/red] {plain(fields['component'])}: {plain(fields['error'])}"
        case "line.notice":
            return f"[red]{name}[/red] {plain(fields['line'])}, {plain(fields['kind'])}: {plain(fields['detail'])}"
        case "call.ended":
            text = f"{name} [bold]{fields['reason']}[/bold] {plain(fields['detail'])}, {fields['duration']:.1f} s"
        case _:
            text = f"[dim]{name}[/dim]"
    return f"[dim]{fields['call_id'][:6]}[/dim] {text}"


def _emoji(emoji: Sequence[str] | None) -> str:
    return f", compare {plain(' '.join(emoji))} with them" if emoji else ""


def _quality(stats: dict[str, Any]) -> str:
    round_trip = stats.get("round_trip_ms")
    parts = [
        f"lost {stats['packets_lost']}",
        f"concealed {stats['concealed_ms']:.0f} ms",
        f"jitter {stats['jitter_ms']:.1f} ms",
        f"buffer {stats['buffer_ms']:.0f} ms",
    ]
    return ", ".join(parts if round_trip is None else [*parts, f"round trip {round_trip:.0f} ms"])


def report_table(report: "CallReport") -> Table:
    """A call's report for people."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("ended", f"{report.ending.reason}: {plain(report.ending.detail)}")
    table.add_row("duration", f"{report.duration:.1f} s")
    table.add_row("call", _stages(report.stages))
    leg = report.leg
    if leg.stages:
        table.add_row("set-up", _stages(leg.stages))
    if leg.stage is not None:
        table.add_row("ended during", leg.stage)
    if leg.emoji is not None:
        table.add_row("key emoji", plain(" ".join(leg.emoji)))
    stats = report.stats
    table.add_row("sound", f"{stats.packets_received} packets, {_quality(msgspec.to_builtins(stats))}")
    if leg.chosen is not None:
        table.add_row("path", f"{_pair(leg.chosen)}, proven by {leg.proof}")
    elif leg.pairs:
        table.add_row("paths tried", ", ".join(f"{_pair(pair)}: {pair.outcome}" for pair in leg.pairs))
    for recording in report.recordings:
        table.add_row("recording", plain(recording.path))
    for error in report.errors:
        table.add_row("[red]error[/red]", plain(error))
    return table


def _pair(pair: "CandidatePair") -> str:
    return f"{pair.local} to {pair.remote} over {pair.protocol}"


def _stages(stages: dict[str, float]) -> str:
    return ", ".join(f"{name} {at * 1000:.0f} ms" for name, at in stages.items())


def plain(text: str) -> str:
    """Text of others, so that it can't be taken for markup or move the cursor."""
    return "".join(character if character.isprintable() else "�" for character in text).replace("[", r"\[")
