"""For packages that bring a recogniser or a voice of their own: what an engine is given and what it gives.

An engine is made by the callable that an entry point of the group `hullo.recognisers` or `hullo.voices` names; the
callable's keyword arguments (`model`, `prompt`; `voice`, `speaker`, `speed`, `pitch`) are the settings that it takes,
and with `report` it is given a function to tell of downloads. It runs in a process of its own, one call at a time.
`docs/speech.md` and `examples/parrot` show how.
"""

from hullo.media.pcm import Pcm
from hullo.speech.engines.download import Report
from hullo.speech.engines.engine import (
    Emit,
    EngineInfo,
    RecogniserEngine,
    Recognition,
    RecognitionRequest,
    VoiceEngine,
)
from hullo.speech.errors import SpeechError
from hullo.speech.ports import WordTiming

__all__ = [
    "Emit",
    "EngineInfo",
    "Pcm",
    "RecogniserEngine",
    "Recognition",
    "RecognitionRequest",
    "Report",
    "SpeechError",
    "VoiceEngine",
    "WordTiming",
]
