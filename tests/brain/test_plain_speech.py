import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.brain.plain_speech import PlainSpeech


def said(*pieces: str) -> str:
    plain = PlainSpeech()
    return "".join([*(plain.feed(piece) for piece in pieces), plain.finish()])


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("We are **really** open, *today*.", "We are really open, today."),
        ("Two * three is six.", "Two * three is six."),
        ("# Hours\n\nFrom five.\n## More\n", "Hours\n\nFrom five.\nMore\n"),
        ("* Soup\n* Fish\n- Cake", "Soup\nFish\n- Cake"),
        ("Type `hullo serve`.", "Type hullo serve."),
        ("C# and number #5, 20 °C.", "C# and number #5, 20 °C."),
        ("Yes 👍🏽! ❤️ Fine 👨‍👩‍👧.", "Yes !  Fine ."),
        ("<think>They ask.\nI say yes.</think>\n\nYes.", "Yes."),
        ("<thinking> is a tag.", "<thinking> is a tag."),
        ("  <think>never ends", ""),
        ("Some <think> more.", "Some <think> more."),
        ("**", ""),
        ("日本語です。", "日本語です。"),
    ],
)
def test_what_is_for_the_eye_is_not_said(written: str, spoken: str) -> None:
    assert said(written) == spoken
    assert said(*written) == spoken


def test_words_wait_for_nothing() -> None:
    plain = PlainSpeech()
    assert plain.feed("We are open. ") == "We are open. "
    assert plain.feed("Real**ly") == "Really"


@given(st.lists(st.text(alphabet="ab *#`\n<think>/👍.", max_size=12), max_size=8))
def test_how_an_answer_comes_in_pieces_makes_no_difference(pieces: list[str]) -> None:
    assert said(*pieces) == said("".join(pieces))
