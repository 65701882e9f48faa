"""What the kernel says of a process that has given way."""

import json
import platform
import subprocess
import sys

import pytest

_GIVEN_WAY = """
import ctypes, json, os, struct
from hullo.speech.hosting.priority import give_way

SESSION = "/proc/self/autogroup"
before = os.getpriority(os.PRIO_PROCESS, 0)
give_way(5)
attributes = ctypes.create_string_buffer(48)
known = ctypes.CDLL(None).syscall({"x86_64": 315, "aarch64": 275}[os.uname().machine], 0, attributes, 48, 0) == 0
_, policy, _, niceness, _, slice_ns, _, _ = struct.unpack("=IIQiIQQQ", attributes)
print(json.dumps({
    "lower": os.getpriority(os.PRIO_PROCESS, 0) - before,
    "session": open(SESSION).read().split()[-1] if os.path.exists(SESSION) else "5",
    "known": known, "other": policy == os.SCHED_OTHER, "niceness": niceness - before, "slice_ms": slice_ns / 1e6,
}))
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="sched_getattr(2) is a call of Linux")
def test_a_host_has_lower_priority_and_long_slices() -> None:
    found = json.loads(
        subprocess.run(
            [sys.executable, "-c", _GIVEN_WAY],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            start_new_session=True,
        ).stdout
    )
    assert found["lower"] == 5
    assert found["session"] == "5"
    assert found["known"]
    assert found["other"]
    assert found["niceness"] == 5
    assert found["slice_ms"] in (20.0, 0.0)  # 0: a kernel before 6.12, which takes no wishes
