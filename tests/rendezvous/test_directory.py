"""A directory whose disk is full: one typed error, nothing half done, and it goes on when there is room."""

from pathlib import Path

import pytest

from hullo.rendezvous.directory import Directory
from hullo.rendezvous.store import StoreUnavailable
from hullo.rendezvous.wire import PublishedKeys

IDENTITY = bytes(range(32))


def keys(mark: int, count: int) -> PublishedKeys:
    """A signed prekey that can be recognised, and as many others."""
    return PublishedKeys(bytes([mark]) * 32, bytes(64), tuple(number.to_bytes(32, "big") for number in range(count)))


def fill(directory: Directory) -> None:
    """From now on the file can't grow."""
    directory._database.execute(f"PRAGMA max_page_count = {pages(directory)}")


def pages(directory: Directory) -> int:
    return int(directory._database.execute("PRAGMA page_count").fetchone()[0])


def test_keys_are_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "directory")
    directory.register("bob", "phone", IDENTITY)
    directory.publish("bob", "phone", keys(1, 3))
    fill(directory)
    with pytest.raises(StoreUnavailable, match="try again"):
        directory.publish("bob", "phone", keys(2, 200))
    assert directory.prekeys_left("bob", "phone") == 3
    bundle = directory.bundle("bob", "phone")
    assert bundle is not None
    assert bundle.keys.signed_prekey == bytes([1]) * 32
    directory._database.execute("PRAGMA max_page_count = 1000000")
    directory.publish("bob", "phone", keys(2, 200))
    assert directory.prekeys_left("bob", "phone") == 200
    directory.close()


def test_a_closed_directory_is_unavailable_and_no_more(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "directory")
    directory.close()
    with pytest.raises(StoreUnavailable):
        directory.identity("bob")
