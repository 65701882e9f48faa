"""Plays a voice message into whatever asks for the next 20 ms: a call, a speaker, a file."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, SILENCE, Pcm
from hullo.media.speed import SpeedChanger
from hullo.messages.errors import NotPlayable
from hullo.messages.sound import open_sound

SPEEDS: Final = (1.0, 1.5, 2.0)

_TELL_EVERY: Final = 12 * FRAME_SAMPLES


@dataclass(frozen=True, slots=True)
class PlaybackPosition:
    """Every 240 ms while it plays, and after each jump: seconds of the message."""

    position: float
    duration: float | None


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """All of it was played."""

    position: float


@dataclass(frozen=True, slots=True)
class PlaybackFailed:
    """The file can't be read any further."""

    detail: str


PlaybackEvent: TypeAlias = PlaybackPosition | PlaybackEnded | PlaybackFailed


class PlayerState(StrEnum):
    """What a player does when it is asked."""

    PLAYING = "playing"
    PAUSED = "paused"
    ENDED = "ended"


class VoiceMessagePlayer:
    """A file as a `Mouth`: 960 samples each time it is asked. It is read as it is played, so it may be of any length.

    Positions and durations are seconds of the message, whatever the speed. `on_event` is called by whoever calls us.
    """

    def __init__(
        self, path: Path, *, speed: float = 1.0, on_event: Callable[[PlaybackEvent], None] = lambda event: None
    ) -> None:
        """Open a file; it plays at once. Raises `NotPlayable`, and `ValueError` for a speed outside 0.5 to 4."""
        self._changer = SpeedChanger(speed)
        self._sound = open_sound(path)
        self._speed = speed
        self._on_event = on_event
        self._state = PlayerState.PLAYING
        self._origin = 0
        self._given = 0
        self._told = 0
        self._ready: Pcm = SILENCE[:0]
        self._exhausted = False

    @property
    def state(self) -> PlayerState:
        """What it does now."""
        return self._state

    @property
    def duration(self) -> float | None:
        """Seconds, None if the file does not say."""
        return None if self._sound.length is None else self._sound.length / SAMPLE_RATE

    @property
    def position(self) -> float:
        """Seconds from the beginning to what comes next."""
        return self._at() / SAMPLE_RATE

    @property
    def speed(self) -> float:
        """How much faster than it was said."""
        return self._speed

    def pull(self, now: float) -> Pcm | None:
        """The next 960 samples, None while paused and after the end. Some 0.1 ms of work for Ogg Opus."""
        if self._state is not PlayerState.PLAYING:
            return None
        while len(self._ready) < FRAME_SAMPLES and not self._exhausted:
            self._fill()
        frame, self._ready = self._ready[:FRAME_SAMPLES], self._ready[FRAME_SAMPLES:]
        self._given += len(frame)
        self._told += len(frame)
        if self._told >= _TELL_EVERY:
            self._tell()
        if self._exhausted and not len(self._ready) and self._state is PlayerState.PLAYING:
            self._state = PlayerState.ENDED
            self._on_event(PlaybackEnded(self.position))
        if not len(frame):
            return None
        return frame if len(frame) == FRAME_SAMPLES else np.concatenate([frame, SILENCE[len(frame) :]])

    def pause(self) -> None:
        """Give nothing until `resume`."""
        if self._state is PlayerState.PLAYING:
            self._state = PlayerState.PAUSED

    def resume(self) -> None:
        """Go on where `pause` left off."""
        if self._state is PlayerState.PAUSED:
            self._state = PlayerState.PLAYING

    def seek(self, position: float) -> None:
        """Go on at another place; one that had ended plays again. Raises `NotPlayable`."""
        self._go_on_at(round(max(position, 0.0) * SAMPLE_RATE))
        if self._state is PlayerState.ENDED:
            self._state = PlayerState.PLAYING
        self._tell()

    def set_speed(self, speed: float) -> None:
        """Go on faster or slower, at the same pitch. Raises `ValueError` outside 0.5 to 4."""
        SpeedChanger(speed)
        position = self._at()
        self._speed = speed
        self._go_on_at(position)

    def close(self) -> None:
        """Let go of the file."""
        self._state = PlayerState.ENDED
        self._sound.close()

    def _at(self) -> int:
        at = self._origin + round(self._given * self._speed)
        return at if self._sound.length is None else min(at, self._sound.length)

    def _go_on_at(self, position: int) -> None:
        self._sound.seek(position)
        self._origin, self._given = self._sound.position, 0
        self._changer = SpeedChanger(self._speed)
        self._ready = SILENCE[:0]
        self._exhausted = False

    def _fill(self) -> None:
        try:
            pcm = self._sound.read()
        except NotPlayable as error:
            self._exhausted = True
            self._state = PlayerState.ENDED
            self._on_event(PlaybackFailed(str(error)))
            return
        self._exhausted = pcm is None
        more = self._changer.finish() if pcm is None else self._changer.feed(pcm)
        self._ready = np.concatenate([self._ready, more])

    def _tell(self) -> None:
        self._told = 0
        self._on_event(PlaybackPosition(self.position, self.duration))
