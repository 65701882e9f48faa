"""Who calls in the measurement of turns, how well they are heard, and what they say."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

PAUSES = (0.25, 0.5)
"""Seconds: every comma is a pause in the midst of a turn, of a length anywhere in between."""


@dataclass(frozen=True)
class Turn:
    """What is said in one go, and the seconds of silence at each of its commas."""

    text: str
    pauses: tuple[float, ...]


@dataclass(frozen=True)
class Caller:
    """One call: engine and voice that speak, noise in dB below the speech, the share of packets that are lost."""

    engine: str
    voice: str
    turns: tuple[Turn, ...]
    snr_db: float | None = None
    loss: float = 0.0

    @property
    def condition(self) -> str:
        """The group of figures that the call belongs to."""
        if self.loss:
            return f"loss_{self.loss:.0%}".removesuffix("%")
        return "clean" if self.snr_db is None else f"noise_{self.snr_db:g}_db"


_CALLERS: Sequence[tuple[str, str, float | None, float]] = (
    ("flite", "slt", None, 0.0),
    ("festival", "kal_diphone", 20.0, 0.0),
    ("espeak", "en-us+f2", 10.0, 0.0),
    ("flite", "rms", None, 0.05),
    ("flite", "awb", 20.0, 0.0),
    ("espeak", "en-gb+m3", None, 0.0),
    ("flite", "kal16", 10.0, 0.0),
    ("festival", "kal_diphone", None, 0.05),
    ("espeak", "en-us+m1", 20.0, 0.0),
    ("flite", "slt", 10.0, 0.0),
)

_SAID = (
    ("Hello, I would like to book a table.", "For four people.", "Tomorrow evening, at half past seven.",
     "Do you have something by the window?", "Yes please."),
    ("Good morning.", "I am calling about my order, it has not arrived yet.", "The number is five three, seven one.",
     "When will it be here?", "Well, that is rather late, I have to say."),
    ("Is the shop open on Sunday?", "And what about, um, public holidays?", "Okay.",
     "I need to bring back a coat, because it is too small.", "Thank you very much."),
    ("Hi, can you tell me how the weather is today?", "No, I mean in the mountains.",
     "We want to go walking, with the children.", "Should we take an umbrella?", "All right then."),
    ("I have a question about my bill.", "It says sixty pounds, but I paid forty.", "Who can help me with that?",
     "Sure, I can wait.", "My name is, um, Martin Field."),
    ("What time is the last train to Boston?", "Is there a later one, on Saturday?",
     "Two tickets, one way, please.", "By card.", "That was all for today."),
    ("Hello.", "I think, I have lost my key.", "It was in the kitchen, on the table, this morning.",
     "Could you send somebody?", "As soon as possible."),
    ("Please turn off the light in the bedroom.", "And, um, the heating as well.",
     "How warm is it outside?", "Wake me at six, no, at seven.", "Good night."),
    ("I would like to speak with the doctor.", "It is about my knee, it hurts when I walk.",
     "For about two weeks.", "No, I have not taken anything.", "Monday is fine, in the afternoon."),
    ("Can you repeat that?", "I see, so it was, um, the other road.", "How far is it from here?",
     "I am in a car, with a trailer.", "Great, thanks a lot."),
)  # fmt: skip


def callers(count: int = len(_CALLERS)) -> list[Caller]:
    """The first `count` calls; the same ones every time."""
    rng = random.Random(4)
    found = []
    for (engine, voice, snr_db, loss), said in zip(_CALLERS, _SAID, strict=True):
        turns = tuple(Turn(text, tuple(rng.uniform(*PAUSES) for _ in range(text.count(",")))) for text in said)
        found.append(Caller(engine, voice, turns, snr_db, loss))
    return found[:count]
