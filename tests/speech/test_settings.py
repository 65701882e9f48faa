import pytest

from hullo.speech.errors import SpeechError
from hullo.speech.settings import SpeechSettings


def test_the_defaults_are_the_offline_engines() -> None:
    settings = SpeechSettings()
    assert (settings.recogniser, settings.voice) == ("pocketsphinx", "espeak")
    assert settings.host_options() == []


def test_any_wyoming_server_can_take_their_place() -> None:
    SpeechSettings(recogniser="tcp://127.0.0.1:10300", language="de", voice="unix:///run/piper.sock", voice_name="x")


def test_espeaks_options_reach_its_host() -> None:
    options = SpeechSettings(voice_name="en-gb", speed=120, pitch=0).host_options()
    assert options == ["--voice=en-gb", "--speed=120", "--pitch=0"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"recogniser": "whisper"}, "'pocketsphinx' or the URI of a Wyoming server, not 'whisper'"),
        ({"recogniser": "http://127.0.0.1:1"}, "use tcp://host:port or unix:///path"),
        ({"voice": "tcp://127.0.0.1"}, "use tcp://host:port"),
        ({"voice": "tcp://127.0.0.1:99999"}, "use tcp://host:port"),
        ({"language": "de"}, "pocketsphinx hears US English"),
        ({"voice": "tcp://127.0.0.1:1", "speed": 100}, "speed and pitch are eSpeak's"),
        ({"speed": 1000}, "80 to 450"),
        ({"pitch": -1}, "0 to 99"),
        ({"end_pause": 0.0}, "end pause"),
        ({"max_segment": 600.0}, "longest segment"),
        ({"voice_timeout": 0.0}, "more than 0 seconds"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_ignored(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(SpeechError, match=said):
        SpeechSettings(**wrong)  # type: ignore[arg-type]
