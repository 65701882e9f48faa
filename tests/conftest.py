"""What all tests share: how much hypothesis tries, and how failures are told.

`make fuzz` tries more, and something new each time.
"""

import os
import re

import pytest
from hypothesis import settings

settings.register_profile("quick", derandomize=True, deadline=None, database=None)
settings.register_profile("fuzz", max_examples=1000, deadline=None, print_blob=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_TOLD, _LINES = 20, 6
_ERROR = re.compile(r"[ |]*(?:E +|(?=[\w.]*(?:Error|Exception|Failed|Warning|Timeout)\b))(?!\S*ExceptionGroup)(\S.*)")
"""A line that pytest marks as the error, or in the traceback of an exception group one that names an exception."""


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The errors once more in a few lines each, for who sees only the end of a long log."""
    failed = [report for outcome in ("failed", "error") for report in terminalreporter.stats.get(outcome, ())]
    if not failed:
        return
    terminalreporter.section("what failed")
    for report in failed[:_TOLD]:
        errors = [found[1][:300] for line in report.longreprtext.splitlines() if (found := _ERROR.match(line))]
        terminalreporter.write_line(f"{report.nodeid} ({report.when})")
        for error in errors[-_LINES:]:
            terminalreporter.write_line(f"    {error}")
    if len(failed) > _TOLD:
        terminalreporter.write_line(f"and {len(failed) - _TOLD} more")
