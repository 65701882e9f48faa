"""Processes under test never outlive whoever measures them."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.speech.support import eventually

ROOT = Path(__file__).parents[2]

CHILD = """
import time
from bench.ends.parent import options, tell
tell(given=options())
time.sleep(60)
"""
OWNER = """
import json, os, subprocess, sys
given = json.dumps({"core": None, "first": False, "parent": os.getpid() + int(sys.argv[2])})
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], given], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
said = child.stdout.readline()
print(child.pid, said.decode().strip() or child.wait(), flush=True)
child.wait()
"""


def owner(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", OWNER, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="parents are watched by prctl(2)")
async def test_when_the_benchmark_is_killed_its_children_go_with_it() -> None:
    with owner(CHILD, "0") as parent:
        assert parent.stdout is not None
        pid, said = (await asyncio.to_thread(parent.stdout.readline)).split(maxsplit=1)
        assert said == '{"given": {}}\n'
        running = psutil.Process(int(pid))
        parent.send_signal(signal.SIGKILL)
    await eventually(lambda: not running.is_running() or running.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.skipif(sys.platform != "linux", reason="parents are watched by prctl(2)")
def test_a_child_whose_parent_was_killed_before_it_looked_does_not_begin() -> None:
    with owner(CHILD, "1") as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().split()[1] == "1"
