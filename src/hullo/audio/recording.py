"""A call as a stereo WAV file: ours left, theirs right."""

import asyncio
import queue
import threading
import wave
from pathlib import Path

import numpy as np

from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, SILENCE, Pcm

_WRITE_FRAMES = 25
_QUEUE_CHUNKS = 40


class StereoRecording:
    """Writes what both sides of a call say, 48 kHz stereo s16, from a thread of its own.

    Fed by the media tick: `theirs` and then `ours`, once each per frame. The header is kept true after every
    half second, so a killed process leaves a playable file. If the disk stalls for longer than 20 s the newest
    half seconds are left out and counted in `dropped_ms`.
    """

    def __init__(self, path: Path, file: wave.Wave_write) -> None:
        self.path = path
        self.dropped_ms = 0
        self.began: float | None = None
        self._file = file
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_QUEUE_CHUNKS)
        self._pending: list[Pcm] = []
        self._theirs: Pcm = SILENCE
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._write, name=f"recording {path.name}", daemon=True)
        self._thread.start()

    @classmethod
    async def create(cls, path: Path) -> "StereoRecording":
        """Begin a file; an existing one is replaced. Raises `OSError`."""
        return cls(path, await asyncio.to_thread(_open, path))

    def theirs(self, pcm: Pcm, now: float) -> None:
        """What the peer said in this tick."""
        if self.began is None:
            self.began = now
        self._theirs = pcm

    def ours(self, pcm: Pcm | None, now: float) -> None:
        """What we said in this tick; None is silence."""
        frame = np.empty((FRAME_SAMPLES, 2), np.int16)
        frame[:, 0] = SILENCE if pcm is None else pcm
        frame[:, 1] = self._theirs
        self._theirs = SILENCE
        self._pending.append(frame)
        if len(self._pending) >= _WRITE_FRAMES:
            self._hand_over()

    async def close(self) -> None:
        """Write what is left and finish the file. Raises `OSError` if the disk refused any of it."""
        if self._pending:
            self._hand_over()
        await asyncio.to_thread(self._stop)
        if self._error is not None:
            raise self._error

    def _hand_over(self) -> None:
        chunk = np.concatenate(self._pending).tobytes()
        self._pending.clear()
        try:
            self._chunks.put_nowait(chunk)
        except queue.Full:
            self.dropped_ms += len(chunk) * 1000 // (4 * SAMPLE_RATE)

    def _stop(self) -> None:
        self._chunks.put(None)
        self._thread.join()

    def _write(self) -> None:
        try:
            with self._file:
                while (chunk := self._chunks.get()) is not None:
                    self._file.writeframes(chunk)
        except OSError as error:
            self._error = error
            while self._chunks.get() is not None:
                pass


def _open(path: Path) -> wave.Wave_write:
    file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by the thread that writes it
    file.setnchannels(2)
    file.setsampwidth(2)
    file.setframerate(SAMPLE_RATE)
    return file
