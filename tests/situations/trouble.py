"""A package with engines that fail in every way that an engine can, as a third party might have written them."""

from pathlib import Path

TROUBLES = ("crash", "hang", "raise", "rate")
"""Beside them there is `work`, in which nothing else of its process runs for 2 s of work."""

_CODE = """
import os
import time

from hullo.engines import EngineInfo, Recognition, SpeechError

INFO = EngineInfo("trouble", "", "", "1", "trouble", ["en"])


class Ear:
    info = INFO

    def __init__(self, *, model):
        self.trouble = model

    def transcribe(self, samples, request, wanted):
        _fail(self.trouble)
        return Recognition("nothing is wrong", 1.0)


class Beak:
    info = INFO

    def __init__(self, *, voice):
        self.trouble = voice

    @property
    def rate(self):
        return 123 if self.trouble == "rate" else 16_000

    def synthesise(self, text, voice, speaker, emit):
        emit(b"\\1\\1" * 16_000)
        if "trouble" in text:
            _fail(self.trouble)
        emit(b"\\1\\1" * 16_000)


def _fail(trouble):
    if trouble == "crash":
        os._exit(7)
    if trouble == "hang":
        time.sleep(3600)
    if trouble == "work":
        sum(range(100_000_000))
    if trouble == "raise":
        raise RuntimeError("out of luck")
"""


def put_trouble(directory: Path) -> Path:
    """Install it into a directory."""
    directory.mkdir()
    (directory / "trouble_engines.py").write_text(_CODE)
    metadata = directory / "trouble-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: trouble\nVersion: 1\n")
    entries = "[hullo.recognisers]\ntrouble = trouble_engines:Ear\n[hullo.voices]\ntrouble = trouble_engines:Beak\n"
    (metadata / "entry_points.txt").write_text(entries)
    return directory
