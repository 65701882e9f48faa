"""What this process has used so far."""

import resource
import time
from pathlib import Path


def usage() -> dict[str, float]:
    """Seconds of processor time (user and system, all threads), resident memory in bytes, and the monotonic time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "at": time.monotonic(),
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss_bytes": pages * resource.getpagesize(),
    }
