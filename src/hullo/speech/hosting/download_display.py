"""How people see that a host is still downloading."""

import logging
import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from hullo.speech.events import HostLoading

log = logging.getLogger(__name__)


class DownloadDisplay:
    """Downloads as bars at a terminal, or as a line of the log for each tenth. Used as `with`."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr)
        self._progress: Progress | None = None
        self._bars: dict[str, TaskID] = {}
        self._logged: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def show(self, event: HostLoading) -> None:
        """How far a download is now."""
        if self._console.is_terminal:
            self._draw(event)
        else:
            self._log(event)

    def _draw(self, event: HostLoading) -> None:
        if self._progress is None:
            columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
            self._progress = Progress(*columns, console=self._console)
            self._progress.start()
        if event.what not in self._bars:
            self._bars[event.what] = self._progress.add_task(event.what, total=event.total or None)
        self._progress.update(self._bars[event.what], completed=event.done)

    def _log(self, event: HostLoading) -> None:
        tenth = 10 * event.done // event.total if event.total else 0
        if tenth > self._logged.get(event.what, -1):
            self._logged[event.what] = tenth
            log.warning("downloading %s: %d %% of %.1f MB", event.what, 10 * tenth, event.total / 1e6)
