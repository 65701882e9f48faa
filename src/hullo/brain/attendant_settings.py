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
    prompt: str = ""
    """The system prompt."""
    accept: bool = True
    """Whether incoming calls are answered at once."""
    words: FloorWords = BUILT_IN["en"]  # frozen
    """What is no more than agreement, and gets no answer while we speak."""
