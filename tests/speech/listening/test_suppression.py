import sys

import numpy as np
import pytest

from hullo.media.pcm import level_dbfs
from hullo.speech.errors import SpeechError
from hullo.speech.listening.suppression import NoiseSuppressor
from tests.speech.support import mixed, silence, tone, white_noise


def test_noise_goes_down_whatever_the_length_of_the_frames() -> None:
    pytest.importorskip("livekit")
    suppressor = NoiseSuppressor()
    noise = white_noise(3.0, -40.0)
    out = [suppressor.clean(noise[at : at + 1000]) for at in range(0, len(noise), 1000)]
    assert {len(piece) % 480 for piece in out} == {0}
    cleaned = np.concatenate(out)
    assert len(noise) - 480 < len(cleaned) <= len(noise)
    assert level_dbfs(cleaned[-48_000:]) < level_dbfs(noise) - 10


def test_a_voice_over_the_noise_stays() -> None:
    pytest.importorskip("livekit")
    suppressor = NoiseSuppressor()
    voice = np.tile(np.concatenate([tone(0.2, 300.0), silence(0.2)]), 8)
    cleaned = suppressor.clean(mixed(voice, white_noise(len(voice) / 48_000, -50.0)))
    assert level_dbfs(cleaned[-96_000:]) == pytest.approx(level_dbfs(voice), abs=3.0)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    with pytest.raises(SpeechError, match=r"pip install 'hullo\[devices\]'"):
        NoiseSuppressor()
