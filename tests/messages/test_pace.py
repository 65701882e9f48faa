"""How a message shares a path with the sound of a call, in virtual time."""

import random
from collections import deque
from dataclasses import dataclass

import pytest

from hullo.messages.direct.pace import Pace, PaceLimits

PIECE = 1100
SOUND_EVERY = 0.02


@dataclass
class Path:
    """A path with a queue at its narrowest place; both ends read their sockets every 20 ms."""

    rate: float
    """Bytes a second, all that it carries."""
    delay: float
    free: float = 0.0

    def send(self, now: float, size: int) -> float:
        """When it arrives."""
        self.free = max(self.free, now) + size / self.rate
        return self.free + self.delay / 2


def shared(path: Path, seconds: float, *, sound: int = 90, seed: int = 1) -> tuple[int, list[float], Pace]:
    """Bytes of the message that came, how long each packet of sound waited on the way, and the pace at the end."""
    rng, pace = random.Random(seed), Pace()
    now, unacknowledged, came = 0.0, 0, 0
    waits: list[float] = []
    acknowledged: deque[tuple[float, float]] = deque()
    next_sound = next_look = 0.0
    while now < seconds:
        now = min(next_sound, next_look, acknowledged[0][0] if acknowledged else next_sound)
        if acknowledged and acknowledged[0][0] == now:
            _, sent = acknowledged.popleft()
            unacknowledged -= PIECE
            came += PIECE
            pace.heard(now - sent, now)
        elif now == next_sound:
            waits.append(path.send(now, sound) - now - path.delay / 2)
            next_sound = now + SOUND_EVERY
        elif (pause := pace.pause(now, PIECE, unacknowledged)) > 0:
            next_look = now + pause
        else:
            arrival = path.send(now, PIECE) + path.delay / 2 + rng.uniform(0, 0.02) + rng.uniform(0, 0.02)
            unacknowledged += PIECE
            acknowledged.append((max(arrival, acknowledged[-1][0] if acknowledged else 0.0), now))
    return came, sorted(waits), pace


@pytest.mark.parametrize("delay", [0.001, 0.05, 0.3])
def test_on_a_wide_path_a_message_goes_as_fast_as_it_may_and_no_faster(delay: float) -> None:
    came, waits, pace = shared(Path(2_000_000, delay), 20)
    most = PaceLimits().most
    assert 0.75 * most < came / 20 <= most
    assert waits[-1] < 0.002
    assert pace.rate == most


@pytest.mark.parametrize(
    ("rate", "share", "longest"),
    [(8_000, 0.15, 0.2), (16_000, 0.5, 0.15), (32_000, 0.6, 0.1), (60_000, 0.6, 0.1)],
)
@pytest.mark.parametrize("delay", [0.02, 0.1])
def test_on_a_narrow_path_the_sound_waits_little_and_the_message_takes_what_is_left(
    rate: float, share: float, longest: float, delay: float
) -> None:
    seconds, sound = 60.0, 90
    came, waits, _ = shared(Path(rate, delay), seconds)
    left = rate - sound / SOUND_EVERY
    assert share * left * seconds < came
    assert waits[len(waits) * 95 // 100] < longest
    assert waits[-1] < 4 * longest


def test_a_path_that_gives_nothing_back_is_not_filled() -> None:
    pace, gone, now = Pace(), 0, 0.0
    while now < 60:
        pause = pace.pause(now, PIECE, gone)
        gone += PIECE if pause == 0 else 0
        now += pause
    assert gone <= 3 * PIECE


def test_a_path_that_became_longer_is_taken_as_it_is_after_a_while() -> None:
    pace, rates = Pace(), list[float]()
    for number in range(1500):
        pace.heard(0.02 if number < 300 else 0.4, number * 0.1)
        rates.append(pace.rate)
    assert min(rates[300:]) == PaceLimits().least
    assert rates[-1] > PaceLimits().most / 2
