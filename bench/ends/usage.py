"""What this process has used so far."""

import os
import resource
import time
from pathlib import Path


def usage() -> dict[str, float]:
    """Seconds of processor time (user and system, all threads), resident bytes, niceness, and the monotonic time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "at": time.monotonic(),
        "cpu_s": used.ru_utime + used.ru_stime,
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "rss_bytes": pages * resource.getpagesize(),
    }
