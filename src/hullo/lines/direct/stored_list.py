"""A list that outlives the process, where there is a place to keep it."""

import logging
from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import msgspec

logger = logging.getLogger(__name__)

EntryT = TypeVar("EntryT", bound=msgspec.Struct)


class Store(Protocol):
    """Keeps a file, such as a `hullo.lines.direct.private.vault.Vault`."""

    def read(self, name: str) -> bytes | None:
        """A file's content; None if there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Replace a file. Raises `OSError`."""


class StoredList(Generic[EntryT]):
    """The last `limit` entries, the latest last: in file `name` of `store`, or with None until this process ends.

    A disk that refuses them is a warning; they are kept in memory then. `what` names them for people.
    """

    def __init__(self, store: Store | None, name: str, kind: type[EntryT], limit: int, what: str) -> None:
        self._store = store
        self._name = name
        self._what = what
        self._entries: deque[EntryT] = deque(self._read(kind), maxlen=limit)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[EntryT]:
        return iter(self._entries)

    def __getitem__(self, index: int) -> EntryT:
        return self._entries[index]

    def append(self, entry: EntryT) -> None:
        """Keep one more; the oldest goes when there are too many."""
        self._entries.append(entry)
        self._save()

    def clear(self) -> None:
        """Forget all of them."""
        self._entries.clear()
        self._save()

    def _read(self, kind: type[EntryT]) -> list[EntryT]:
        data = None if self._store is None else self._store.read(self._name)
        try:
            return [] if data is None else msgspec.msgpack.decode(data, type=list[kind])  # type: ignore[valid-type]
        except (msgspec.ValidationError, msgspec.DecodeError):
            logger.warning("%s are of another version of this program; beginning anew", self._what)
            return []

    def _save(self) -> None:
        if self._store is None:
            return
        try:
            self._store.write(self._name, msgspec.msgpack.encode(list(self._entries)))
        except OSError as error:
            logger.warning("%s can't be written: %s", self._what, error.strerror or error)
