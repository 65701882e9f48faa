"""Hosts give way to the process that keeps the calls' clock, when both want the same core."""

import logging
import os
from contextlib import suppress
from pathlib import Path

LEAST, MOST = 0, 19
_SESSION = Path("/proc/self/autogroup")

log = logging.getLogger(__name__)


def give_way(nice: int) -> None:
    """Lower the priority of this process, which leads a session of its own, to niceness `nice` (0 to 19).

    Linux shares the cores among sessions first, and niceness counts only within one (sched(7), autogroup); so the
    session gets the same.
    """
    if nice <= LEAST:
        return
    try:
        os.nice(nice)
    except OSError as error:  # a sandbox may forbid the call; engines work without it
        log.warning("The priority could not be lowered: %s", error)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # no Linux, or one without automatic groups
            _SESSION.write_text(str(nice))
