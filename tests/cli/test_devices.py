"""`hullo devices` as a user types it, on devices that hear silence and play to nobody."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import daemon, run


@pytest.fixture(autouse=True)
def _nobody_elses_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HULLO__AUDIO__BACKEND", "null")


def test_devices_are_listed_for_people_and_programs() -> None:
    assert "NULL Capture Device" in run("devices", "list").stdout
    listed = json.loads(run("devices", "list", "--json").stdout)
    assert [device["name"] for device in listed["speakers"]] == ["NULL Playback Device"]
    assert listed["used"]["microphone"] == listed["microphones"][0]


def test_a_choice_is_kept_and_a_wrong_one_refused_in_one_line(tmp_path: Path) -> None:
    assert run("devices", "choose", "speaker", "playback").returncode == 0
    kept = json.loads((tmp_path / "state" / "hullo" / "audio.json").read_text())
    assert kept["speaker"]["name"] == "NULL Playback Device"
    wrong = run("devices", "choose", "speaker", "Headset")
    assert wrong.returncode == 1
    assert wrong.stderr.splitlines()[0] == "error: no speaker is called 'Headset'; there is 'NULL Playback Device'"


def test_a_microphone_and_a_speaker_are_tested() -> None:
    levels = run("devices", "test", "microphone", "--seconds", "0.5", "--json").stdout.splitlines()
    assert json.loads(levels[0]) == {"device": "NULL Capture Device", "level_dbfs": -96.3}
    assert "silence: is it muted" in run("devices", "test", "microphone", "--seconds", "0.5").stdout
    assert "a tone of 440 Hz on NULL Playback Device" in run("devices", "test", "speaker", "--seconds", "0.5").stdout


def test_a_daemon_that_runs_is_told_of_the_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with daemon(tmp_path) as (socket, _):
        monkeypatch.setenv("HULLO__RPC__SOCKET", str(socket))
        refused = run("devices", "choose", "speaker", "Headset")
        assert (refused.returncode, "no speaker is called 'Headset'" in refused.stderr) == (1, True)
        assert run("devices", "choose", "speaker", "playback").returncode == 0
