"""Words in the sound of voices of another family, Flite's, whose library tells where they truly are."""

import pytest

from bench.flite import said
from hullo.media.pcm import SAMPLE_RATE
from hullo.speech.aligning.spectrum import RATE
from hullo.speech.engines.espeak_aligner import EspeakAligner
from hullo.speech.listening.resample import resample
from tests.speech.support import espeak_in_process

pytestmark = pytest.mark.peer

TEXTS = [
    "There is a garden behind the house, where you can sit when the weather is fine.",
    "Dr. Smith can see you on Monday at 7:30, or on Wednesday afternoon.",
    "Please tell me how many people will come, and whether somebody eats no meat.",
]


@pytest.mark.parametrize("voice", ["slt", "rms", "awb", "kal16"])
def test_nearly_all_words_are_found_within_60_ms(voice: str) -> None:
    errors: list[float] = []
    for text in TEXTS:
        sound, truth = said(text, voice)
        found = EspeakAligner(espeak_in_process()).align(text, "en", resample(sound, SAMPLE_RATE, RATE), complete=True)
        at = 0
        for one in found:
            number = next((n for n in range(at, len(truth)) if truth[n].word.strip(",.") == one.word), None)
            if number is not None:  # what is read of a number or an abbreviation is written otherwise
                errors.append(abs(truth[number].start_s - one.start_s))
                at = number + 1
    assert len(errors) >= 35
    assert sum(error <= 0.06 for error in errors) / len(errors) >= 0.9
