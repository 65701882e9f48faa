"""Records a WAV file as a voice message as fast as it goes, and says what that cost."""

import sys
import wave
from pathlib import Path

import numpy as np

from bench.ends.parent import tell
from bench.ends.usage import usage
from hullo.media.pcm import SAMPLE_RATE
from hullo.messages.recorder import VoiceMessageRecorder


def record(source: Path, target: Path, seconds: float | None = None) -> int:
    """Record the file, or the beginning of it; the most bytes that were resident meanwhile."""
    recorder = VoiceMessageRecorder(target)
    most = 0.0
    with wave.open(str(source), "rb") as file:
        left = file.getnframes() if seconds is None else round(seconds * SAMPLE_RATE)
        while left > 0 and (data := file.readframes(min(SAMPLE_RATE // 10, left))):
            recorder.write(np.frombuffer(data, np.int16))
            left -= len(data) // 2
            most = max(most, usage()["rss_bytes"])
    recorder.stop()
    return int(max(most, usage()["rss_bytes"]))


def main() -> None:
    """Record a second to have everything loaded, then all of it."""
    source, folder = map(Path, sys.argv[1:])
    record(source, folder / "first.ogg", 1.0)
    before = usage()
    most = record(source, folder / "ours.ogg")
    after = usage()
    tell(cpu_s=after["cpu_s"] - before["cpu_s"], with_start_cpu_s=after["cpu_s"], rss_growth=most - before["rss_bytes"])


if __name__ == "__main__":
    main()
