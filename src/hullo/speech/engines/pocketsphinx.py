"""The offline default recogniser: PocketSphinx with the US English model that its wheel carries."""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np

from hullo.media.pcm import Pcm
from hullo.speech.engines.engine import EngineInfo, Recognition, RecognitionRequest
from hullo.speech.errors import SpeechError, missing_package

_RATE = 16_000
_FLOOR_DBFS = -70.0
_SHORTEST = _RATE // 10
_LONGEST_PIECE = 6 * _RATE
_WINDOW = _RATE // 10


class PocketSphinxRecogniser:
    """A decoder with the full language model: about 0.3 s and 100 MB to make, 0.2 s per second of speech.

    It holds the GIL while it works, so it belongs in a process of its own. Raises `SpeechError` when the
    package is not installed.
    """

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError:
            raise missing_package("pocketsphinx") from None
        # Batch: the cepstral mean is that of the speech itself, not a running one of what other calls said before.
        self._decoder: Any = pocketsphinx.Decoder(pocketsphinx.Config(loglevel="FATAL", cmn="batch"))

    @property
    def info(self) -> EngineInfo:
        """Its name, version and languages."""
        return EngineInfo(
            name="pocketsphinx",
            description="CMU PocketSphinx, US English",
            url="https://github.com/cmusphinx/pocketsphinx",
            version=importlib.metadata.version("pocketsphinx"),
            model="en-us",
            languages=["en", "en-us"],
        )

    def transcribe(self, samples: Pcm, request: RecognitionRequest, wanted: Callable[[], bool]) -> Recognition | None:
        """The words in `samples` (16 kHz mono); None as soon as `wanted` says that nobody waits any more."""
        if request.hot_words:
            raise SpeechError("pocketsphinx takes no hot words: set recogniser to faster-whisper or another server")
        if len(samples) < _SHORTEST:
            return Recognition(text="", confidence=None)
        found: list[Recognition] = []
        for piece in _pieces(_with_floor(samples)):
            if not wanted():
                return None
            found.append(self._decode(piece))
        confidences = [one.confidence for one in found if one.confidence is not None]
        return Recognition(
            text=" ".join(one.text for one in found if one.text),
            confidence=round(sum(confidences) / len(confidences), 3) if confidences else None,
        )

    def _decode(self, piece: Pcm) -> Recognition:
        decoder = self._decoder
        decoder.reinit_feat()  # forgets the noise of the sound before, so that the same sound gives the same words
        decoder.start_utt()
        try:
            decoder.process_raw(piece.tobytes(), full_utt=True)
        finally:
            decoder.end_utt()
        best = decoder.hyp()
        words = [segment.prob for segment in decoder.seg() if segment.word[0] not in "<["] if best else []
        return Recognition(
            text=best.hypstr if words else "",
            confidence=sum(words) / len(words) if words else None,
        )


def _pieces(samples: Pcm) -> list[Pcm]:
    """Cut at the quietest places into pieces of at most 6 s.

    The decoder holds the GIL for a whole piece (about 1.5 s then), and the host has to answer its supervisor.
    """
    pieces = []
    while len(samples) > _LONGEST_PIECE:
        later_half = samples[_LONGEST_PIECE // 2 : _LONGEST_PIECE].astype(np.float32).reshape(-1, _WINDOW)
        quietest = int(np.argmin(np.square(later_half).sum(axis=1)))
        cut = _LONGEST_PIECE // 2 + quietest * _WINDOW + _WINDOW // 2
        pieces.append(samples[:cut])
        samples = samples[cut:]
    return [*pieces, samples]


def _with_floor(samples: Pcm) -> Pcm:
    """The sound over noise at -70 dBFS: the model was never trained on digital silence and stumbles there."""
    generator = np.random.default_rng(0)  # the same sound gives the same words
    noise = generator.normal(0.0, 32768.0 * 10 ** (_FLOOR_DBFS / 20), len(samples))
    return np.clip(samples + noise, -32768, 32767).astype(np.int16)
