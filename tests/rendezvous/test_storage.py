"""Sealed files on the rendezvous's disk: quota, expiry, tickets, and what the disk tells."""

import time
from pathlib import Path

import pytest

from hullo.rendezvous.files import parse_offset
from hullo.rendezvous.storage import (
    DAY,
    Storage,
    StorageLimits,
    StorageRefused,
    UnknownFile,
    WrongOffset,
)

LIMITS = StorageLimits(file=1000, device=2000, total=3000, keep=14 * DAY, unfinished=DAY)


class Wall:
    """Unix time that a test moves."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def storage(tmp_path: Path, wall: Wall) -> Storage:
    return Storage(tmp_path, LIMITS, wall=wall)


def stored(storage: Storage, person: str, data: bytes) -> str:
    """The id of a file that is whole."""
    room = storage.reserve(person, "phone", len(data))
    storage.append(storage.find(room.file), 0, data)
    return room.file


def test_a_file_comes_in_pieces_and_only_in_order(storage: Storage) -> None:
    room = storage.reserve("alice", "phone", 10)
    file = storage.find(room.file)
    assert storage.append(file, 0, b"sealed") == 6
    assert not file.is_whole
    for wrong in (0, 5, 7, 10):
        with pytest.raises(WrongOffset) as refused:
            storage.append(file, wrong, b"x")
        assert refused.value.received == 6
    with pytest.raises(StorageRefused, match="reserved for 10"):
        storage.append(file, 6, b"12345")
    assert storage.append(file, 6, b"1234") == 10
    assert file.is_whole
    assert file.path.read_bytes() == b"sealed1234"


def test_only_the_ticket_of_a_file_writes_it(storage: Storage, tmp_path: Path) -> None:
    one, other = storage.reserve("alice", "phone", 10), storage.reserve("alice", "phone", 10)
    assert storage.may_write(one.file, one.ticket)
    assert not storage.may_write(one.file, other.ticket)
    assert not storage.may_write(one.file, "ü")
    assert Storage(tmp_path, LIMITS).may_write(one.file, one.ticket)  # another node, or this one started again


def test_each_device_and_all_of_them_have_a_quota(storage: Storage) -> None:
    for size in (0, 1001):
        with pytest.raises(StorageRefused, match="at most 1000"):
            storage.reserve("alice", "phone", size)
    storage.reserve("alice", "phone", 1000)
    stored(storage, "alice", bytes(1000))
    with pytest.raises(StorageRefused, match="2000 bytes stored of the 2000 allowed") as refused:
        storage.reserve("alice", "phone", 1)
    assert refused.value.code == "quota"
    storage.reserve("alice", "desk", 600)
    with pytest.raises(StorageRefused) as full:
        storage.reserve("bob", "phone", 401)
    assert full.value.code == "full"
    storage.reserve("bob", "phone", 400)


def test_what_has_expired_is_gone_from_the_disk_and_gives_its_room_back(
    storage: Storage, wall: Wall, tmp_path: Path
) -> None:
    file = stored(storage, "alice", bytes(1000))
    begun = storage.reserve("alice", "phone", 1000).file
    wall.now += 13 * DAY  # the one that was never written is older than a day on this clock, if not on the disk's
    assert storage.find(file).is_whole
    with pytest.raises(UnknownFile):
        storage.find(begun)
    wall.now += DAY
    with pytest.raises(UnknownFile):
        storage.find(file)
    assert [*(tmp_path / "files").iterdir()] == []
    storage.reserve("alice", "phone", 1000)


def test_a_new_start_and_a_second_node_know_what_there_is(storage: Storage, wall: Wall, tmp_path: Path) -> None:
    file = stored(storage, "alice", b"sealed")
    other = Storage(tmp_path, LIMITS, wall=wall)
    assert other.find(file).path.read_bytes() == b"sealed"
    later = stored(storage, "alice", bytes(1000))
    wall.now += 1.0
    assert other.find(later).is_whole
    with pytest.raises(StorageRefused, match="1006 bytes stored"):
        other.reserve("alice", "phone", 995)


def test_the_disk_tells_neither_who_nor_how_to_read(storage: Storage, tmp_path: Path) -> None:
    room = storage.reserve("alice", "laptop", 6)
    storage.append(storage.find(room.file), 0, b"sealed")
    everything = b"".join(path.name.encode() + path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (b"alice", b"laptop", room.file.encode(), room.ticket.encode()):
        assert secret not in everything
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))


def test_nothing_outside_the_folder_has_an_id(storage: Storage) -> None:
    for file in ("", "../key", "key", "x" * 1000):
        with pytest.raises(UnknownFile):
            storage.find(file)


def test_what_others_put_into_the_folder_is_left_alone(storage: Storage, wall: Wall, tmp_path: Path) -> None:
    file = stored(storage, "alice", b"sealed")
    strange = tmp_path / "files" / "lost+found"
    strange.mkdir()
    wall.now += 2
    assert storage.find(file).is_whole
    assert strange.exists()


def test_a_clock_that_is_set_back_does_not_hide_the_files_of_other_nodes(
    storage: Storage, wall: Wall, tmp_path: Path
) -> None:
    storage.reserve("alice", "phone", 10)
    wall.now -= 86_400.0
    other = Storage(tmp_path, wall=wall)
    assert storage.find(other.reserve("bob", "phone", 10).file).size == 10


@pytest.mark.parametrize("text", ["", "-1", "1.5", "\u0664", "9" * 16, "9" * 5000])
def test_an_offset_is_a_number_that_a_file_can_have(text: str) -> None:
    assert parse_offset(text) is None
    assert parse_offset("20971520") == 20_971_520


def test_a_ticket_of_any_bytes_is_only_a_wrong_one(storage: Storage) -> None:
    room = storage.reserve("alice", "phone", 10)
    assert not storage.may_write(room.file, b"\xff".decode(errors="surrogateescape"))  # as headers are decoded
