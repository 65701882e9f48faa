"""Records a voice message to disk while it is spoken."""

import contextlib
import fcntl
import io
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from hullo.media.pcm import FRAME_SAMPLES, LOWEST_DBFS, SAMPLE_RATE, SILENCE, Pcm, level_dbfs
from hullo.messages import metadata
from hullo.messages.encoder import KEPT_AFTER, MessageEncoder
from hullo.messages.ending import end_stream
from hullo.messages.errors import RecordingFailed
from hullo.messages.metadata import VoiceMessageMetadata
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.waveform import pack

_QUEUE_FRAMES: Final = 1000
_SYNC_EVERY: Final = 1.0


class RecorderState(StrEnum):
    """What becomes of the sound that a recorder is given."""

    RECORDING = "recording"
    PAUSED = "paused"
    FULL = "full"
    """The limit is reached: nothing more is taken."""
    BROKEN = "broken"
    """The disk refused it."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class LimitNear:
    """The message will be full in `remaining` seconds of sound."""

    remaining: float


@dataclass(frozen=True, slots=True)
class LimitReached:
    """The message is full: `elapsed` seconds."""

    elapsed: float


@dataclass(frozen=True, slots=True)
class RecordingBroke:
    """The disk refuses what is recorded; `stop` tells why and keeps what there is."""

    detail: str


RecorderEvent: TypeAlias = LimitNear | LimitReached | RecordingBroke


class _End:
    """Behind the last sound in the queue."""


class VoiceMessageRecorder:
    """Writes 48 kHz mono sound into an Ogg Opus file, encoded and written by a thread of its own.

    Half a second of sound at most is not on its way to the disk yet, and the disk is asked to keep what it has once a
    second, so a killed process leaves a playable file; `MessageStore.recover` finishes it. While a message is being
    recorded its file is locked. Feed it from one thread; `on_event` is called there, and returns at once.
    """

    def __init__(
        self,
        path: Path,
        options: RecorderOptions | None = None,
        *,
        on_event: Callable[[RecorderEvent], None] = lambda event: None,
        now: datetime | None = None,
    ) -> None:
        """Begin a file that only we can read. Raises `RecordingFailed` if it can't be made or is there already."""
        self.path = path
        self.level = LOWEST_DBFS
        """Of the last frame that was fed, in dBFS."""
        self.dropped_ms = 0
        """What a stalled disk cost: silence stands for it."""
        self._options = options or RecorderOptions()
        self._created = now or datetime.now(UTC)
        self._on_event = on_event
        self._limit = round(self._options.max_seconds * SAMPLE_RATE)
        self._fed = 0
        self._owed = 0
        self._state = RecorderState.RECORDING
        self._error: OSError | None = None
        self._encoder = MessageEncoder(
            bitrate=self._options.bitrate, serial=secrets.randbits(32), skip_silence=self._options.trim_silence
        )
        self._file = _new_file(path)
        self._work: queue.Queue[Pcm | _End | None] = queue.Queue(_QUEUE_FRAMES)
        self._thread = threading.Thread(target=self._write, name=f"message {path.name}", daemon=True)
        self._thread.start()

    @property
    def state(self) -> RecorderState:
        """What becomes of what is fed now."""
        return self._state

    @property
    def elapsed(self) -> float:
        """Seconds of sound taken so far."""
        return self._fed / SAMPLE_RATE

    def hear(self, pcm: Pcm, now: float) -> None:
        """A frame of a call, as an `Ear`: never waits. After 20 s of a stalled disk silence stands for the sound."""
        taken = self._admit(pcm)
        if not len(taken):
            return
        while self._owed and not self._work.full():
            silence = SILENCE[: self._owed]
            self._owed -= len(silence)
            self._work.put_nowait(silence)
        if not self._work.full():
            self._work.put_nowait(taken)
        else:
            self._owed += len(taken)
            self.dropped_ms += len(taken) * 1000 // SAMPLE_RATE

    def write(self, pcm: Pcm) -> None:
        """Sound from a file, any number of samples: waits for the disk, so not for the event loop."""
        taken = self._admit(pcm)
        for begin in range(0, len(taken), FRAME_SAMPLES):
            self._work.put(taken[begin : begin + FRAME_SAMPLES])

    def pause(self) -> None:
        """Take nothing until `resume`; what was taken is written."""
        if self._state is RecorderState.RECORDING:
            self._state = RecorderState.PAUSED
            with contextlib.suppress(queue.Full):  # so much is waiting that pages are written all the time
                self._work.put_nowait(None)

    def resume(self) -> None:
        """Go on where `pause` left off."""
        if self._state is RecorderState.PAUSED:
            self._state = RecorderState.RECORDING

    def stop(self) -> VoiceMessageMetadata:
        """Finish the file and describe it; waits for the disk, so call it from a thread.

        Raises `RecordingFailed` if the disk refused any of it: what was recorded before is kept, and finished.
        """
        self._join()
        with self._file:
            try:
                if self._error is not None:
                    raise self._error
                described = self._describe(self._length())
                metadata.save(self.path, described)
            except OSError as error:
                raise self._failed(error) from error
        return described

    def discard(self) -> None:
        """Stop, and leave nothing behind."""
        self._join()
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _admit(self, pcm: Pcm) -> Pcm:
        """What of it is to be recorded."""
        self.level = level_dbfs(pcm)
        if self._state is RecorderState.RECORDING and self._error is not None:
            self._state = RecorderState.BROKEN
            self._on_event(RecordingBroke(_reason(self._error)))
        if self._state is not RecorderState.RECORDING:
            return pcm[:0]
        taken = pcm[: self._limit - self._fed]
        before, self._fed = self._fed, self._fed + len(taken)
        warn = max(self._limit - round(self._options.warn_before * SAMPLE_RATE), 1)
        if before < warn <= self._fed:
            self._on_event(LimitNear((self._limit - self._fed) / SAMPLE_RATE))
        if self._fed == self._limit:
            self._state = RecorderState.FULL
            self._on_event(LimitReached(self.elapsed))
        return taken

    def _join(self) -> None:
        if self._state is not RecorderState.STOPPED:
            self._state = RecorderState.STOPPED
            while self._owed:
                silence = SILENCE[: self._owed]
                self._owed -= len(silence)
                self._work.put(silence)
            self._work.put(_End())
            self._thread.join()

    def _length(self) -> int:
        """Of the message in samples, without the silence at its end if that is not wanted."""
        samples, heard = self._encoder.samples, self._encoder.sound_until + KEPT_AFTER
        if self._options.trim_silence and heard < samples:
            samples = end_stream(self._file, heard)
        os.fsync(self._file.fileno())
        return samples

    def _describe(self, samples: int) -> VoiceMessageMetadata:
        return VoiceMessageMetadata(
            id=secrets.token_hex(8),
            created=self._created,
            duration=samples / SAMPLE_RATE,
            size=self._file.seek(0, os.SEEK_END),
            waveform=pack(self._encoder.meter.levels(samples)),
            bitrate=self._options.bitrate,
        )

    def _failed(self, error: OSError) -> RecordingFailed:
        kept = 0
        with contextlib.suppress(OSError):  # the message plays without either
            kept = end_stream(self._file)
            metadata.save(self.path, self._describe(kept))
        return RecordingFailed(
            f"{self.path} could not be recorded to its end: {_reason(error)}; "
            f"the first {kept / SAMPLE_RATE:.1f} s of {self.elapsed:.1f} s are kept"
        )

    # In the thread

    def _write(self) -> None:
        try:
            self._append(self._encoder.begin())
            synced = time.monotonic()
            while not isinstance(pcm := self._work.get(), _End):
                self._append(self._encoder.flush() if pcm is None else self._encoder.feed(pcm))
                if time.monotonic() - synced > _SYNC_EVERY:
                    os.fdatasync(self._file.fileno())
                    synced = time.monotonic()
            self._append(self._encoder.finish())
        except OSError as error:
            self._error = error
            while not isinstance(self._work.get(), _End):
                pass

    def _append(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]


def _new_file(path: Path) -> io.FileIO:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise RecordingFailed(f"{path} is there already: name another file") from None
    except OSError as error:
        raise RecordingFailed(f"{path} can't be made: {_reason(error)}") from None
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return io.FileIO(descriptor, "r+")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
