import subprocess
import sys

import numpy as np
import pytest

from hullo.speech.endpointing.pitch import final_fall, pitch
from tests.speech.endpointing.voices import FALLING, LEVEL, NOISE, RISING, vowel


@pytest.mark.parametrize("hertz", [70, 95, 140, 210, 330])
@pytest.mark.parametrize("noise", [20.0, 1000.0], ids=["clean", "noisy"])
def test_the_pitch_of_a_vowel(hertz: float, noise: float) -> None:
    found = pitch(vowel([hertz, hertz], 0.5, noise))
    assert len(found) >= 15
    assert np.median(found) == pytest.approx(hertz, rel=0.03)


def test_noise_and_silence_and_nothing_have_no_pitch() -> None:
    assert len(pitch(NOISE)) < 5
    for empty in (np.zeros(16_000, np.int16), np.zeros(100, np.int16), np.zeros(0, np.int16)):
        assert len(pitch(empty)) == 0
        assert final_fall(empty) is None


def test_a_voice_that_falls_to_its_bottom_is_told_from_one_that_stays_up() -> None:
    falls = [final_fall(voice) for voice in (FALLING, LEVEL, RISING)]
    assert falls[0] is not None
    assert falls[1] is not None
    assert falls[2] is not None
    assert falls[0] >= -0.1
    assert falls[1] < -1.0
    assert falls[2] < falls[1]


def test_the_first_melody_of_a_process_imports_nothing_in_the_media_tick() -> None:
    first = (
        "import sys, numpy as np; from hullo.speech.endpointing.pitch import final_fall; "
        "vowel = np.int16(3000 * np.sin(np.arange(32_000) / 20)); known = set(sys.modules); "
        "assert final_fall(vowel) is not None; print(*set(sys.modules) - known)"
    )
    found = subprocess.run([sys.executable, "-c", first], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.split() == []
