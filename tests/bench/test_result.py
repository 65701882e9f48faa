"""The form of a result, which programs rely on."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench import result
from bench.result import Result, Target, median, quantile


def _result(**changes: object) -> Result:
    fields: dict[str, object] = {
        "name": "latency",
        "question": "How late?",
        "measured": {"ours": {"mouth_to_ear_ms": 40.0, "lan_share": 1.0}, "aiortc": {"mouth_to_ear_ms": 100.0}},
        "ratios": {"ours/aiortc": 0.4},
        "targets": [Target("ours/aiortc", most=0.5)],
        "conditions": {"calls": "two"},
    }
    return Result(**{**fields, **changes})  # type: ignore[arg-type]


def _printed(shown: Result) -> str:
    console = Console(file=io.StringIO(), width=120)
    shown.print_table(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_programs_get_figures_with_subject_and_unit_ratios_and_the_machine() -> None:
    said = json.loads(json.dumps(_result().as_json()))
    assert set(said) == {"name", "figures", "ratios", "machine"}
    assert said["name"] == "latency"
    assert said["figures"] == {"ours_mouth_to_ear_ms": 40.0, "ours_lan_share": 1.0, "aiortc_mouth_to_ear_ms": 100.0}
    assert said["ratios"] == {"ours/aiortc": 0.4}
    assert {"cpu", "cores", "python", "versions", "calls"} <= set(said["machine"])
    assert "aiortc" in said["machine"]["versions"]


def test_it_is_written_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "RESULTS", tmp_path / "results")
    path = _result().write()
    assert path == tmp_path / "results" / "latency.json"
    assert json.loads(path.read_text())["ratios"] == {"ours/aiortc": 0.4}


def test_people_see_whether_the_target_is_met() -> None:
    assert "ours/aiortc = 0.4, target <= 0.5: met" in _printed(_result())
    assert "ours/aiortc = 0.6, target <= 0.5: missed" in _printed(_result(ratios={"ours/aiortc": 0.6}))
    share = [Target("ours_lan_share", least=0.999)]
    assert "ours_lan_share = 1, target >= 0.999: met" in _printed(_result(targets=share))


def test_many_figures_of_a_kind_become_a_section_for_each_group() -> None:
    measured = {
        "ours": {"lan_ms": 1.0, "lan_share": 0.5, "wifi_ms": 2.0, "wifi_share": 0.25},
        "aiortc": {"lan_ms": 3.0, "lan_share": 0.125, "wifi_ms": 4.0, "wifi_share": 0.75},
    }
    lines = _printed(_result(measured=measured, targets=[], groups=["lan", "wifi"])).splitlines()
    rows = [line.replace("│", " ").split() for line in lines]
    assert ["lan", "ours", "1", "0.5"] in rows
    assert ["lan", "aiortc", "3", "0.125"] in rows
    assert ["wifi", "ours", "2", "0.25"] in rows
    assert ["wifi", "aiortc", "4", "0.75"] in rows


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert quantile(values, 0.95) == 96.0
    assert quantile(values, 1.0) == 100.0
    assert median(values) == 50.5


@pytest.mark.parametrize("summary", [median, lambda values: quantile(values, 0.5)])
def test_nothing_measured_is_no_figure(summary: object) -> None:
    assert callable(summary)
    with pytest.raises(ValueError, match="nothing was measured"):
        summary([])
