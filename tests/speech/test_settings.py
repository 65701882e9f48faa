from dataclasses import replace

import pytest

from hullo.speech.errors import SpeechError
from hullo.speech.interruption.decision import InterruptionSettings
from hullo.speech.interruption.words import BUILT_IN
from hullo.speech.settings import SpeechSettings


def test_the_defaults_are_the_offline_engines() -> None:
    settings = SpeechSettings()
    assert (settings.recogniser, settings.voice) == ("pocketsphinx", "espeak")
    assert settings.recogniser_options() == settings.voice_options() == {}


@pytest.mark.parametrize(
    "right",
    [
        {"recogniser": "faster-whisper", "model": "small", "language": "de", "prompt": "Na?", "hot_words": ("Ilse",)},
        {"recogniser": "tcp://127.0.0.1:10300", "model": "base", "language": "de", "hot_words": ("Ilse",)},
        {"recogniser": "https://example.org/v1", "prompt": "Na?", "recogniser_api_key": "k"},
        {"voice": "espeak", "voice_name": "en-gb", "speed": 120, "pitch": 0},
        {"voice": "piper", "voice_name": "de_DE-thorsten-medium", "speed": 1.2, "speaker": "3"},
        {"voice": "unix:///run/piper.sock", "voice_name": "x", "speaker": "y"},
        {"voice": "http://127.0.0.1:8880/v1", "voice_name": "x", "voice_model": "kokoro", "speed": 2.0},
    ],
)
def test_each_engine_takes_what_is_its_own(right: dict[str, object]) -> None:
    SpeechSettings(**right)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"recogniser": "whisper"}, "no recogniser 'whisper': use 'pocketsphinx', 'faster-whisper'"),
        ({"recogniser": "ftp://127.0.0.1:1"}, "use tcp://host:port or unix:///path"),
        ({"recogniser": "http://"}, "use https://host/v1"),
        ({"recogniser": "https://user:secret@host/v1"}, "'https://host/v1' is not the address"),
        ({"voice": "tcp://127.0.0.1"}, "use tcp://host:port"),
        ({"voice": "tcp://127.0.0.1:99999"}, "use tcp://host:port"),
        ({"language": "de"}, "pocketsphinx hears US English"),
        ({"model": "small"}, "pocketsphinx' takes no model"),
        ({"prompt": "x", "hot_words": ("y",)}, "takes no hot_words and no prompt"),
        ({"recogniser": "tcp://127.0.0.1:1", "prompt": "x"}, "takes no prompt"),
        ({"recogniser": "tcp://127.0.0.1:1", "recogniser_api_key": "x"}, "takes no recogniser_api_key"),
        ({"recogniser": None, "model": "small"}, "no recogniser that could use model"),
        ({"speaker": "3"}, "'espeak' takes no speaker"),
        ({"voice": "piper", "pitch": 3}, "'piper' takes no pitch"),
        ({"voice": "piper", "speed": 160}, "speed is 0.25 to 4 times the normal"),
        ({"voice": "tcp://127.0.0.1:1", "speed": 1.0}, "takes no speed"),
        ({"voice": "tcp://127.0.0.1:1", "speaker": "x"}, "set voice_name too"),
        ({"voice": "https://example.org/v1", "pitch": 1}, "takes no pitch"),
        ({"speed": 1000}, "80 to 450"),
        ({"pitch": -1}, "0 to 99"),
        ({"end_pause": 0.0}, "end pause"),
        ({"max_segment": 600.0}, "longest segment"),
        ({"voice_timeout": 0.0}, "more than 0 seconds"),
        ({"nice": 20}, "nice is 0 to 19"),
        ({"filler": ("One moment.", " ")}, "not an empty text"),
        ({"endpointing": "words", "recogniser": "https://example.org/v1"}, "set speculative = true"),
        ({"endpointing": "words", "speculative": False}, "set speculative = true"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_ignored(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(SpeechError, match=said) as caught:
        SpeechSettings(**wrong)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_keys_are_not_shown() -> None:
    settings = SpeechSettings(recogniser="https://example.org/v1", recogniser_api_key="sk-abc")
    assert "sk-abc" not in repr(settings)


@pytest.mark.parametrize(
    ("recogniser", "speculative", "expected"),
    [
        ("pocketsphinx", None, True),
        ("tcp://127.0.0.1:10300", None, True),
        ("https://example.org/v1", None, False),
        ("https://example.org/v1", True, True),
        ("pocketsphinx", False, False),
    ],
)
def test_pauses_are_not_recognised_where_each_may_cost_unless_that_is_asked_for(
    recogniser: str, speculative: bool | None, expected: bool
) -> None:
    assert SpeechSettings(recogniser=recogniser, speculative=speculative).recognises_pauses is expected


def test_agreement_is_that_of_the_language_unless_it_is_told() -> None:
    german = SpeechSettings(recogniser="faster-whisper", language="de")
    assert german.interruptions().words == BUILT_IN["de"]
    told = InterruptionSettings(stop=0.4, words=BUILT_IN["fr"])
    assert replace(german, interruption=told).interruptions() == told
