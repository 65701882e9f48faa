"""The peer's way to interrupt: listens while we speak, and pauses, resumes or empties the speech queue."""

from collections.abc import Callable

import numpy as np

from hullo.media.pcm import SAMPLE_RATE, SILENCE, Pcm, level_dbfs
from hullo.speech.events import Cause
from hullo.speech.interruption.decision import Action, InterruptionDetector, InterruptionSettings
from hullo.speech.interruption.echo import EchoReference
from hullo.speech.listening.noise import NoiseFloor
from hullo.speech.listening.resample import Resampler
from hullo.speech.listening.vad import CHUNK_SAMPLES, VAD_RATE, SileroModel, VoiceActivity
from hullo.speech.speaking.queue import SpeechQueue

_ABOVE_FLOOR_DB = 12.0
_QUIETEST_DBFS = -55.0
_VOICE = 0.5
_NEAR_SHARE = 0.5
_NEAR_FRAMES = 6
"""A peer who was heard beside our echo is heard for 120 ms more: speech has gaps that the echo fills."""


class BargeIn:
    """For each 20 ms of a call first `hear`, then `said`. Costs about 0.3 ms while we speak, else next to nothing.

    `heard_delay` gives how long our sound takes to the peer's ear, in seconds.
    """

    def __init__(
        self,
        queue: SpeechQueue,
        model: SileroModel,
        settings: InterruptionSettings,
        heard_delay: Callable[[], float],
    ) -> None:
        self._enabled = settings.enabled
        self._queue = queue
        self._model = model
        self._detector = InterruptionDetector(settings)
        self._heard_delay = heard_delay
        self._echo = EchoReference()
        self._floor = NoiseFloor()
        self._near_frames = 0
        self._voice: _VoiceWatch | None = None

    @property
    def enabled(self) -> bool:
        """Whether the peer may interrupt."""
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = enabled
        if not enabled and self._detector.paused:
            self._detector.reset()
            self._queue.resume()

    def hear(self, pcm: Pcm, now: float) -> Pcm:
        """The peer's frame heard `now`; what of it is the peer, for whoever recognises: our echo is silence."""
        level = level_dbfs(pcm)
        self._floor.raised(_VOICE, level)
        near = self._echo.heard(pcm) >= _NEAR_SHARE
        self._near_frames = _NEAR_FRAMES if near else max(self._near_frames - 1, 0)
        theirs = pcm if self._near_frames or self._echo.delay is None else SILENCE
        if self._detector.paused and not self._queue.paused:
            self._detector.reset()  # somebody else has decided meanwhile
        if self.enabled and (self._queue.sounding or self._detector.paused):
            if self._voice is None:
                self._voice = _VoiceWatch(self._model)
            probability = self._voice.probability(pcm if near else SILENCE)
            loud = near and level >= max(self._floor.dbfs + _ABOVE_FLOOR_DB, _QUIETEST_DBFS)
            voiced = (loud or self._detector.paused) and near and probability >= self._floor.bar(_VOICE, level)
            if self._queue.interruptible:
                self._do(self._detector.feed(loud=loud, voiced=voiced, now=now))
        elif self._voice is not None:
            self._voice = None
            self._detector.reset()
        return theirs

    def said(self, pcm: Pcm | None) -> None:
        """The frame that is sent in the same 20 ms."""
        self._echo.said(pcm)

    def understood(self, text: str, now: float) -> None:
        """The peer was heard to say this; words that are more than agreement interrupt for good."""
        if self.enabled and self._queue.interruptible and not self._queue.idle:
            self._do(self._detector.understood(text, now))

    def _do(self, action: Action) -> None:
        match action:
            case Action.PAUSE:
                self._queue.pause(self._heard_delay())
            case Action.RESUME:
                self._queue.resume()
            case Action.INTERRUPT:
                self._queue.interrupt(self._heard_delay(), Cause.SPEECH)
            case Action.NOTHING:
                pass


class _VoiceWatch:
    """Voice activity over one stretch of our speech."""

    def __init__(self, model: SileroModel) -> None:
        self._resampler = Resampler(SAMPLE_RATE, VAD_RATE)
        self._activity = VoiceActivity(model)
        self._unread = np.zeros(0, dtype=np.int16)
        self._probability = 0.0

    def probability(self, pcm: Pcm) -> float:
        """How likely the newest sound is a voice."""
        self._unread = np.concatenate([self._unread, self._resampler.feed(pcm)])
        while len(self._unread) >= CHUNK_SAMPLES:
            self._probability = self._activity.probability(self._unread[:CHUNK_SAMPLES])
            self._unread = self._unread[CHUNK_SAMPLES:]
        return self._probability
