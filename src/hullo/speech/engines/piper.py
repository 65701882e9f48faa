"""Piper: neural voices for many languages, each a file. GPL-3.0, which is why it lives in a host process of its own."""

import importlib.metadata
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hullo.speech.engines.download import Report, download, models_directory
from hullo.speech.engines.engine import Emit, EngineInfo
from hullo.speech.engines.piper_timing import telling_times, word_starts
from hullo.speech.errors import SpeechError, missing_package
from hullo.speech.ports import WordTiming

_NAME = re.compile(r"(?P<family>[a-z]{2,3})_(?P<region>[A-Za-z]+)-(?P<name>[^-/]+)-(?P<quality>[a-z_]+)")
_REPOSITORY = "rhasspy/piper-voices"
_MARKS = "!'(),-.:;?\"¡¿"
_BLOCK = 4_096
_MOST_THREADS = 4
_LEAST_SPEED, _MOST_SPEED = 0.25, 4.0


class PiperEngine:
    """The voice `voice`: a name such as `en_US-lessac-medium`, or the path of an `.onnx` file with its `.onnx.json`.

    `speed` 2.0 speaks twice as fast; `speaker` is a name or a number, for voices that have several. Raises
    `SpeechError` when the package or the voice can't be had.
    """

    def __init__(
        self,
        *,
        voice: str = "en_US-lessac-medium",
        speed: float = 1.0,
        speaker: str | None = None,
        report: Report,
    ) -> None:
        if not _LEAST_SPEED <= speed <= _MOST_SPEED:
            raise SpeechError(f"Piper's speed is {_LEAST_SPEED:g} to {_MOST_SPEED:g}, 1 is normal, not {speed:g}")
        try:
            import piper
        except ImportError:
            raise missing_package("piper-tts", extra="piper") from None
        path = _voice_file(voice, report)
        self._piper: Any = piper
        self._voice = _load(path, piper)
        self._name = path.stem
        self._speed = speed
        self._speaker = speaker
        self._configuration(None)

    @property
    def rate(self) -> int:
        """Sample rate of what it says, Hz; it depends on the voice."""
        return int(self._voice.config.sample_rate)

    @property
    def info(self) -> EngineInfo:
        """Its name, version and language."""
        language = str(self._voice.config.espeak_voice)
        return EngineInfo(
            name="piper",
            description="Piper",
            url="https://github.com/OHF-voice/piper1-gpl",
            version=importlib.metadata.version("piper-tts"),
            model=self._name,
            languages=[language],
            speakers=list(self._voice.config.speaker_id_map),
        )

    def synthesise(self, text: str, voice: str | None, speaker: str | None, emit: Emit) -> None:
        """See `VoiceEngine.synthesise`. Words have times, but for voices that are no ordinary model of Piper's."""
        if voice not in (None, self._name):
            raise SpeechError(f"This Piper speaks with the voice {self._name}, not '{voice}': set that one to speak")
        before = 0
        for chunk in self._voice.synthesize(text, self._configuration(speaker), include_alignments=True):
            words = list(_words(chunk, text, self._voice)) if before == 0 else []
            sound = chunk.audio_int16_array
            for at in range(0, len(sound), _BLOCK):
                if not emit(sound[at : at + _BLOCK].tobytes(), words if at == 0 else ()):
                    return
            before += len(sound)

    def _configuration(self, speaker: str | None) -> Any:
        wanted = speaker if speaker is not None else self._speaker
        scale = self._voice.config.length_scale / self._speed
        return self._piper.SynthesisConfig(speaker_id=self._speaker_id(wanted), length_scale=scale)

    def _speaker_id(self, speaker: str | None) -> int | None:
        if speaker is None:
            return None
        known: dict[str, int] = self._voice.config.speaker_id_map
        if speaker in known:
            return known[speaker]
        if speaker.isdigit() and int(speaker) < self._voice.config.num_speakers:
            return int(speaker)
        has = ", ".join(list(known)[:20]) or "only one"
        raise SpeechError(f"The voice {self._name} has no speaker '{speaker}'; it has {has}")


def _load(path: Path, piper: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Calls run on the same machine: no thread for every core, and none that spins while it waits.
    options.intra_op_num_threads = max(1, min(_MOST_THREADS, (os.cpu_count() or 2) // 2))
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    there = onnxruntime.get_available_providers()
    providers = [one for one in ("CUDAExecutionProvider", "CPUExecutionProvider") if one in there]
    try:
        configuration = piper.PiperConfig.from_dict(json.loads(Path(f"{path}.json").read_text("utf-8")))
        model = telling_times(path.read_bytes())
        session = onnxruntime.InferenceSession(model, sess_options=options, providers=providers)
    except Exception as error:  # onnxruntime has no class for what it raises; all of it means this
        raise SpeechError(f"{path} can't be loaded as a Piper voice: {error!r}") from None
    return piper.PiperVoice(session=session, config=configuration, download_dir=models_directory())


def _voice_file(voice: str, report: Report) -> Path:
    if voice.endswith(".onnx"):
        path = Path(voice).expanduser()
        for needed in (path, Path(f"{path}.json")):
            if not needed.is_file():
                raise SpeechError(f"There is no file {needed}: a Piper voice is an .onnx file and its .onnx.json")
        return path
    match = _NAME.fullmatch(voice)
    if match is None:
        raise SpeechError(
            f"There is no Piper voice '{voice}': use a name like en_US-lessac-medium, or the path of an .onnx file"
        )
    directory = models_directory() / "piper"
    folder = f"{match['family']}/{match['family']}_{match['region']}/{match['name']}/{match['quality']}"
    # The configuration last: with it, everything is there.
    files = [f"{folder}/{voice}.onnx", f"{folder}/{voice}.onnx.json"]
    download(_REPOSITORY, files, directory, f"the Piper voice '{voice}'", report)
    return directory / f"{voice}.onnx"


def _words(chunk: Any, text: str, voice: Any) -> Iterator[WordTiming]:
    """When each word begins, if the voice tells how long each phoneme takes."""
    if not chunk.phoneme_alignments or len(voice.phonemize(text)) != 1:
        return  # of several sentences it is not known which words are in which chunk
    said, at = [], 0
    for one in chunk.phoneme_alignments:
        said.append((str(one.phoneme), at / chunk.sample_rate))
        at += int(one.num_samples)
    words = text.split()
    alone = [list(itertools.chain.from_iterable(voice.phonemize(word))) for word in words]
    for word, start in zip(words, word_starts(alone, said), strict=True):
        if start is not None:
            yield WordTiming(word.strip(_MARKS), round(start, 3))
