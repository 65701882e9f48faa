"""What an attendant says by itself; apart from it, because a configuration needs no calls to be read."""

from dataclasses import dataclass

from hullo.speech.interruption.words import BUILT_IN, FloorWords


@dataclass(frozen=True, kw_only=True)
class AttendantSettings:
    """What is said without thinking, and what a brain is told before everything else."""

    greeting: str = ""
    """Said when a call connects; empty: the peer speaks first."""
    fallback: str = "Sorry, I can't answer right now. Please try again in a moment."
    """Said when the brain fails; empty: nothing."""
    unclear: str = "Sorry, I did not understand that."
    """Said when the peer spoke and no words were understood; empty: nothing."""
    silence_seconds: float = 20.0
    """After which neither side having said anything is a silence; 0: never."""
    silence: str = "Are you still there?"
    """Said in a silence; empty: nothing."""
    silence_times: int = 2
    """Silences in a row that the call outlives; in the next one `goodbye` is said and the call ended."""
    goodbye: str = "Goodbye."
    """Said before a call is ended for silence; empty: nothing."""
    prompt: str = ""
    """The system prompt."""
    accept: bool = True
    """Whether incoming calls are answered at once."""
    words: FloorWords = BUILT_IN["en"]  # frozen
    """What is no more than agreement, and gets no answer while we speak."""

    def phrases(self) -> tuple[str, ...]:
        """What will be said without thinking, the first to be needed first."""
        asked = (self.silence, self.goodbye) if self.silence_seconds else ()
        return tuple(text for text in (self.greeting, self.fallback, self.unclear, *asked) if text)
