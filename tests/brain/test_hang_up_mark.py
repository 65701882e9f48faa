import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.brain.hang_up_mark import HangUpMark


def said(*pieces: str) -> tuple[str, bool]:
    mark = HangUpMark()
    return "".join([*(mark.feed(piece) for piece in pieces), mark.finish()]), mark.found


@pytest.mark.parametrize(
    ("written", "spoken", "found"),
    [
        ("Goodbye. [hang up]", "Goodbye. ", True),
        ("Goodbye.\n[HANG_UP]\n", "Goodbye.\n\n", True),
        ("[Hang-up] Goodbye.", " Goodbye.", True),
        ("[hangup]", "", True),
        ("Please hang up.", "Please hang up.", False),
        ("The list [one, two] [hang on", "The list [one, two] [hang on", False),
        ("", "", False),
    ],
)
def test_the_mark_is_found_and_not_said(written: str, spoken: str, found: bool) -> None:
    assert said(written) == (spoken, found)
    assert said(*written) == (spoken, found)


def test_what_can_be_no_mark_waits_for_nothing() -> None:
    mark = HangUpMark()
    assert mark.feed("We are open.\n") == "We are open.\n"
    assert mark.feed("From [five") == "From "
    assert mark.feed(", or six]") == "[five, or six]"


@given(st.lists(st.sampled_from(["[", "]", "hang", "up", " ", "_", "hang up", "a", "[hang up]"]), max_size=12))
def test_how_an_answer_comes_in_pieces_makes_no_difference(pieces: list[str]) -> None:
    assert said(*pieces) == said("".join(pieces))
    assert "[hang up]" not in said(*pieces)[0]
