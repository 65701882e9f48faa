import pytest

from hullo.speech.interruption.words import BUILT_IN, floor_words


@pytest.mark.parametrize("text", ["mm-hm", "Yeah, right.", "I see", "okay okay", "uh-huh", "", "the", "of course"])
def test_agreement_and_the_words_made_of_noise_do_not_want_the_floor(text: str) -> None:
    assert not floor_words(None).wanted(text)


@pytest.mark.parametrize("text", ["Stop!", "wait a minute", "how much is it", "no", "Yes, and another thing"])
def test_words_that_want_the_floor(text: str) -> None:
    assert floor_words("en-GB").wanted(text)


@pytest.mark.parametrize(
    ("language", "agreeing", "wanting"),
    [
        ("de", ["Ja, genau.", "Ach so.", "Alles klar", "mm-hm", "in Ordnung"], ["Stopp!", "Nein", "Und was kostet es"]),
        ("es", ["Sí, claro.", "De acuerdo", "así es", "vale vale"], ["¡Espere!", "No", "Cuánto cuesta eso"]),
        ("fr", ["Oui, d’accord.", "C'est ça", "je vois", "tout à fait"], ["Attendez !", "Non", "combien ça coûte"]),
        ("ru", ["Да, понятно.", "Ну хорошо", "Так, ясно", "угу"], ["Стойте!", "Нет", "сколько это стоит"]),
    ],
)
def test_other_languages(language: str, agreeing: list[str], wanting: list[str]) -> None:
    words = floor_words(language)
    assert [text for text in agreeing if words.wanted(text)] == []
    assert [text for text in wanting if not words.wanted(text)] == []


def test_of_another_language_only_the_sounds_are_known_that_all_share() -> None:
    words = floor_words("fi")
    assert not words.wanted("mm hm")
    assert not words.wanted("Joo.")
    assert words.wanted("Joo joo.")


def test_ones_own_words_take_the_place_of_the_built_in_ones() -> None:
    words = floor_words("fi", agreeing=["joo", "niin", "Aivan Niin"], stopping=["seis"])
    assert not words.wanted("Joo joo, aivan niin.")
    assert words.wanted("Seis!")
    assert not floor_words("en", stopping=[]).wanted("stop")
    assert floor_words("en", agreeing=[]).wanted("yes yes")


def test_no_word_is_both() -> None:
    assert {name: words.agreeing & words.stopping for name, words in BUILT_IN.items()} == dict.fromkeys(
        BUILT_IN, frozenset()
    )
