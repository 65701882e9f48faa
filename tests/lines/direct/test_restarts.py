"""Which restart counts, at two ends whose messages come late, twice, crosswise or not at all."""

from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct.messages import MAX_RESTARTS
from hullo.lines.direct.restarts import Restarts, Verdict


def test_an_offer_is_taken_and_its_answer_counts_once_it_is_the_one_waited_for() -> None:
    caller, callee = Restarts(is_caller=True), Restarts(is_caller=False)
    number = caller.offer()
    assert number == 1
    assert callee.offered(number) is Verdict.TAKE
    assert caller.answered(number)
    assert not callee.answered(number)


def test_both_at_once_and_the_callers_counts() -> None:
    caller, callee = Restarts(is_caller=True), Restarts(is_caller=False)
    assert caller.offer() == callee.offer() == 1
    assert caller.offered(1) is Verdict.IGNORE
    assert callee.offered(1) is Verdict.TAKE
    assert caller.answered(1)
    assert not callee.answered(1)


def test_an_offer_that_comes_again_is_answered_again() -> None:
    callee = Restarts(is_caller=False)
    assert callee.offered(1) is Verdict.TAKE
    assert callee.offered(1) is Verdict.REPEAT_ANSWER


def test_late_offers_and_answers_are_ignored() -> None:
    caller = Restarts(is_caller=True)
    assert caller.offered(3) is Verdict.TAKE
    assert caller.offered(2) is Verdict.IGNORE
    assert caller.offer() == 4
    assert not caller.answered(3)
    assert caller.offered(3) is Verdict.IGNORE


def test_numbers_that_are_used_up_end_the_search() -> None:
    caller = Restarts(is_caller=True)
    assert caller.offered(MAX_RESTARTS) is Verdict.TAKE
    assert caller.offer() is None


@given(st.lists(st.sampled_from(["caller", "callee", "to caller", "to callee", "lost"]), max_size=40))
def test_whatever_happens_the_next_undisturbed_offer_is_taken(happenings: list[str]) -> None:
    ends = {"caller": Restarts(is_caller=True), "callee": Restarts(is_caller=False)}
    waiting: dict[str, list[int]] = {"caller": [], "callee": []}
    for happening in happenings:
        if happening in ends:
            number = ends[happening].offer()
            assert number is not None
            waiting["callee" if happening == "caller" else "caller"].append(number)
        elif happening == "lost":
            waiting = {"caller": [], "callee": []}
        elif waiting[receiver := happening.removeprefix("to ")]:
            ends[receiver].offered(waiting[receiver].pop(0))
    for receiver, numbers in waiting.items():
        for number in numbers:
            ends[receiver].offered(number)
    first, second = ends.values()
    while (number := first.offer()) is not None and second.offered(number) is not Verdict.TAKE:
        pass
    assert number is not None
    assert first.answered(number)
