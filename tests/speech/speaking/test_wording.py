from hypothesis import given
from hypothesis import strategies as st

from hullo.speech.speaking.wording import TimingSource, Wording


def test_words_are_estimated_by_their_length_until_the_voice_tells() -> None:
    words = Wording()
    words.begin("a bbbbbbb c", 1000)
    words.end(13_000)
    assert words.timing == "estimate"
    assert words.heard(2_999, 13_000) == ""
    assert words.heard(3_000, 13_000) == "a"
    assert words.heard(11_000, 13_000) == "a bbbbbbb"
    assert words.word_begin(5_000, 13_000) == 3_000
    words.mark("bbbbbbb", 9_000)
    assert words.timing == "voice"
    assert words.heard(9_999, 13_000) == ""
    assert words.heard(10_000, 13_000) == "a"


def test_only_what_every_sentence_was_told_of_counts_as_told() -> None:
    words = Wording()
    words.begin("one", 0)
    words.mark("one", 0)
    words.end(100)
    words.begin("two", 100)
    assert words.timing is TimingSource.ESTIMATE


def test_without_words_there_is_nothing_to_go_back_to() -> None:
    words = Wording()
    assert words.heard(5000, 9000) == ""
    assert words.word_begin(5000, 9000) == 5000


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
    assert words.word_begin(at, 5000) <= at
