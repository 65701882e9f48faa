from hypothesis import given
from hypothesis import strategies as st

from hullo.speech.speaking.wording import TimingSource, Wording


def test_words_are_estimated_by_their_length_until_the_voice_tells() -> None:
    words = Wording()
    words.begin("a bbbbbbb c", 1000)
    words.end(13_000)
    assert words.timing(13_000) == "estimate"
    assert words.word_begin(5_000, 13_000) is None
    assert words.heard(2_999, 13_000) == ""
    assert words.heard(3_000, 13_000) == "a"
    assert words.heard(11_000, 13_000) == "a bbbbbbb"
    words.mark("bbbbbbb", 9_000)
    assert words.timing(13_000) == "voice"
    assert words.heard(9_999, 13_000) == ""
    assert words.heard(10_000, 13_000) == "a"


def test_only_what_every_sentence_was_told_of_counts_as_told() -> None:
    words = Wording()
    words.begin("one", 0)
    words.mark("one", 0)
    words.end(100)
    words.begin("two", 100)
    assert words.timing(200) is TimingSource.ESTIMATE
    assert words.timing(100) is TimingSource.VOICE, "of the second nothing was said yet"


def test_what_is_not_known_lies_between_what_is() -> None:
    words = Wording()
    words.begin("one of the two", 0)
    words.mark("one", 0)
    words.mark("of the", 4_000)
    words.mark("two", 11_000)
    words.end(20_000)
    assert words.word_begin(7_999, 20_000) == 7_000
    assert words.word_begin(6_999, 20_000) == 4_000
    assert words.heard(7_000, 20_000) == "one of"


def test_words_that_were_found_count_as_far_as_was_looked() -> None:
    words = Wording()
    words.begin("one", 0)
    words.end(5_000)
    number = words.begin("two three four", 5_000)
    words.align(number, [("two", 0), ("three", 3_000)], 4_500)
    words.align(0, [("one", 200)], None)
    assert words.timing(9_500) is TimingSource.ALIGNED
    assert words.word_begin(9_000, 12_000) == 8_000
    assert words.word_begin(9_501, 12_000) is None
    words.align(number, [("two", 0), ("three", 3_200), ("four", 6_000)], None)
    words.end(14_000)
    assert words.word_begin(9_501, 14_000) == 8_200
    assert words.heard(11_000, 14_000) == "one two three"


def test_what_the_voice_told_is_better_than_what_was_found() -> None:
    words = Wording()
    number = words.begin("one two", 0)
    words.mark("two", 4_000)
    words.align(number, [("two", 5_000)], None)
    assert words.timing(9_000) is TimingSource.VOICE
    assert words.word_begin(4_500, 9_000) == 4_000


def test_without_words_there_is_nothing_to_go_back_to() -> None:
    words = Wording()
    assert words.heard(5000, 9000) == ""
    assert words.word_begin(5000, 9000) is None


@given(
    st.lists(st.sampled_from(["a", "bb", "ccc,", "dddddd."]), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from(["a", "bb", "ccc", "dddddd", "e"]), st.integers(0, 5000)), max_size=6),
    st.integers(0, 6000),
)
def test_the_words_heard_grow_with_the_place(text: list[str], marks: list[tuple[str, int]], at: int) -> None:
    words = Wording()
    words.begin(" ".join(text), 0)
    for word, place in marks:
        words.mark(word, place)
    words.end(5000)
    heard = words.heard(at, 5000).split()
    assert heard == text[: len(heard)]
    assert words.heard(at + 500, 5000).split()[: len(heard)] == heard
    begin = words.word_begin(at, 5000)
    assert begin is None or begin <= at
