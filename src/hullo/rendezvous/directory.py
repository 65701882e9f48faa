"""Who is registered: names, identity keys, devices and their public prekeys, in one SQLite file."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from hullo.rendezvous.store import NotYours, StoreUnavailable
from hullo.rendezvous.succession import MAX_SUCCESSIONS
from hullo.rendezvous.wire import MAX_DEVICES, Bundle, PublishedKeys, Succession

logger = logging.getLogger(__name__)

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL; -- a power cut may cost the last seconds; devices register again
CREATE TABLE IF NOT EXISTS people (person TEXT PRIMARY KEY, identity BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (
    person TEXT NOT NULL, device TEXT NOT NULL, keys BLOB, PRIMARY KEY (person, device)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prekeys (
    person TEXT NOT NULL, device TEXT NOT NULL, prekey BLOB NOT NULL, PRIMARY KEY (person, device, prekey)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS successions (
    person TEXT NOT NULL, number INTEGER NOT NULL, step BLOB NOT NULL, PRIMARY KEY (person, number)
) WITHOUT ROWID;
"""


class Directory:
    """Public keys only. `path` None keeps them in memory. Raises `OSError` when the file can't be used.

    What is changed is changed whole or not at all; all methods raise `StoreUnavailable` when the disk refuses.
    """

    def __init__(self, path: Path | None = None) -> None:
        try:
            self._database = sqlite3.connect(path or ":memory:", isolation_level=None)
            self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise OSError(f"{path} can't be used as the directory: {error}") from None

    def register(self, person: str, device: str, identity: bytes) -> None:
        """A device has shown that it has this key. The first one binds the name. Raises `NotYours`."""
        with self._step() as step:
            bound = _identity(step, person)
            if bound is None:
                step.execute("INSERT INTO people VALUES (?, ?)", (person, identity))
            elif bound != identity:
                raise NotYours(f"the name {person} belongs to another key: choose another name")
            devices = _devices(step, person)
            if device not in devices:
                if len(devices) >= MAX_DEVICES:
                    raise NotYours(f"{person} has {MAX_DEVICES} devices, the most allowed")
                step.execute("INSERT INTO devices VALUES (?, ?, NULL)", (person, device))

    def identity(self, person: str) -> bytes | None:
        """The key that a name is bound to."""
        with self._step() as step:
            return _identity(step, person)

    def devices(self, person: str) -> tuple[str, ...]:
        """All devices of a person."""
        with self._step() as step:
            return _devices(step, person)

    def succeed(self, person: str, succession: Succession) -> tuple[str, ...]:
        """See `hullo.rendezvous.store.Store.succeed`."""
        number, encoded = succession.number, msgspec.msgpack.encode(succession)
        with self._step() as step:
            if _identity(step, person) != succession.old:
                raise NotYours(f"the name {person} belongs to another key")
            gone = tuple(each for each in _devices(step, person) if each != succession.by)
            step.execute("UPDATE people SET identity = ? WHERE person = ?", (succession.new, person))
            step.execute("UPDATE devices SET keys = NULL WHERE person = ?", (person,))
            step.execute("DELETE FROM prekeys WHERE person = ?", (person,))
            step.executemany("DELETE FROM devices WHERE person = ? AND device = ?", [(person, each) for each in gone])
            step.execute("DELETE FROM successions WHERE person = ? AND number <= ?", (person, number - MAX_SUCCESSIONS))
            step.execute("INSERT INTO successions VALUES (?, ?, ?)", (person, number, encoded))
        return gone

    def successions(self, person: str) -> tuple[Succession, ...]:
        """How the name came from key to key, in order."""
        query = "SELECT step FROM successions WHERE person = ? ORDER BY number"
        with self._step() as step:
            rows = step.execute(query, (person,)).fetchall()
        return tuple(msgspec.msgpack.decode(row[0], type=Succession) for row in rows)

    def publish(self, person: str, device: str, keys: PublishedKeys) -> None:
        """Replace a device's prekeys."""
        signed = msgspec.msgpack.encode(msgspec.structs.replace(keys, prekeys=()))
        rows = [(person, device, prekey) for prekey in set(keys.prekeys)]
        with self._step() as step:
            step.execute("UPDATE devices SET keys = ? WHERE person = ? AND device = ?", (signed, person, device))
            step.execute("DELETE FROM prekeys WHERE person = ? AND device = ?", (person, device))
            step.executemany("INSERT INTO prekeys VALUES (?, ?, ?)", rows)

    def bundle(self, person: str, device: str) -> Bundle | None:
        """A device's keys, with a prekey that nobody else is given; None before it has published any."""
        with self._step() as step:
            row = step.execute(
                "SELECT keys, identity FROM devices JOIN people USING (person) WHERE person = ? AND device = ?",
                (person, device),
            ).fetchone()
            if row is None or row[0] is None:
                return None
            keys = msgspec.msgpack.decode(row[0], type=PublishedKeys)
            return Bundle(device, row[1], keys, _spend(step, person, device))

    def prekeys_left(self, person: str, device: str) -> int:
        """How many prekeys of a device were not given out."""
        query = "SELECT count(*) FROM prekeys WHERE person = ? AND device = ?"
        with self._step() as step:
            return int(step.execute(query, (person, device)).fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _step(self) -> Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN")
            with self._database:  # commits, or rolls back
                yield self._database
        except sqlite3.Error as error:
            logger.error("the directory of the rendezvous can't be used: %s", error)
            raise StoreUnavailable("the rendezvous can't use its directory; try again in a moment") from error


def _identity(step: sqlite3.Connection, person: str) -> bytes | None:
    row = step.execute("SELECT identity FROM people WHERE person = ?", (person,)).fetchone()
    return None if row is None else row[0]


def _devices(step: sqlite3.Connection, person: str) -> tuple[str, ...]:
    rows = step.execute("SELECT device FROM devices WHERE person = ? ORDER BY device", (person,))
    return tuple(row[0] for row in rows)


def _spend(step: sqlite3.Connection, person: str, device: str) -> bytes | None:
    found = (person, device)
    row = step.execute("SELECT prekey FROM prekeys WHERE person = ? AND device = ? LIMIT 1", found).fetchone()
    if row is None:
        return None
    step.execute("DELETE FROM prekeys WHERE person = ? AND device = ? AND prekey = ?", (*found, row[0]))
    return bytes(row[0])
