"""The form that every measurement has: figures, ratios of figures measured in the same run, and the machine."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from bench.machine import machine

RESULTS = Path(__file__).parent / "results"

OURS = "ours"


@dataclass(frozen=True)
class Target:
    """What a ratio or figure must be: at most `most`, or at least `least`."""

    name: str
    most: float | None = None
    least: float | None = None

    def is_met(self, value: float) -> bool:
        """Whether `value` is on the right side."""
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def __str__(self) -> str:
        return f"<= {self.most:g}" if self.most is not None else f">= {self.least:g}"


@dataclass
class Result:
    """The answer to one question.

    `measured` has the figures of every subject under names with a unit (`mouth_to_ear_ms`); ratios are ours by
    theirs, below 1 when ours is better. `conditions` is what must be known of the run besides the machine.
    """

    name: str
    question: str
    measured: Mapping[str, Mapping[str, float]]
    ratios: Mapping[str, float]
    targets: Sequence[Target] = ()
    conditions: Mapping[str, object] = field(default_factory=dict)
    groups: Sequence[str] = ()
    """Where there are many figures of the same kind: what their names begin with, a section of the table each."""
    headline: Sequence[str] = ()
    """Figures of ours that are known by their bare names, too."""

    def as_json(self) -> dict[str, object]:
        """The form that programs read."""
        return {
            "name": self.name,
            "figures": self.figures(),
            "ratios": {name: round(value, 4) for name, value in self.ratios.items()},
            "machine": {**machine(), **self.conditions},
        }

    def figures(self) -> dict[str, float]:
        """All figures, with their subject in front of the name, after those of the headline."""
        found = {
            f"{subject}_{name}": round(value, 5)
            for subject, figures in self.measured.items()
            for name, value in figures.items()
        }
        return {name: found[f"{OURS}_{name}"] for name in self.headline} | found

    def write(self) -> Path:
        """Keep the JSON form under `bench/results`; the path of the file."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n")
        return path

    def print_table(self, console: Console) -> None:
        """The form that people read."""
        console.print(self.question, style="bold")
        console.print(self._grouped_table() if self.groups else self._table())
        self._print_ratios(console)
        for key, value in self.conditions.items():
            console.print(f"  {key}: {value}", style="dim", highlight=False)

    def _table(self) -> Table:
        table = Table("", *(Column(subject, justify="right") for subject in self.measured))
        for name in self._names():
            table.add_row(name, *(_cell(figures.get(name)) for figures in self.measured.values()))
        return table

    def _grouped_table(self) -> Table:
        kinds = [name.removeprefix(f"{self.groups[0]}_") for name in self._names() if name.startswith(self.groups[0])]
        table = Table(Column("", no_wrap=True), "", *(Column(kind, justify="right", overflow="fold") for kind in kinds))
        for group in self.groups:
            for subject, figures in self.measured.items():
                table.add_row(group, subject, *(_cell(figures.get(f"{group}_{kind}")) for kind in kinds))
            table.add_section()
        return table

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for figures in self.measured.values() for name in figures))

    def _print_ratios(self, console: Console) -> None:
        targets = {target.name: target for target in self.targets}
        for name, value in {**self.figures(), **self.ratios}.items():
            target = targets.get(name)
            if target is not None:
                verdict = "[green]met[/]" if target.is_met(value) else "[red]missed[/]"
                console.print(f"  {name} = {value:.4g}, target {target}: {verdict}", highlight=False)
            elif name in self.ratios:
                console.print(f"  {name} = {value:.4g}", highlight=False)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of `values` stay at or below. Raises `ValueError` when there are none."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value. Raises `ValueError` when there are none."""
    if not values:
        raise ValueError("nothing was measured")
    return statistics.median(values)
