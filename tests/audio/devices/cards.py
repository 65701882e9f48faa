"""A sound card and a media tick in virtual time, each with a clock of its own."""

import random
from collections.abc import Callable
from dataclasses import dataclass

TICK_SECONDS = 0.02


@dataclass
class Card:
    """A card whose clock runs `ppm` too fast and which calls for `block` samples at a time, up to `late` s late."""

    ppm: float = 0.0
    block: int = 480
    late: float = 0.004
    dead: tuple[float, float] = (0.0, 0.0)
    """It calls nobody from the first of these times to the second."""


def run(card: Card, seconds: float, called: Callable[[float], None], ticked: Callable[[float], None]) -> None:
    """Have card and tick call these with the time, in the order of time."""
    rng = random.Random(7)
    period = card.block / 48_000 / (1 + card.ppm * 1e-6)
    calls = ticks = 0
    next_call, next_tick = 0.0, 0.013
    while min(next_call, next_tick) < seconds:
        if next_call <= next_tick:
            if not card.dead[0] <= next_call < card.dead[1]:
                called(next_call)
            calls += 1
            next_call = max(next_call, calls * period + rng.random() * card.late)
        else:
            ticked(next_tick)
            ticks += 1
            next_tick = max(next_tick, 0.013 + ticks * TICK_SECONDS + rng.random() * 0.002)
