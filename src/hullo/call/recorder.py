"""The recordings of one call: a stereo file at a time, and beside it what was said."""

import asyncio
import time
from pathlib import Path

from hullo.audio.recording import StereoRecording
from hullo.call.errors import WrongState
from hullo.call.events import Event
from hullo.call.report import RecordingReport
from hullo.call.transcript import TranscriptFile
from hullo.media.pcm import Pcm


class CallRecorder:
    """Records a call whenever it is asked to. The frames of the media tick pass through it."""

    def __init__(self, call_id: str) -> None:
        self.reports: list[RecordingReport] = []
        """The recordings that are finished."""
        self._call_id = call_id
        self._recording: StereoRecording | None = None
        self._transcript: TranscriptFile | None = None
        self._stopping = asyncio.Lock()

    @property
    def path(self) -> str | None:
        """The file that is being written, if one is."""
        return None if self._recording is None else str(self._recording.path)

    def start(self, path: Path, transcript: Path | None) -> None:
        """Begin to record, and with `transcript` to write down. Raises as `Call.start_recording`."""
        if self._recording is not None:
            raise WrongState(f"call {self._call_id} is being recorded", "stop that recording first")
        if transcript == path:
            raise ValueError("the recording and its transcript can't be the same file")
        written = TranscriptFile(transcript, time.monotonic()) if transcript is not None else None
        try:
            self._recording = StereoRecording(path)
        except (OSError, ValueError):
            if written is not None:
                written.close()
            raise
        self._transcript = written

    async def stop(self) -> str:
        """Finish the recording and give its path. Raises as `Call.stop_recording`."""
        async with self._stopping:
            if self._recording is None:
                raise WrongState(f"call {self._call_id} is not being recorded", "start with call.record {path}")
            return await self._finish(self._recording)

    async def end(self) -> None:
        """The call is over: finish a recording that goes on, wait for one that is being finished. Raises `OSError`."""
        async with self._stopping:
            if self._recording is not None:
                await self._finish(self._recording)

    async def _finish(self, recording: StereoRecording) -> str:
        transcript = self._transcript
        self._recording = self._transcript = None
        try:
            if transcript is not None:
                transcript.close()
        finally:
            try:
                await recording.close()
            finally:
                self.reports.append(_report(recording, transcript))
        return str(recording.path)

    def theirs(self, pcm: Pcm, now: float) -> None:
        """What the peer said in this tick."""
        if self._recording is not None:
            self._recording.theirs(pcm, now)

    def ours(self, pcm: Pcm | None, now: float) -> None:
        """What we said in this tick."""
        if self._recording is not None:
            self._recording.ours(pcm, now)

    def take(self, event: Event) -> None:
        """An event of the call, for the transcript."""
        if self._transcript is not None:
            self._transcript.take(event, time.monotonic())


def _report(recording: StereoRecording, transcript: TranscriptFile | None) -> RecordingReport:
    return RecordingReport(
        path=str(recording.path),
        began=None if recording.began is None else time.time() - time.monotonic() + recording.began,
        dropped_ms=recording.dropped_ms,
        transcript=None if transcript is None else str(transcript.path),
    )
