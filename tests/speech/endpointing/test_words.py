import numpy as np
import pytest

from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.endpointing.strategy import Pause
from hullo.speech.endpointing.turn_words import BUILT_IN, turn_words
from hullo.speech.endpointing.words import WordRules, WordsPause

SOON, USUAL, LATE = 0.25, 0.5, 0.9
ENGLISH = WordRules(turn_words(None))

TURNS = {
    "what time is the next train": SOON,
    "Do you have a table for two?": SOON,
    "I would like a table for two.": SOON,
    "i would like a table for two": LATE,  # a number: there may be more of it
    "my number is five five five": LATE,
    "it is 0 4 2": LATE,
    "i would like to": LATE,
    "i lost my key and": LATE,
    "my name is um": LATE,
    "um": LATE,
    "what about the": LATE,
    "Well, you see...": LATE,
    "on monday, or": LATE,
    "i have lost my key": USUAL,
    "no": USUAL,
    "yes please": USUAL,
    "that is all i have": USUAL,
    "": USUAL,
    "?!": USUAL,
}


@pytest.mark.parametrize(("text", "pause"), TURNS.items())
def test_what_was_said_moves_the_end(text: str, pause: float) -> None:
    strategy = WordsPause(FixedPause(USUAL), ENGLISH, soon=SOON, late=LATE)
    assert strategy.paused(Pause(speech=np.zeros(1, np.int16), spoken=1.0)) == USUAL
    assert strategy.understood(text) == pause


def test_words_never_end_a_turn_later_than_the_voice_or_sooner_than_its_doubts() -> None:
    assert WordsPause(FixedPause(0.2), ENGLISH).understood("are you still there?") == 0.2
    assert WordsPause(FixedPause(1.5), ENGLISH).understood("and") == 1.5


def test_any_model_can_take_the_place_of_the_rules() -> None:
    class Sure:
        def complete(self, text: str) -> float | None:
            return {"fertig": 1.0, "noch": 0.0, "vielleicht": 0.5}.get(text)

    strategy = WordsPause(FixedPause(USUAL), Sure(), soon=SOON, late=LATE)
    assert [strategy.understood(text) for text in ("fertig", "noch", "vielleicht", "was")] == [SOON, LATE, USUAL, USUAL]


@pytest.mark.parametrize(
    ("language", "waits", "has_no_opinion"),
    [
        ("de", "ich hätte gern einen tisch und", "ruf mich bitte noch heute an"),
        ("de-AT", "meine nummer ist null drei vier", "das ist alles was ich habe"),
        ("es", "quiero una mesa para", "eso es todo gracias"),
        ("fr", "je voudrais une table pour", "c'est tout ce que je veux"),
        ("ru", "я хотел бы столик на", "это всё что мне нужно"),
        ("fi", "", "haluaisin pöydän ja"),
    ],
)
def test_each_language_has_its_own_words(language: str, waits: str, has_no_opinion: str) -> None:
    rules = WordRules(turn_words(language))
    assert rules.complete(has_no_opinion) is None
    if language[:2] in BUILT_IN:
        assert rules.complete(waits) == 0.1
    assert rules.complete("0 4 2") == 0.1, "digits are written alike"
    assert rules.complete("…?") is None


def test_pauses_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="in order"):
        WordsPause(FixedPause(0.5), ENGLISH, soon=0.9, late=0.3)
