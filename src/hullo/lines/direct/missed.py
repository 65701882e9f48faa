"""The calls that nobody took, kept for when their person looks."""

import logging
from collections import deque
from collections.abc import Iterator
from typing import Protocol

import msgspec

from hullo.lines.direct.actions import MissedCall

logger = logging.getLogger(__name__)

MAX_MISSED = 100

_FILE = "missed"


class Store(Protocol):
    """Keeps a file, such as a `hullo.lines.direct.private.vault.Vault`."""

    def read(self, name: str) -> bytes | None:
        """A file's content; None if there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Replace a file. Raises `OSError`."""


class MissedCalls:
    """The last `MAX_MISSED`, in `store` or, with None, until this process ends. The latest comes last."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._calls: deque[MissedCall] = deque(_read(store), maxlen=MAX_MISSED)

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[MissedCall]:
        return iter(self._calls)

    def __getitem__(self, index: int) -> MissedCall:
        return self._calls[index]

    def append(self, call: MissedCall) -> None:
        """Keep a call; the oldest goes when there are too many."""
        self._calls.append(call)
        self._save()

    def clear(self) -> None:
        """Their person has seen them."""
        self._calls.clear()
        self._save()

    def _save(self) -> None:
        if self._store is None:
            return
        try:
            self._store.write(_FILE, msgspec.msgpack.encode(list(self._calls)))
        except OSError as error:
            logger.warning("the missed calls can't be written: %s", error.strerror or error)


def _read(store: Store | None) -> list[MissedCall]:
    data = None if store is None else store.read(_FILE)
    try:
        return [] if data is None else msgspec.msgpack.decode(data, type=list[MissedCall])
    except (msgspec.ValidationError, msgspec.DecodeError):
        logger.warning("the missed calls are of another version of this program; beginning anew")
        return []
