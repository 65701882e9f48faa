"""The example for messengers of their own is run: both sides connect, hear each other and see the same emoji."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "own_messenger.py"


def test_the_example_calls_and_verifies() -> None:
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, timeout=60, check=True)
    emoji = re.findall(r"compare (.+)$", done.stdout, re.MULTILINE)
    assert len(emoji) == 2
    assert emoji[0] == emoji[1]
    hears = dict(re.findall(r"(\w+): hears (\d+) Hz", done.stdout))
    assert abs(int(hears["alice"]) - 1000) <= 4
    assert abs(int(hears["bob"]) - 440) <= 4
    assert "bob: the peer hung up" in done.stdout
