"""What a call from the shell hears and speaks with."""

from dataclasses import replace

from hullo.cli.conversation import speech_of
from hullo.cli.conversation_options import Task
from hullo.service.config import SpeechConfig

TASK = Task(say=[], play=[], record=None, stay=1.0, speech=True, as_json=False)


def test_the_recogniser_and_the_voice_are_those_of_the_configuration() -> None:
    config = SpeechConfig(recogniser="tcp://127.0.0.1:10300", voice="piper", voice_name="en_US-amy-low", speed=1.5)
    settings = speech_of(TASK, config)
    assert (settings.recogniser, settings.voice) == ("tcp://127.0.0.1:10300", "piper")
    assert (settings.voice_name, settings.speed) == ("en_US-amy-low", 1.5)


def test_without_speech_there_is_neither() -> None:
    for settings in (
        speech_of(replace(TASK, speech=False), SpeechConfig()),
        speech_of(TASK, SpeechConfig(enabled=False)),
    ):
        assert (settings.recogniser, settings.voice) == (None, None)
