"""Whisper through faster-whisper and CTranslate2: any model by name or path, on the GPU if there is one."""

import importlib.metadata
import math
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hullo.media.pcm import Pcm
from hullo.speech.engines.download import Report, download, models_directory, repository_files
from hullo.speech.engines.engine import EngineInfo, Recognition, RecognitionRequest
from hullo.speech.errors import SpeechError, missing_package

_SHORTEST = 1_600
_MOST_THREADS = 4
_FILES = re.compile(r"config\.json|preprocessor_config\.json|model\.bin|tokenizer\.json|vocabulary\..*")


class FasterWhisperRecogniser:
    """The model `model`: a name such as `base` or `small.en`, `owner/repository` on the hub, or a directory.

    int8 on the processor, with half of its cores, at most 4; as it was saved on CUDA. `prompt` is text that might have
    come before, in the spelling and with the names to expect. Raises `SpeechError` when the package or the model can't
    be had.
    """

    def __init__(self, *, model: str = "base", prompt: str | None = None, report: Report) -> None:
        # Its own cache is looked at, but what is missing is fetched by us, with progress and an error for people.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            import ctranslate2
            import faster_whisper
        except ImportError:
            raise missing_package("faster-whisper", extra="whisper") from None
        path = _model_directory(model, faster_whisper, report)
        self._model_name = model
        self._prompt = prompt
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        try:
            self._model: Any = faster_whisper.WhisperModel(
                str(path),
                device=device,
                compute_type="int8" if device == "cpu" else "default",
                cpu_threads=max(1, min(_MOST_THREADS, (os.cpu_count() or 2) // 2)),
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise SpeechError(f"{path} can't be loaded as a faster-whisper model: {error}") from None

    @property
    def info(self) -> EngineInfo:
        """Its name, version and languages."""
        return EngineInfo(
            name="faster-whisper",
            description="Whisper by faster-whisper",
            url="https://github.com/SYSTRAN/faster-whisper",
            version=importlib.metadata.version("faster-whisper"),
            model=self._model_name,
            languages=list(self._model.supported_languages),
        )

    def transcribe(self, samples: Pcm, request: RecognitionRequest, wanted: Callable[[], bool]) -> Recognition | None:
        """See `RecogniserEngine.transcribe`. A stretch of 30 s is the least that it can give up."""
        if not wanted():
            return None
        if len(samples) < _SHORTEST:
            return Recognition(text="", confidence=None)
        language = request.language.partition("-")[0] if request.language is not None else None
        segments, info = self._model.transcribe(
            samples.astype(np.float32) / 32768,
            language=language,
            initial_prompt=self._prompt,
            hotwords=", ".join(request.hot_words) or None,
            # One answer, and soon: no second look at a higher temperature, no time stamps, no other candidates.
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return _joined(segments, info.language, wanted)


def _joined(segments: Iterable[Any], language: str, wanted: Callable[[], bool]) -> Recognition | None:
    texts, logarithms, tokens = [], 0.0, 0
    for segment in segments:
        if not wanted():
            return None
        texts.append(segment.text.strip())
        logarithms += segment.avg_logprob * len(segment.tokens)
        tokens += len(segment.tokens)
    confidence = round(math.exp(logarithms / tokens), 3) if tokens else None
    return Recognition(text=" ".join(filter(None, texts)), confidence=confidence, language=language)


def _model_directory(model: str, faster_whisper: Any, report: Report) -> Path:
    given = Path(model).expanduser()
    if given.is_dir():
        if not (given / "model.bin").is_file() or not (given / "tokenizer.json").is_file():
            raise SpeechError(f"{given} is no faster-whisper model: it holds no model.bin and tokenizer.json")
        return given
    if given.is_absolute() or model.startswith((".", "~")):
        raise SpeechError(f"There is no directory {given}: set model to one with a faster-whisper model, or to a name")
    repository = _repository(model, faster_whisper)
    try:
        return Path(faster_whisper.download_model(model, local_files_only=True))
    except (OSError, ValueError):  # not in the cache of the hub
        return _downloaded(model, repository, report)


def _repository(model: str, faster_whisper: Any) -> str:
    if re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return model
    known: dict[str, str] = faster_whisper.utils._MODELS
    if model not in known:
        raise SpeechError(f"There is no Whisper model '{model}': use {', '.join(known)}, or the path of a directory")
    return known[model]


def _downloaded(model: str, repository: str, report: Report) -> Path:
    directory = models_directory() / repository.replace("/", "--")
    complete = directory / "complete"
    if not complete.exists():
        what = f"the Whisper model '{model}'"
        files = [name for name in repository_files(repository, what) if _FILES.fullmatch(name)]
        if "model.bin" not in files:
            raise SpeechError(f"{repository} holds no faster-whisper model: it has no model.bin")
        download(repository, files, directory, what, report)
        complete.touch()
    return directory
