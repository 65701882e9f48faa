"""A program that dies between two writes to the disk, as one that gets a SIGKILL does: nothing is written after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Died(BaseException):
    """Nobody catches it, and nothing that is done on its way out reaches the disk."""


class Death:
    """Dies at the step of that number: before and after each file that is put in its place, or removed."""

    def __init__(self, at: int | None) -> None:
        self._at = at
        self._steps = 0
        self.died = False

    def step(self) -> None:
        self.died = self.died or self._steps == self._at
        self._steps += 1
        if self.died:
            raise Died


@contextmanager
def dying(at: int | None) -> Iterator[Death]:
    """Whoever writes until the end of the block dies there; with None nobody does."""
    death = Death(at)
    replace, unlink = Path.replace, Path.unlink

    def replaced(path: Path, target: Path) -> Path:
        death.step()
        there = replace(path, target)
        death.step()
        return there

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        death.step()
        unlink(path, missing_ok=missing_ok)
        death.step()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replaced)
        patch.setattr(Path, "unlink", unlinked)
        yield death
