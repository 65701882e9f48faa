"""A call as a stereo file: ours left, theirs right."""

import asyncio
import errno
import queue
import threading
from contextlib import closing
from pathlib import Path

import numpy as np

from hullo.audio.stereofile import create_stereo_file
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, SILENCE, Pcm
from hullo.rtc.clock import MAX_CATCH_UP

_WRITE_FRAMES = 25
_QUEUE_CHUNKS = 40
_SILENT_FRAME: Pcm = np.zeros((FRAME_SAMPLES, 2), np.int16)


class StereoRecording:
    """Writes what both sides of a call say, 48 kHz stereo, from a thread of its own: WAV or Ogg Opus by its name.

    Fed by the media tick: `theirs` and then `ours`, once each per frame; ticks that never came become silence, so
    the file keeps the time of the call. It is complete after every half second, so a killed process leaves a playable
    file. If the disk stalls for longer than 20 s, silence stands for what could not be written, and
    `dropped_ms` counts it.
    """

    def __init__(self, path: Path) -> None:
        """Begin a file that only we can read; an existing one is replaced. Raises `ValueError` and `OSError`."""
        self.path = path
        self.dropped_ms = 0
        self.written_ms = 0
        self.began: float | None = None
        """Monotonic time of the first sample."""
        self._file = create_stereo_file(path)
        self._chunks: queue.Queue[Pcm | None] = queue.Queue(_QUEUE_CHUNKS)
        self._pending: list[Pcm] = []
        self._theirs: Pcm = SILENCE
        self._frames = 0
        self._owed = 0
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._write, name=f"recording {path.name}", daemon=True)
        self._thread.start()

    def theirs(self, pcm: Pcm, now: float) -> None:
        """What the peer said in this tick."""
        self._theirs = pcm

    def ours(self, pcm: Pcm | None, now: float) -> None:
        """What we said in this tick; None is silence."""
        frame = np.empty((FRAME_SAMPLES, 2), np.int16)
        frame[:, 0] = SILENCE if pcm is None else pcm
        frame[:, 1] = self._theirs
        self._theirs = SILENCE
        self._fill_up_to(now)
        self._append(frame)

    def _fill_up_to(self, now: float) -> None:
        """Silence for ticks that never came, but not for those that the clock is about to make up for."""
        if self.began is not None:
            due = round((now - self.began) / FRAME_SECONDS)
            for _ in range(due - self._frames - MAX_CATCH_UP):
                self._append(_SILENT_FRAME)
        # A first tick that was late is made up for by the next ones: the earliest beginning that any tick tells is it.
        began = now - self._frames * FRAME_SECONDS
        self.began = began if self.began is None else min(self.began, began)

    def _append(self, frame: Pcm) -> None:
        self._frames += 1
        self._pending.append(frame)
        if len(self._pending) >= _WRITE_FRAMES:
            self._hand_over()

    async def close(self) -> None:
        """Write what is left and finish the file. Raises `OSError` if any of it could not be written."""
        if self._pending:
            self._hand_over()
        await asyncio.to_thread(self._stop)
        if self._error is not None:
            raise self._error

    def _hand_over(self) -> None:
        chunk = np.concatenate([np.zeros((self._owed, 2), np.int16), *self._pending])
        new = sum(map(len, self._pending))
        self._pending.clear()
        try:
            self._chunks.put_nowait(chunk)
            self._owed = 0
        except queue.Full:
            self._owed += new
            self.dropped_ms += new * 1000 // SAMPLE_RATE

    def _stop(self) -> None:
        self._chunks.put(None)
        self._thread.join()

    def _write(self) -> None:
        try:
            with closing(self._file):
                while (chunk := self._chunks.get()) is not None:
                    self._file.write(chunk)
                    self.written_ms += len(chunk) * 1000 // SAMPLE_RATE
        except OSError as error:
            self._refused(error)
        except Exception as error:  # the edge of a thread: whoever closes the recording has to hear of it
            self._refused(OSError(errno.EIO, f"it can't be encoded: {error!r}"))

    def _refused(self, error: OSError) -> None:
        """Take the rest and write none of it."""
        self._error = error
        while self._chunks.get() is not None:
            pass
