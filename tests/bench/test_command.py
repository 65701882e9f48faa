"""The command `python -m bench` with real calls in a network of its own; for their form and not for their figures."""

import fcntl
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.effort import Effort
from bench.result import RESULTS

ROOT = Path(__file__).parents[2]


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=580, check=False)


def _measured(name: str, effort: Effort = Effort.REHEARSAL) -> dict[str, Any]:
    done = _bench(name, "--rehearse" if effort is Effort.REHEARSAL else "--quick", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    said: dict[str, Any] = json.loads(line)
    assert set(said) == {"name", "figures", "ratios", "machine"}
    assert said["name"] == name
    assert said["machine"]["effort"] == effort.value
    assert all(ratio > 0 for ratio in said["ratios"].values())
    return said


def test_a_question_that_nobody_knows_is_refused() -> None:
    done = _bench("throughput")
    assert done.returncode == 2
    assert "latency" in done.stderr


@pytest.mark.net
@pytest.mark.timeout(300)
def test_density_measures_twenty_calls_with_each_subject() -> None:
    said = _measured("density")
    assert "ours/aiortc" in said["ratios"]
    for subject in ("ours", "aiortc"):
        assert 0 < said["figures"][f"{subject}_cpu_s_per_s"] < 1
        assert said["figures"][f"{subject}_ticks_n"] > 1000
        assert 0 <= said["figures"][f"{subject}_packets_on_time_share"] <= 1
    assert "core" in said["machine"]["placement"]


@pytest.mark.net
@pytest.mark.timeout(300)
def test_crowded_measures_each_subject_beside_busy_programs() -> None:
    said = _measured("crowded")
    assert "ours/aiortc" in said["ratios"]
    for subject in ("ours", "aiortc"):
        assert 0 <= said["figures"][f"{subject}_packets_on_time_share"] <= 1
        assert said["figures"][f"{subject}_frames_heard_share"] > 0.5
        assert said["figures"][f"{subject}_core_share"] < 0.9  # the busy programs had the rest


@pytest.mark.peer
@pytest.mark.timeout(300)
def test_latency_measures_ours_aiortc_and_chromium() -> None:
    said = _measured("latency")
    assert "ours/aiortc" in said["ratios"]
    for subject in ("ours", "aiortc", "chromium"):
        assert 10 < said["figures"][f"{subject}_mouth_to_ear_ms"] < 850
        assert said["figures"][f"{subject}_mouth_to_ear_n"] > 20
    for trouble in ("one_lost_packet", "400_ms_stall"):
        assert said["figures"][f"ours_after_{trouble}_ms"] > 10
        assert said["figures"][f"aiortc_after_{trouble}_ms"] > 10


@pytest.mark.peer
@pytest.mark.timeout(300)
def test_telegram_measures_every_way_and_both_callers() -> None:
    said = _measured("telegram")
    assert said["ratios"]["connected/calls"] == 1
    assert said["machine"]["failures"] == []
    for who in ("we_call", "they_call", "ntgcalls"):
        for way in ("direct", "turn", "udp_reflector", "tcp_reflector", "alone_9.0.0", "alone_13.0.0"):
            assert said["figures"][f"{who}_{way}_connected_n"] == said["figures"][f"{who}_{way}_calls_n"] > 0


@pytest.mark.peer
@pytest.mark.timeout(300)
def test_telegram_media_measures_both_directions_and_the_cost() -> None:
    said = _measured("telegram_media")
    for subject in ("ours", "ntgcalls"):
        for direction in ("to", "from"):
            assert 10 < said["figures"][f"{subject}_mouth_to_ear_{direction}_ntgcalls_ms"] < 850
            assert said["figures"][f"{subject}_mouth_to_ear_{direction}_ntgcalls_n"] > 5
        assert 0 < said["figures"][f"{subject}_cpu_s_per_s"] < 1


def test_two_measurements_at_once_are_refused() -> None:
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = _bench("loss", "--quick")
    assert done.returncode == 1
    assert "another measurement is running" in done.stderr


@pytest.mark.peer
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("flite") is None, reason="scripts/bootstrap voices installs the callers' voices")
def test_turns_measures_the_default_beside_fixed_pauses() -> None:
    done = _bench("turns", "--rehearse", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert 100 < figures["overhead_p50_ms"] <= figures["overhead_p95_ms"]
    assert 0 <= figures["early_cut_share"] < 0.5
    for pause in (700, 1500):
        assert figures[f"fixed_{pause}_ms_overhead_p50_ms"] > pause


@pytest.mark.peer
@pytest.mark.timeout(580)
def test_interruption_measures_at_the_ear_of_the_person() -> None:
    figures = _measured("interruption")["figures"]
    assert figures["interruption_trials"] == 6
    assert figures["interruption_yielded_share"] > 0.5
    assert figures["small_sound_yielded_share"] < 0.5
    assert figures["echo_false_stop_share"] < 0.5
    assert 20 < figures["interruption_silent_p50_ms"] < 1000


@pytest.mark.peer
@pytest.mark.timeout(300)
def test_speaking_measures_streams_and_that_a_flush_is_total() -> None:
    figures = _measured("speaking")["figures"]
    for subject in ("flowing", "stalling"):
        assert figures[f"{subject}_first_audio_p50_ms"] > 0
        assert figures[f"{subject}_heard_after_flush_frames"] == 0


@pytest.mark.peer
def test_a_voice_message_is_measured_beside_ffmpeg() -> None:
    said = _measured("messages", Effort.QUICK)
    assert json.loads((RESULTS / "messages.json").read_text()) == said
    for subject in ("ours", "ffmpeg"):
        assert 15 < said["figures"][f"{subject}_kbit_per_s"] < 30
        assert said["figures"][f"{subject}_stoi"] > 0.9
    assert said["figures"]["ours_rss_growth_mb"] < 10
