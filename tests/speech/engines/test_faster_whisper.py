"""faster-whisper itself, with a model that fits into a test: real files, real loading, real decoding, no network."""

import threading
from pathlib import Path

import numpy as np
import pytest

from hullo.media.pcm import Pcm
from hullo.speech.engines.engine import RecognitionRequest
from hullo.speech.engines.faster_whisper import FasterWhisperRecogniser
from hullo.speech.errors import SpeechError
from hullo.speech.listening.resample import resample
from hullo.speech.servers.client import VoiceClient
from tests.speech.models.whisper import SENTENCE, make_whisper
from tests.speech.support import silence, spoken, white_noise

ANYTHING = RecognitionRequest()


def no_report(what: str, done: int, total: int) -> None:
    raise AssertionError("nothing is downloaded here")


def recogniser(model: Path | str, prompt: str | None = None) -> FasterWhisperRecogniser:
    return FasterWhisperRecogniser(model=str(model), prompt=prompt, report=no_report)


@pytest.fixture
async def speech(voice: VoiceClient) -> Pcm:
    return resample(await spoken(voice, "Do you have a table for four people?"), 48_000, 16_000)


async def test_a_model_from_a_directory_hears_speech(whisper_model: Path, speech: Pcm) -> None:
    engine = recogniser(whisper_model)
    found = engine.transcribe(speech, ANYTHING, lambda: True)
    assert found is not None
    assert (found.text, found.language) == (SENTENCE, "en")
    assert found.confidence is not None
    assert 0.5 < found.confidence <= 1.0
    assert engine.info.languages == ["en"]


@pytest.mark.parametrize("samples", [silence(2.0, 16_000), white_noise(2.0, -60, 16_000), silence(0.01, 16_000)])
def test_what_is_no_speech_has_no_words(whisper_model: Path, samples: Pcm) -> None:
    found = recogniser(whisper_model).transcribe(samples, ANYTHING, lambda: True)
    assert found is not None
    assert found.text == ""


async def test_longer_speech_than_the_window_of_the_model(whisper_model: Path, speech: Pcm) -> None:
    samples = np.concatenate([speech, silence(31.0, 16_000), speech])
    found = recogniser(whisper_model).transcribe(samples, ANYTHING, lambda: True)
    assert found is not None
    assert found.text == f"{SENTENCE} {SENTENCE}"


async def test_the_language_is_found_or_taken_as_given(tmp_path: Path, speech: Pcm) -> None:
    engine = recogniser(make_whisper(tmp_path / "many", multilingual=True))
    assert {"de", "en", "uk"} < set(engine.info.languages)
    found = engine.transcribe(speech, ANYTHING, lambda: True)
    given = engine.transcribe(speech, RecognitionRequest(language="de"), lambda: True)
    assert found is not None
    assert given is not None
    assert (found.language, given.language) == ("en", "de")


async def test_prompt_and_hot_words_reach_the_model(
    whisper_model: Path, speech: Pcm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can't change what a model of 2 MB says, so this watches the tokens that it is given."""
    engine = recogniser(whisper_model, prompt="hello")
    real, prompts = engine._model.model.generate, []

    def watched(features: object, given: list[list[int]], **options: object) -> object:
        prompts.append(given[0])
        return real(features, given, **options)

    monkeypatch.setattr(engine._model, "model", _Watched(engine._model.model, watched))
    assert engine.transcribe(speech, RecognitionRequest(hot_words=("tiny", "model")), lambda: True) is not None
    token = engine._model.hf_tokenizer.token_to_id
    assert {token("hello"), token("tiny"), token("model")} < set(prompts[0])


class _Watched:
    """The real model but for `generate`."""

    def __init__(self, model: object, generate: object) -> None:
        self._model = model
        self.generate = generate

    def __getattr__(self, name: str) -> object:
        return getattr(self._model, name)


async def test_what_nobody_wants_is_given_up(whisper_model: Path, speech: Pcm) -> None:
    left = threading.Event()
    left.set()
    assert recogniser(whisper_model).transcribe(speech, ANYTHING, lambda: not left.is_set()) is None


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("huge", "There is no Whisper model 'huge': use tiny.en, tiny, base.en"),
        ("/no/such/model", "There is no directory /no/such/model"),
        ("~/no/such/model", "There is no directory"),
        (".", "is no faster-whisper model: it holds no model.bin"),
    ],
)
def test_a_model_that_is_not_there_is_one_clear_error(model: str, said: str) -> None:
    with pytest.raises(SpeechError, match=said):
        recogniser(model)


def test_a_broken_model_is_one_clear_error(whisper_model: Path, tmp_path: Path) -> None:
    for file in whisper_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SpeechError, match="can't be loaded as a faster-whisper model"):
        recogniser(tmp_path)
