"""Whether the peer interrupts: a decision in steps, since nobody can tell a "yes, but" from a "yes" by its beginning.

At the first evidence of a voice we pause, which is what the peer notices. Then there is time to decide: who goes on
speaking interrupts, who falls silent again has only agreed, and we go on at the word that was cut. A peer who has only
agreed is likely to do so again: from then on we speak lower first, and pause when the voice goes on, until somebody has
interrupted or that was long ago. Pure.
"""

from dataclasses import dataclass
from enum import Enum, auto

from hullo.speech.interruption.words import FloorWords, floor_words

_FRAME = 0.02
_EVIDENCE = 0.06
_EVIDENCE_IN_HASTE = 0.04
_PATIENT_STOP = 0.6
"""Nine of ten backchannels are shorter."""
_PATIENT_FOR = 45.0
_PHRASE_SECONDS = 0.55
_BREATH = 2.5
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class InterruptionSettings:
    """How easily we are interrupted; durations in seconds. Raises `ValueError` for what can't be."""

    enabled: bool = True
    """False: only a request interrupts."""
    stop: float = _EVIDENCE
    """A voice has lasted so long: we pause. Before, from 60 ms on, we only speak lower.

    Of somebody who only agreed in the last 45 s: 0.6 s, if that is more."""
    release: float = 0.2
    """The peer is silent for so long (2.5 times that behind a longer phrase): it was no interruption, and we go on."""
    interrupt: float = 1.2
    """The peer has spoken for so long: it is an interruption. Costs nothing but time: we are silent already."""
    reconsider: float = 4.0
    """Words that are understood so long after a sound, and that are more than agreement, still interrupt."""
    words: FloorWords | None = None
    """What agreement is, and what is not; None: what it is in the language that is spoken."""

    def __post_init__(self) -> None:
        if not _EVIDENCE <= self.stop <= self.interrupt:
            raise ValueError(
                f"a voice of {_EVIDENCE:g} s at the least, and {self.interrupt:g} s (interrupt) at the most, stops us, "
                f"not {self.stop:g} (stop)"
            )
        if not 0.2 <= self.interrupt <= 10.0:
            raise ValueError(f"a voice of 0.2 to 10 s (interrupt) is an interruption, not {self.interrupt:g}")
        if not 0.1 <= self.release <= 3.0:
            raise ValueError(f"we go on after 0.1 to 3 s of silence (release, resume_seconds), not {self.release:g}")


class Action(Enum):
    """What to do now."""

    NOTHING = auto()
    SPEAK_LOWER = auto()
    SPEAK_UP = auto()
    PAUSE = auto()
    RESUME = auto()
    INTERRUPT = auto()


class InterruptionDetector:
    """Follows one call while we speak. Times are seconds of any clock that does not jump."""

    def __init__(self, settings: InterruptionSettings) -> None:
        self._settings = settings
        self._words = floor_words(None) if settings.words is None else settings.words
        self._sound_since: float | None = None
        self._last_loud = 0.0
        self._lower = False
        self._paused_at: float | None = None
        self._began = 0.0
        self._last_voice = 0.0
        self._noticed_at: float | None = None
        self._patient_until = 0.0
        self.in_haste = False
        """Whether 40 ms of a voice must do in place of 60, because it takes long to be heard; more coughs pass then."""

    @property
    def paused(self) -> bool:
        """Whether we wait for what the peer does."""
        return self._paused_at is not None

    def feed(self, *, loud: bool, voiced: bool, now: float) -> Action:
        """20 ms of the peer: whether they stand out of the background, and are a voice; neither counts our echo."""
        if self._paused_at is None:
            return self._watch(loud, voiced, now)
        return self._decide(voiced, now)

    def understood(self, text: str, now: float) -> Action:
        """What the peer said was recognised, as a whole or in part."""
        noticed_at = self._noticed_at
        if noticed_at is None or now - noticed_at > self._settings.reconsider or not self._words.wanted(text):
            return Action.NOTHING
        return self._end(Action.INTERRUPT)

    def reset(self) -> None:
        """We are not speaking (any more)."""
        self._sound_since = self._paused_at = None
        self._lower = False

    def _watch(self, loud: bool, voiced: bool, now: float) -> Action:
        if not loud:
            return self._wait(now)
        self._last_loud = now
        if self._sound_since is None:
            self._sound_since = now - _FRAME
        lasted = now - self._sound_since + _ROUNDING
        if lasted >= _EVIDENCE:
            self._noticed_at = now
        patient = now < self._patient_until
        # Whoever was wrong lately looks twice: a noise that comes again and again must not make us go up and down.
        evidence = (_EVIDENCE_IN_HASTE if self.in_haste else _EVIDENCE) * (2 if patient else 1)
        if not voiced or lasted < evidence:
            return Action.NOTHING
        stop = max(self._settings.stop, _PATIENT_STOP) if patient else self._settings.stop
        if lasted >= stop or stop == _EVIDENCE:
            self._paused_at, self._began, self._last_voice = now, self._sound_since, now
            self._lower = False
            return Action.PAUSE
        lowers, self._lower = not self._lower, True
        return Action.SPEAK_LOWER if lowers else Action.NOTHING

    def _wait(self, now: float) -> Action:
        if self._lower and now - self._last_loud < self._settings.release - _ROUNDING:
            return Action.NOTHING
        if not self._lower:
            self.reset()
            return Action.NOTHING
        return self._agreed(Action.SPEAK_UP, now)

    def _decide(self, voiced: bool, now: float) -> Action:
        if voiced:
            self._last_voice = self._noticed_at = now
            if now - self._began >= self._settings.interrupt - _ROUNDING:
                return self._end(Action.INTERRUPT)
        # Behind a whole phrase somebody may well draw breath; behind a "yeah" hardly anybody does.
        longer = _BREATH if self._last_voice - self._began >= _PHRASE_SECONDS else 1.0
        if now >= self._last_voice + self._settings.release * longer - _ROUNDING:
            return self._agreed(Action.RESUME, now)
        return Action.NOTHING

    def _agreed(self, action: Action, now: float) -> Action:
        self._patient_until = now + _PATIENT_FOR
        return self._end(action)

    def _end(self, action: Action) -> Action:
        if action is Action.INTERRUPT:
            self._patient_until = 0.0
            self._noticed_at = None
        self.reset()
        return action
