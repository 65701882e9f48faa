"""Mailboxes in virtual time."""

from hullo.rendezvous.mailbox import Mailboxes
from hullo.rendezvous.wire import Envelope


def envelope(data: bytes = b"sealed", sender: str = "alice") -> Envelope:
    return Envelope(sender, "phone", data, 0.0)


def test_what_waits_comes_once_and_tells_how_long_it_waited() -> None:
    boxes = Mailboxes()
    assert boxes.put("bob", "phone", envelope(b"1"), 100.0, 60.0)
    assert boxes.put("bob", "phone", envelope(b"2"), 110.0, 60.0)
    found = boxes.take("bob", "phone", 120.0)
    assert [(each.data, each.waited) for each in found] == [(b"1", 20.0), (b"2", 10.0)]
    assert boxes.take("bob", "phone", 120.0) == []
    assert len(boxes) == 0


def test_what_waits_too_long_is_thrown_away() -> None:
    boxes = Mailboxes()
    boxes.put("bob", "phone", envelope(), 100.0, 60.0)
    assert boxes.take("bob", "phone", 160.0) == []
    assert len(boxes) == 0


def test_a_mailbox_and_all_of_them_have_bounds() -> None:
    boxes = Mailboxes(max_waiting=2, max_bytes=20)
    assert [boxes.put("bob", "phone", envelope(), 0.0, 60.0) for _ in range(3)] == [True, True, False]
    assert boxes.put("bob", "desk", envelope(), 0.0, 60.0)
    assert not boxes.put("carol", "phone", envelope(), 0.0, 60.0)
    boxes.take("bob", "phone", 1.0)
    assert boxes.put("carol", "phone", envelope(), 1.0, 60.0)


def test_somebody_who_fills_a_mailbox_gives_way_to_others() -> None:
    boxes = Mailboxes(max_waiting=4, max_bytes=30)
    for number in range(4):
        assert boxes.put("bob", "phone", envelope(b"%d" % number, "mallory"), 0.0, 60.0)
    assert not boxes.put("bob", "phone", envelope(b"4", "mallory"), 0.0, 60.0)
    kept = [boxes.put("bob", "phone", envelope(b"x" * 10), 0.0, 60.0) for _ in range(3)]
    assert kept == [True, True, False]
    assert [each.data for each in boxes.take("bob", "phone", 1.0)] == [b"0", b"1", b"x" * 10, b"x" * 10]
    assert boxes.put("bob", "phone", envelope(b"x" * 30), 1.0, 60.0)  # the bytes of who gave way are free again
