"""Whoever fills a box keeps nobody else out of it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hullo.rendezvous.fairness import gives_way

people = st.sampled_from("abcdefg")


def put(box: list[str], sender: str, size: int) -> bool:
    """As boxes do it: whether the sender's letter is in there now."""
    if len(box) >= size:
        index = gives_way(box, sender)
        if index is None:
            return False
        del box[index]
    box.append(sender)
    return True


@given(st.integers(1, 20), st.lists(people, max_size=200))
def test_everybody_has_their_share_whatever_others_send(size: int, senders: list[str]) -> None:
    share = size // max(len(set(senders)), 1)
    box: list[str] = []
    sent: Counter[str] = Counter()
    for sender in senders:
        there = put(box, sender, size)
        sent[sender] += 1
        assert there or box.count(sender) >= share
        assert len(box) <= size
        for each, number in sent.items():
            assert box.count(each) >= min(number, share)


@given(st.integers(1, 20), st.lists(people, max_size=200))
def test_nobody_loses_what_was_taken_to_somebody_who_has_as_much(size: int, senders: list[str]) -> None:
    box: list[str] = []
    for sender in senders:
        before = Counter(box)
        put(box, sender, size)
        after = Counter(box)
        for each in before:
            if after[each] < before[each]:
                assert before[each] == max(before.values())
                assert after[each] >= after[sender]


def test_the_last_of_who_has_most_gives_way() -> None:
    assert gives_way("amamm", "b") == 4
    assert gives_way("mmaab", "c") == 3
    assert gives_way("abc", "d") is None
    assert gives_way("mma", "a") is None
    assert gives_way("", "a") is None
