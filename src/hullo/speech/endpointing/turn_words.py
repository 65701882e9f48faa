"""Words by which one hears that a person has not finished, or has, by language. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class TurnWords:
    """Words of one language, in small letters; without any, only marks and digits say something."""

    unfinished: frozenset[str] = frozenset()
    """Hardly ever end a turn of several words: conjunctions, articles, prepositions that stand before their word."""
    numbers: frozenset[str] = frozenset()
    """Of which a dictated number is made."""
    hesitations: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    """Begin a question, which is complete with some words more. Only where that was measured: a wrong one cuts."""


def _words(*, unfinished: str, numbers: str, hesitations: str, questions: str = "") -> TurnWords:
    return TurnWords(*(frozenset(words.split()) for words in (unfinished, numbers, hesitations, questions)))


BUILT_IN: Mapping[str, TurnWords] = MappingProxyType(
    {
        "en": _words(
            unfinished="a about also am an and as at because but by could did does er erm for from had has how i if in "
            "into its just like may my of on or our she should some than the their they to uh um until was we well "
            "were what when where which while who with would your",
            numbers="zero oh one two three four five six seven eight nine ten eleven twelve hundred thousand double "
            "triple",
            hesitations="um uh er erm hmm",
            questions="who what when where which why how is are am was were do does did can could will would should "
            "may have has",
        ),
        "de": _words(
            unfinished="aber als am bei bevor beim bis damit dass dein deine dem den der des dessen deren ein eine "
            "einem einen einer eines für gegen im indem ins ihre mein meine meinem meinen meiner nachdem ob obwohl "
            "ohne seine sobald sondern und unser unsere vom von weil wenn während zum zur zwischen",
            numbers="null eins zwei zwo drei vier fünf sechs sieben acht neun zehn elf zwölf hundert tausend",
            hesitations="äh ähm öh öhm hm hmm mhm",
        ),
        "es": _words(
            unfinished="a al aunque como con cuando de del desde donde el en entre la las los mi mis ni o para pero "
            "por porque que se si sin sobre su sus tu tus un una unas unos y e u",
            numbers="cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce cien mil",
            hesitations="eh em mmm",
        ),
        "fr": _words(
            unfinished="au aux avec car ce cette ces chez comme dans de des donc du en et je la le les leur leurs mais "
            "ma mes mon ni notre nos ou par parce pour quand que qui sa sans se ses si son sur ta tes ton un une vers "
            "votre vos à d' l' qu'",
            numbers="zéro un deux trois quatre cinq six sept huit neuf dix onze douze vingt trente quarante cinquante "
            "soixante cent mille",
            hesitations="euh heu hum",
        ),
        "ru": _words(
            unfinished="а без в во для до если и из или к как когда который которая которые ко либо мой моя моё на но "
            "о об от по потому при про с со у чтобы что",
            numbers="ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать сто тысяча",
            hesitations="э ээ эм мм ммм",
        ),
    }
)
"""By the two letters of the language."""


def turn_words(language: str | None) -> TurnWords:
    """Those of a language such as `de` or `de-AT` (None: English); of one that is not built in, none."""
    return BUILT_IN.get((language or "en").lower().replace("_", "-").partition("-")[0], TurnWords())
