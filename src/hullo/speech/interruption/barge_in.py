"""The peer's way to interrupt: listens while we speak, and pauses, resumes or empties the speech queue."""

from collections.abc import Callable

from hullo.media.pcm import SILENCE, Pcm, level_dbfs
from hullo.speech.events import Cause
from hullo.speech.interruption.decision import Action, InterruptionDetector, InterruptionSettings
from hullo.speech.interruption.echo import EchoReference
from hullo.speech.interruption.voice import VoiceWatch
from hullo.speech.listening.noise import NoiseFloor
from hullo.speech.listening.vad import SileroModel
from hullo.speech.speaking.queue import SpeechQueue

_ABOVE_FLOOR_DB = 12.0
_QUIETEST_DBFS = -55.0
_BELOW_PEAK_DB = 25.0
"""A voice in a word is not softer than its loudest 20 ms by more; what is, is the room after it."""
_PEAK_FALL_DB = 0.4
"""In 20 ms: somebody who goes on more softly is heard again after a second."""
_SILENT_DBFS = -100.0
_VOICE = 0.5
_FAR_SECONDS = 0.08
"""Way of our sound to the peer's ear, its jitter buffer included; as long a way comes before, that of the peer's."""
_NEAR_SHARE = 0.5
_NEAR_FRAMES = 6
"""A peer who was heard beside our echo is heard for 120 ms more: speech has gaps that the echo fills."""


class BargeIn:
    """For each 20 ms of a call first `hear`, then `said`. Costs about 0.4 ms while we speak, else next to nothing.

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
        self._peak = _QUIETEST_DBFS
        self._voice: VoiceWatch | None = None

    @property
    def enabled(self) -> bool:
        """Whether the peer may interrupt."""
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = enabled
        if not enabled:
            self._stop_watching()

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
            self._watch(pcm if near else SILENCE, level if near else _SILENT_DBFS, now)
        else:
            self._stop_watching()
        return theirs

    def _watch(self, theirs: Pcm, level: float, now: float) -> None:
        if self._voice is None:
            self._voice = VoiceWatch(self._model)
            self._detector.in_haste = self._heard_delay() >= _FAR_SECONDS
        self._voice.hear(theirs)
        if not self._queue.interruptible:  # what came before may have been spoken lower
            self._queue.speak_up()
            self._detector.reset()
            return
        loud = level >= max(self._floor.dbfs + _ABOVE_FLOOR_DB, _QUIETEST_DBFS, self._peak - _BELOW_PEAK_DB)
        self._peak = max(self._peak - _PEAK_FALL_DB, level if loud else _QUIETEST_DBFS)
        sure = self._voice.probability >= self._floor.bar(_VOICE, level)
        voiced = loud and (sure or self._voice.begins_like_a_voice())
        self._do(self._detector.feed(loud=loud, voiced=voiced, now=now))

    def _stop_watching(self) -> None:
        if self._voice is None:
            return
        self._voice, self._peak = None, _QUIETEST_DBFS
        if self._detector.paused:
            self._queue.resume()
        self._queue.speak_up()
        self._detector.reset()

    def said(self, pcm: Pcm | None) -> None:
        """The frame that is sent in the same 20 ms."""
        self._echo.said(pcm)

    def understood(self, text: str, now: float) -> None:
        """The peer was heard to say this; words that are more than agreement interrupt for good."""
        if self.enabled and self._queue.interruptible and not self._queue.idle:
            self._do(self._detector.understood(text, now))

    def _do(self, action: Action) -> None:
        match action:
            case Action.SPEAK_LOWER:
                self._queue.speak_lower()
            case Action.SPEAK_UP:
                self._queue.speak_up()
            case Action.PAUSE:
                self._queue.pause(self._heard_delay())
            case Action.RESUME:
                self._queue.resume()
            case Action.INTERRUPT:
                self._queue.interrupt(self._heard_delay(), Cause.SPEECH)
            case Action.NOTHING:
                pass
