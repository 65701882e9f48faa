"""Whether the peer interrupts: a decision in two steps, since nobody can tell a "wait" from an "mm-hm" in 60 ms.

At the first evidence of a voice we pause, which is what the peer notices. Then there is time to decide: who goes on
speaking interrupts, who falls silent again has coughed or agreed, and we go on at the word that was cut. Pure.
"""

import re
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

# fmt: off
_BACKCHANNELS = frozenset(
    {
        "ah", "aha", "alright", "cool", "exactly", "fine", "good", "great", "hm", "hmm", "huh", "i", "mhm",
        "mm", "mmhm", "mmm", "mm-hm", "mm-hmm", "nice", "of", "ok", "okay", "oh", "really", "right", "see",
        "sure", "that's", "true", "uh", "uh-huh", "uhhuh", "uhm", "um", "understand", "understood", "well",
        "wow", "yeah", "yep", "yes", "course", "got", "it",
    }
)
# fmt: on
_SIGNS = re.compile(r"[^\w'\- ]+")
_STOPS = frozenset({"stop", "wait", "no", "but", "sorry", "hold", "excuse", "pardon", "what", "why", "hello", "quiet"})
_ENOUGH_WORDS = 2
_PHRASE_SECONDS = 0.5
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class InterruptionSettings:
    """How easily we are interrupted; durations in seconds. Raises `ValueError` for what can't be."""

    enabled: bool = True
    """False: only a request interrupts."""
    evidence: float = 0.1
    """A sound that is not ours, well above the background, for so long: we pause. A voice is believed in half of it."""
    confirm: float = 0.18
    """If the voice activity hears no voice within this time after the pause, it was a noise, and we go on."""
    release: float = 0.3
    """The peer is silent for so long (twice that behind a longer phrase): it was no interruption, and we go on."""
    interrupt: float = 1.2
    """The peer has spoken for so long: it is an interruption. Costs nothing but time: we are silent already."""
    reconsider: float = 4.0
    """Words that are understood so long after the pause, and that are more than agreement, still interrupt."""

    def __post_init__(self) -> None:
        if not 0.02 <= self.evidence <= 1.0:
            raise ValueError(f"evidence of an interruption takes 0.02 to 1 s, not {self.evidence}")
        if not 0.1 <= self.release <= 3.0 or not 0.2 <= self.interrupt <= 10.0:
            raise ValueError("an interruption is released within 0.1 to 3 s, and certain after 0.2 to 10 s")


class Action(Enum):
    """What to do now."""

    NOTHING = auto()
    PAUSE = auto()
    RESUME = auto()
    INTERRUPT = auto()


class InterruptionDetector:
    """Follows one call while we speak. Times are seconds of any clock that does not jump."""

    _FORGIVEN_AFTER = 10.0
    _MOST_DOUBLINGS = 3

    def __init__(self, settings: InterruptionSettings) -> None:
        self._settings = settings
        self._sound_since: float | None = None
        self._paused_at: float | None = None
        self._began = 0.0
        self._last_voice: float | None = None
        self._false_pauses: deque[float] = deque(maxlen=self._MOST_DOUBLINGS)

    @property
    def paused(self) -> bool:
        """Whether we wait for what the peer does."""
        return self._paused_at is not None

    def feed(self, *, loud: bool, voiced: bool, now: float) -> Action:
        """20 ms of the peer: whether they stand out of the background, and are a voice; neither counts our echo."""
        if self._paused_at is None:
            return self._watch(loud, voiced, now)
        return self._decide(self._paused_at, voiced, now)

    def understood(self, text: str, now: float) -> Action:
        """What the peer said was recognised, as a whole or in part."""
        lately = self._paused_at
        if lately is None and self._false_pauses:
            lately = self._false_pauses[-1]
        if lately is None or now - lately > self._settings.reconsider or not wants_the_floor(text):
            return Action.NOTHING
        return self._end(Action.INTERRUPT)

    def reset(self) -> None:
        """We are not speaking (any more)."""
        self._sound_since = self._paused_at = self._last_voice = None

    def _watch(self, loud: bool, voiced: bool, now: float) -> Action:
        if not loud:
            self._sound_since = None
            return Action.NOTHING
        if self._sound_since is None:
            self._sound_since = now
        while self._false_pauses and now - self._false_pauses[0] > self._FORGIVEN_AFTER:
            self._false_pauses.popleft()
        # Whoever was wrong lately looks twice: a noise that comes again and again must not make us stutter.
        needed = self._settings.evidence * 2 ** len(self._false_pauses) * (0.5 if voiced else 1.0)
        if now - self._sound_since + 0.02 < needed - _ROUNDING:
            return Action.NOTHING
        self._paused_at, self._began = now, self._sound_since
        self._last_voice = now if voiced else None
        return Action.PAUSE

    def _decide(self, paused_at: float, voiced: bool, now: float) -> Action:
        settings = self._settings
        if voiced:
            self._last_voice = now
            if now - self._began >= settings.interrupt:
                return self._end(Action.INTERRUPT)
        if now >= self._released_at(paused_at) - _ROUNDING:
            self._false_pauses.append(paused_at)
            return self._end(Action.RESUME)
        return Action.NOTHING

    def _released_at(self, paused_at: float) -> float:
        settings = self._settings
        if self._last_voice is None:
            return paused_at + settings.confirm
        # Behind a whole phrase somebody may well draw breath; behind a "yeah" hardly anybody does.
        longer = 2.0 if self._last_voice - self._began >= _PHRASE_SECONDS else 1.0
        return self._last_voice + settings.release * longer

    def _end(self, action: Action) -> Action:
        if action is Action.INTERRUPT:
            self._false_pauses.clear()
        self.reset()
        return action


def wants_the_floor(text: str) -> bool:
    """Whether words show more than that somebody listens ("mm-hm", "yeah, right") or coughs. English.

    One odd word is not enough: recognisers make one of any noise.
    """
    words = _SIGNS.sub(" ", text.lower()).split()
    return not _STOPS.isdisjoint(words) or sum(word not in _BACKCHANNELS for word in words) >= _ENOUGH_WORDS
