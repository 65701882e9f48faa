import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hullo.media.pcm import Pcm
from hullo.speech.errors import SpeechError
from hullo.speech.listening.resample import resample
from hullo.speech.listening.vad import CHUNK_SAMPLES, VAD_RATE, SileroModel, VoiceActivity
from hullo.speech.servers.client import VoiceClient
from tests.speech.support import spoken, white_noise


def probabilities(model: SileroModel, samples: Pcm) -> list[float]:
    stream = VoiceActivity(model)
    whole = len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES
    return [stream.probability(chunk) for chunk in samples[:whole].reshape(-1, CHUNK_SAMPLES)]


async def test_speech_is_likely_and_noise_is_not(model: SileroModel, voice: VoiceClient) -> None:
    speech = resample(await spoken(voice, "I would like to make an appointment."), 48_000, VAD_RATE)
    assert np.median(probabilities(model, speech)) > 0.8
    assert max(probabilities(model, white_noise(3, -30, VAD_RATE))) < 0.3


async def test_streams_on_one_model_do_not_disturb_each_other(model: SileroModel, voice: VoiceClient) -> None:
    speech = resample(await spoken(voice, "Where is my order?"), 48_000, VAD_RATE)
    alone = probabilities(model, speech)
    one, other = VoiceActivity(model), VoiceActivity(model)
    together = []
    for start in range(0, len(speech) - CHUNK_SAMPLES, CHUNK_SAMPLES):
        together.append(one.probability(speech[start : start + CHUNK_SAMPLES]))
        other.probability(white_noise(0.032, -30, VAD_RATE))
    assert together == alone[: len(together)]


def test_only_whole_chunks_are_taken(model: SileroModel) -> None:
    with pytest.raises(ValueError, match="512"):
        VoiceActivity(model).probability(np.zeros(320, dtype=np.int16))


def test_the_runtime_does_not_report_home(tmp_path: Path) -> None:
    program = "from hullo.speech.listening.vad import SileroModel; SileroModel()"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", program], env={**environment, "TMPDIR": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == [], "its telemetry keeps a session file there"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SpeechError, match=r"onnxruntime.*pip install 'hullo\[speech\]'"):
        SileroModel()
