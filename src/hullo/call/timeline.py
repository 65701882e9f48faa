"""When a call reached which stage, from its beginning on."""

import time


class Timeline:
    """Seconds from the beginning to each stage: `ringing`, `answered`, `connected`, `first_audio`, `ended`.

    A stage is reached once; later times don't change it. Raises `KeyError` for what rests on a stage not reached.
    """

    def __init__(self) -> None:
        self.began_ms = now_ms()
        """Wall-clock milliseconds since the epoch."""
        self.stages: dict[str, float] = {}
        self._began = time.monotonic()

    def reach(self, stage: str) -> None:
        """That stage is reached now, unless it was before."""
        if stage not in self.stages:
            self.stages[stage] = time.monotonic() - self._began

    def setup_ms(self, *, answered_here: bool) -> int:
        """From dialling, or from our own answer, to proven sound."""
        start = self.stages["answered"] if answered_here else 0.0
        return round((self.stages["connected"] - start) * 1000)

    def answer_to_first_audio_ms(self) -> int | None:
        """From the answer to our first sound; None if there was none."""
        if "first_audio" not in self.stages:
            return None
        return round((self.stages["first_audio"] - self.stages["answered"]) * 1000)

    def duration(self) -> float:
        """Seconds of the connected call so far; 0 before it is connected."""
        if "connected" not in self.stages:
            return 0.0
        return self.stages.get("ended", time.monotonic() - self._began) - self.stages["connected"]


def now_ms() -> int:
    """Wall-clock milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
