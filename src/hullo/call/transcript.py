"""What was said in a call, with times, as a WebVTT file that is read beside the recording."""

import os
from html import escape
from pathlib import Path

import msgspec

from hullo.audio.private_file import create_private
from hullo.call import events

THEIRS = "them"
OURS = "us"


class Cue(msgspec.Struct, frozen=True, order=True):
    """Somebody said `text`; times are seconds since the recording began."""

    start: float
    end: float
    voice: str
    text: str

    def __str__(self) -> str:
        text = escape(" ".join(self.text.split()), quote=False)
        return f"{_clock(self.start)} --> {_clock(self.end)}\n<v {self.voice}>{text}\n\n"


class TranscriptFile:
    """Writes each turn of both sides when it is over, in the order of their beginnings (W3C WebVTT).

    What is in the file when the process is killed stays readable. What the disk refuses is told by `close`.
    """

    def __init__(self, path: Path, now: float) -> None:
        """Begin a file that only we can read; an existing one is replaced. Its times count from `now`, monotonic.

        Raises `OSError` as `create_private`.
        """
        self.path = path
        self._file = os.fdopen(create_private(path), "w", encoding="utf-8")
        self._file.write("WEBVTT\n\n")
        self._began = now
        self._ours: dict[str, float] = {}
        self._kept: list[Cue] = []
        self._error: OSError | None = None
        self._write(now)

    def take(self, event: events.Event, now: float) -> None:
        """An event of the call, at the monotonic time `now`."""
        at = max(now - self._began, 0.0)
        match event:
            case events.Speech(times=times):
                end = max(at - (times.end_of_speech_ms + times.recognition_ms) / 1000, 0.0)
                self._kept.append(Cue(max(end - (event.ended_at - event.started_at), 0.0), end, THEIRS, event.text))
            case events.Speaking():
                self._ours[event.utterance_id] = at
            case events.Spoken() | events.Interrupted() | events.Error(utterance_id=str()):
                start = self._ours.pop(str(event.utterance_id), None)
                if start is not None and event.heard_text:
                    self._kept.append(Cue(start, at, OURS, event.heard_text))
            case _:
                return
        self._write(min(self._ours.values(), default=at))

    def close(self) -> None:
        """Finish the file. Raises `OSError` if the disk refused any of it."""
        self._write(float("inf"))
        with self._file:
            if self._error is not None:
                raise self._error

    def _write(self, until: float) -> None:
        """Write what began before `until`: nothing that comes later can belong before it."""
        ready = sorted(cue for cue in self._kept if cue.start <= until)
        self._kept = [cue for cue in self._kept if cue.start > until]
        try:
            self._file.writelines(map(str, ready))
            self._file.flush()
        except OSError as error:
            self._error = error


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes) // 60:02}:{int(minutes) % 60:02}:{rest:06.3f}"
