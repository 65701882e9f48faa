"""Letters wait on disk until they are taken, and tell nobody else anything."""

from pathlib import Path

from hullo.rendezvous.letterbox import Letterbox
from hullo.rendezvous.wire import Envelope
from tests.rendezvous.test_storage import Wall

LETTER = Envelope("alice", "phone", b"sealed letter", 0.0)


def test_a_letter_waits_through_a_restart_until_it_is_taken(tmp_path: Path) -> None:
    wall = Wall()
    before = Letterbox(tmp_path, wall=wall)
    first, second = (before.put("bob", "phone", LETTER, 1000.0) for _ in range(2))
    wall.now += 10.0
    box = Letterbox(tmp_path, wall=wall)
    waiting = box.waiting("bob", "phone")
    assert {letter.letter for letter in waiting} == {first, second}
    assert all(abs(letter.waited - 10.0) < 0.01 for letter in waiting)
    assert (waiting[0].person, waiting[0].device, waiting[0].data) == ("alice", "phone", b"sealed letter")
    assert box.waiting("bob", "desk") == []
    assert first is not None
    box.remove("bob", "desk", first)
    box.remove("bob", "phone", first)
    box.remove("bob", "phone", first)
    assert [letter.letter for letter in box.waiting("bob", "phone")] == [second]


def test_letters_expire_and_leave_the_disk(tmp_path: Path) -> None:
    wall = Wall()
    box = Letterbox(tmp_path, wall=wall)
    box.put("bob", "phone", LETTER, 1000.0)
    wall.now += 1001.0
    assert box.waiting("bob", "phone") == []
    box.put("carol", "phone", LETTER, 1000.0)
    assert len([path for path in (tmp_path / "letters").rglob("*") if path.is_file()]) == 1


def test_a_box_and_all_boxes_have_an_end(tmp_path: Path) -> None:
    wall = Wall()
    box = Letterbox(tmp_path / "one", max_waiting=2, wall=wall)
    assert [box.put("bob", "phone", LETTER, 1000.0) is None for _ in range(3)] == [False, False, True]
    assert box.put("bob", "desk", LETTER, 1000.0) is not None
    small = Letterbox(tmp_path / "two", max_bytes=150, wall=wall)
    kept = [small.put("bob", f"device{number}", LETTER, 1000.0) for number in range(3)]
    assert [letter is None for letter in kept] == [False, False, True]
    assert kept[0] is not None
    small.remove("bob", "device0", kept[0])
    assert small.put("carol", "phone", LETTER, 1000.0) is not None


def test_somebody_who_fills_a_box_gives_way_to_others_also_after_a_restart(tmp_path: Path) -> None:
    wall = Wall()

    def put(sender: str, number: int) -> bool:
        box = Letterbox(tmp_path, max_waiting=6, wall=wall)  # which has to read who sent what
        wall.now += 1.0
        return box.put("bob", "phone", Envelope(sender, "phone", b"%d" % number, 0.0), 1000.0) is not None

    assert [put("mallory", number) for number in range(7)] == [True] * 6 + [False]
    assert [put("alice", number) for number in range(4)] == [True] * 3 + [False]
    waiting = Letterbox(tmp_path, wall=wall).waiting("bob", "phone")
    assert [letter.person for letter in waiting] == ["mallory"] * 3 + ["alice"] * 3
    assert [letter.data for letter in waiting] == [b"0", b"1", b"2"] * 2


def test_a_letter_that_is_damaged_or_was_taken_meanwhile_is_nobodys(tmp_path: Path) -> None:
    wall = Wall()
    box = Letterbox(tmp_path, max_waiting=4, wall=wall)
    for _ in range(4):
        wall.now += 1.0
        box.put("bob", "phone", Envelope("mallory", "phone", b"sealed", 0.0), 1000.0)
    letters = sorted((tmp_path / "letters").glob("*/*"))
    letters[0].write_bytes(b"damaged")
    other = Letterbox(tmp_path, max_waiting=4, wall=wall)
    wall.now += 1.0
    assert other.put("bob", "phone", LETTER, 1000.0) is not None
    assert [letter.person for letter in other.waiting("bob", "phone")] == ["mallory", "mallory", "alice"]


def test_the_disk_without_its_key_tells_neither_who_writes_nor_to_whom(tmp_path: Path) -> None:
    box = Letterbox(tmp_path)
    box.put("bobby", "phone", Envelope("alice", "laptop", b"sealed letter", 0.0), 1000.0)
    everything = b"".join(path.name.encode() + path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (b"alice", b"laptop", b"bobby", b"phone", b"sealed letter"):
        assert secret not in everything


def test_a_damaged_letter_does_not_hold_up_the_others(tmp_path: Path) -> None:
    box = Letterbox(tmp_path)
    first = box.put("bob", "phone", LETTER, 1000.0)
    second = box.put("bob", "phone", LETTER, 1000.0)
    damaged = next(path for path in (tmp_path / "letters").rglob(f"{first}.*"))
    sealed = damaged.read_bytes()
    damaged.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert [letter.letter for letter in box.waiting("bob", "phone")] == [second]


def test_what_others_put_among_the_letters_is_left_alone(tmp_path: Path) -> None:
    wall = Wall()
    box = Letterbox(tmp_path, wall=wall)
    assert box.put("bob", "phone", LETTER, 1000.0) is not None
    (its_folder,) = (tmp_path / "letters").iterdir()
    strange = [tmp_path / "letters" / "notes.txt", its_folder / ".nfs0001", its_folder / "a.b.c"]
    for path in strange:
        path.write_bytes(b"not ours")
    wall.now += 2000.0
    assert box.put("bob", "phone", LETTER, 1000.0) is not None
    assert len(box.waiting("bob", "phone")) == 1
    assert all(path.exists() for path in strange)


def test_a_clock_that_is_set_back_does_not_stop_the_looks(tmp_path: Path) -> None:
    wall = Wall()
    box = Letterbox(tmp_path, max_bytes=150, wall=wall)
    wall.now += 1_000_000.0
    assert box.put("bob", "phone", LETTER, 10.0) is not None
    assert box.put("bob", "phone", LETTER, 10.0) is not None
    wall.now -= 999_000.0
    for path in (tmp_path / "letters").rglob("*.*"):
        path.unlink()  # as another node does
    assert box.put("bob", "phone", LETTER, 10.0) is not None
