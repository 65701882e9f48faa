"""What people say to show that they listen, and what they say to be heard, by language. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

_SIGNS = re.compile(r"[^\w'\- ]+")
_ENOUGH_WORDS = 2


@dataclass(frozen=True)
class FloorWords:
    """Words of one language, in small letters: `agreeing` ones interrupt nobody, a single `stopping` one does."""

    agreeing: frozenset[str]
    stopping: frozenset[str]

    def wanted(self, text: str) -> bool:
        """Whether `text` shows more than that somebody listens ("mm-hm", "yeah, right") or coughs.

        One odd word is not enough: recognisers make one of any noise.
        """
        words = _words_of(text)
        return not self.stopping.isdisjoint(words) or sum(word not in self.agreeing for word in words) >= _ENOUGH_WORDS

    def agrees(self, text: str) -> bool:
        """Whether every word of `text` is agreement."""
        return self.agreeing.issuperset(_words_of(text))


def _words_of(text: str) -> list[str]:
    return _SIGNS.sub(" ", text.lower().replace("’", "'")).split()


def _words(agreeing: str, stopping: str) -> FloorWords:
    return FloorWords(frozenset((_EVERYWHERE + agreeing).split()), frozenset(stopping.split()))


_EVERYWHERE = "ah aha ha hm hmm hmmm mhm mm mmm mmhm mm-hm mm-hmm m-hm oh ok okay uh uh-huh uhhuh uhm um eh "

BUILT_IN: Mapping[str, FloorWords] = MappingProxyType(
    {
        "en": _words(
            "alright cool exactly fine good great huh i nice of really right see sure that's true understand "
            "understood well wow yeah yep yes course got it",
            "stop wait no but sorry hold excuse pardon what why hello quiet",
        ),
        "de": _words(
            "ach so ja jaja jap jo genau gut klar richtig stimmt schön super toll alles aha achso natürlich verstehe "
            "verstanden ich in ordnung sicher eben doch na gern gerne prima wirklich echt",
            "stopp stop halt warte warten moment nein nee aber entschuldigung verzeihung was warum wieso hallo ruhe",
        ),
        "es": _words(
            "sí si ya claro vale bien bueno exacto exactamente cierto verdad de acuerdo entiendo entendido así es muy "
            "perfecto genial ajá por supuesto veo",
            "para pare espera espere no pero perdón perdona perdone disculpa disculpe momento qué porqué hola silencio",
        ),
        "fr": _words(
            "oui ouais mouais d'accord bien bon voilà c'est ça exact exactement vrai super parfait entendu compris je "
            "vois ah très sûr bien-sûr tout à fait génial ben",
            "stop arrête arrêtez attends attendez non mais pardon excuse excusez moment quoi pourquoi comment allô "
            "silence",
        ),
        "ru": _words(
            "да ага угу так ну понятно понял поняла ясно хорошо ладно верно правильно точно конечно именно вижу "
            "отлично здорово правда а э м о ок окей",
            "стоп стой стойте подожди подождите нет но извини извините простите минуту что почему зачем алло тихо "
            "хватит",
        ),
    }
)
"""By the two letters of the language."""


def floor_words(
    language: str | None, agreeing: Sequence[str] | None = None, stopping: Sequence[str] | None = None
) -> FloorWords:
    """Those of a language such as `de` or `de-AT` (None: English), with one's own in place of either kind.

    Of a language that is not built in only those sounds are agreement that are so in most languages.
    """
    code = (language or "en").lower().replace("_", "-").partition("-")[0]
    known = BUILT_IN.get(code, _words("", ""))
    return FloorWords(
        known.agreeing if agreeing is None else _small(agreeing),
        known.stopping if stopping is None else _small(stopping),
    )


def _small(words: Sequence[str]) -> frozenset[str]:
    return frozenset(word for text in words for word in text.lower().split())
