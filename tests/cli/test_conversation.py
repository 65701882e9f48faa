"""What a call from the shell hears and speaks with."""

from dataclasses import replace

from hullo.call import events
from hullo.call.report import TurnTimes
from hullo.cli.conversation import _Leaving, speech_of
from hullo.cli.conversation_options import Task
from hullo.service.config import SpeechConfig

TASK = Task(say=[], play=[], record=None, transcript=None, stay=1.0, speech=True, as_json=False)


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


class Heard:
    """A call in which things happen at times; `leaving` is when it would be hung up."""

    def __init__(self, utterances: int) -> None:
        self.leaving = _Leaving(utterances, 5.0)

    def at(self, now: float, kind: type[events.Event], **fields: object) -> float | None:
        event = kind(call_id="c", seq=1, timestamp=0, **fields)
        self.leaving.take(event, now)  # type: ignore[arg-type]
        return self.leaving.at

    def spoken(self, now: float) -> float | None:
        return self.at(now, events.Spoken, utterance_id="u", text="", heard_text="", heard_ms=1)

    def speech(self, now: float) -> float | None:
        times = TurnTimes(end_of_speech_ms=1, recognition_ms=1)
        said = {"text": "x", "transcript": "x", "confidence": None, "is_final": True}
        return self.at(now, events.Speech, started_at=0.0, ended_at=1.0, times=times, **said)


def test_the_answer_to_the_last_thing_said_is_heard_to_its_end() -> None:
    call = Heard(utterances=2)
    assert call.speech(1.0) is None
    assert call.spoken(2.0) is None
    assert call.spoken(3.0) == 8.0
    assert call.at(7.0, events.SpeechStarted, started_at=7.0) == 68.0
    assert call.speech(20.0) == 25.0
    assert call.at(66.0, events.SpeechStarted, started_at=7.0) == 68.0
    assert call.speech(67.0) == 68.0, "whoever goes on and on is not listened to for ever"
    assert call.leaving.unsaid == 0


def test_without_anything_to_say_the_call_is_not_hung_up() -> None:
    call = Heard(utterances=0)
    assert call.at(7.0, events.SpeechStarted, started_at=7.0) is None
    assert call.speech(20.0) is None
