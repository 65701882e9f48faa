"""What all tests share: how much hypothesis tries, what begins first, and how failures are told.

`make fuzz` tries more, and something new each time.
"""

import os
import re

import pytest
from hypothesis import settings

settings.register_profile("quick", derandomize=True, deadline=None, database=None)
settings.register_profile("fuzz", max_examples=1000, deadline=None, print_blob=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_LONG = (
    "tests/bench/test_command.py",
    "tests/soak/test_message_microphone.py",
    "tests/soak/test_telegram_calls.py",
    "tests/audio/devices/test_clock_matcher.py",  # each worker takes two at once: this short one with the microphone's
    "tests/soak/test_twenty_calls.py",
    "tests/soak/test_thousand_calls.py",
    "tests/situations/test_engines.py",
    "tests/situations/test_telegram_faults.py",
    "tests/peers/test_phone_agent.py",
    "tests/web/test_browser_phone.py",
)
"""The files that take minutes. They begin first, so that at the end nobody waits for the last of them alone."""

_TOLD, _LINES = 20, 6
_ERROR = re.compile(r"[ |]*(?:E +|(?=[\w.]*(?:Error|Exception|Failed|Warning|Timeout)\b))(?!\S*ExceptionGroup)(\S.*)")
"""A line that pytest marks as the error, or in the traceback of an exception group one that names an exception."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, in the order above."""
    items.sort(key=lambda item: _LONG.index(name) if (name := item.nodeid.partition("::")[0]) in _LONG else len(_LONG))


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
