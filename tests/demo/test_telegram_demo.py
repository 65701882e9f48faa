"""The demo's Telegram call, as a user runs it: five processes, and a Telegram on loopback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-W", "ignore", "-m", "hullo", "demo", "--telegram", "--gateway", "python", "--json"]


@pytest.mark.peer
def test_an_agent_is_called_over_telegram_and_answers(tmp_path: Path) -> None:
    ran = subprocess.run([*COMMAND, "--out", str(tmp_path)], capture_output=True, text=True, timeout=110, check=False)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    result = json.loads(ran.stdout)
    assert result["problems"] == []
    assert [bool(turn["understood"] and turn["answer"]) for turn in result["turns"]] == [True] * 3
    caller, agent = (result[end]["report"] for end in ("caller", "agent"))
    assert (caller["line"], caller["peer"], agent["peer"]) == ("telegram", "@hullo", "@anna")
    assert len(caller["leg"]["emoji"]) == 4
    assert caller["leg"]["emoji"] == agent["leg"]["emoji"]
    assert " ".join(agent["leg"]["emoji"]) in (tmp_path / "report.html").read_text()
