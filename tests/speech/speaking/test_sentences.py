from hypothesis import given
from hypothesis import strategies as st

from hullo.speech.speaking.sentences import SentenceCutter, sentences


def test_sentences_are_cut_behind_their_marks() -> None:
    text = "Hello there! We open at 9.30 tomorrow.  Is that early enough?\nGood."
    assert list(sentences(text)) == ["Hello there!", "We open at 9.30 tomorrow.", "Is that early enough?", "Good."]


def test_a_long_sentence_is_cut_at_a_comma_or_a_space() -> None:
    assert list(sentences("one two three, four five six seven", longest=20)) == [
        "one two three,",
        "four five six seven",
    ]
    assert list(sentences("one two three four five", longest=20)) == ["one two three four", "five"]
    assert list(sentences("x" * 45, longest=20)) == ["x" * 20, "x" * 20, "x" * 5]


def test_an_abbreviation_ends_no_sentence() -> None:
    text = 'Dr. Smith is in. He said: "Come at 3." Then he left, e.g. home.\n1. Milk\n2. Bread'
    assert list(sentences(text)) == [
        "Dr. Smith is in.",
        'He said: "Come at 3."',
        "Then he left, e.g. home.",
        "1. Milk",
        "2. Bread",
    ]


def test_a_text_that_comes_in_pieces_is_cut_as_soon_as_a_sentence_is_certain() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("It costs 3") == []
    assert cutter.feed(".") == []
    assert not cutter.settles, "3. may become 3.50"
    assert cutter.feed("50. That") == ["It costs 3.50."]
    assert cutter.feed(" is all.") == []
    assert cutter.settles
    assert cutter.settle() == ["That is all."]
    assert cutter.settle() == []
    assert cutter.feed("Bye") == []
    assert cutter.settle() == []
    assert cutter.finish() == ["Bye"]


@given(st.lists(st.text(alphabet='ab .,!?\n3。"', max_size=12), max_size=20))
def test_pieces_lose_nothing(pieces: list[str]) -> None:
    cutter = SentenceCutter(longest=20)
    found = [sentence for piece in pieces for sentence in cutter.feed(piece)] + cutter.finish()
    assert "".join("".join(found).split()) == "".join("".join(pieces).split())
    assert all(0 < len(sentence) <= 20 for sentence in found)


def test_no_text_has_no_sentences() -> None:
    assert list(sentences("  \n ")) == []


@given(st.text(max_size=300), st.integers(4, 50))
def test_nothing_is_lost_and_nothing_is_too_long(text: str, longest: int) -> None:
    pieces = list(sentences(text, longest))
    assert all(0 < len(piece) <= longest for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_sentence_is_given_out_as_soon_as_it_must_be_complete() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("That costs 3.") == []
    assert cutter.feed("50. Is it too m") == ["That costs 3.50."]
    assert cutter.feed("uch?") == []
    assert cutter.feed(" ") == ["Is it too much?"]
    assert cutter.feed("Well") == []
    assert cutter.finish() == ["Well"]
    assert cutter.finish() == []


def test_text_without_marks_does_not_wait_for_ever() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("and so on " * 100)


@given(st.lists(st.text(max_size=20), max_size=20))
def test_pieces_give_the_sentences_of_the_whole(pieces: list[str]) -> None:
    cutter = SentenceCutter()
    cut = [sentence for piece in pieces for sentence in cutter.feed(piece)]
    assert cut + cutter.finish() == list(sentences("".join(pieces)))
