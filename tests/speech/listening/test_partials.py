import numpy as np

from hullo.speech.listening.partials import GrowingWindow
from tests.speech.support import silence, tone

RATE = 16_000


def looks(window: GrowingWindow, *sounds: np.ndarray[tuple[int], np.dtype[np.int16]], cost: float = 0.1) -> list[float]:
    """The seconds of sound at which a look is due, when each costs `cost` seconds for each second of sound."""
    taken = []
    for sound in sounds:
        for piece in np.split(sound, range(320, len(sound), 320)):
            window.feed(piece)
            if window.due():
                taken.append(window.samples / RATE)
                window.looked(window.samples, cost * taken[-1])
    return taken


def test_looks_get_rarer_as_they_cost_more() -> None:
    cheap = looks(GrowingWindow(), tone(10.0, rate=RATE), cost=0.01)
    dear = looks(GrowingWindow(), tone(10.0, rate=RATE), cost=0.5)
    assert np.allclose(np.diff(cheap), 0.5, atol=0.03)
    assert dear == [0.8, 2.0, 5.0]
    assert sum(0.5 * at for at in dear[:-1]) <= 10.0 / 3


def test_there_is_none_in_a_pause_and_none_in_silence() -> None:
    taken = looks(GrowingWindow(), tone(2.0, rate=RATE), tone(2.0, dbfs=-45, rate=RATE), tone(1.0, rate=RATE))
    assert not [at for at in taken if 2.2 < at < 4.0]
    assert [at for at in taken if at > 4.0]
    assert looks(GrowingWindow(), silence(5.0, RATE)) == []


def test_the_sound_is_all_that_was_fed() -> None:
    window = GrowingWindow()
    assert len(window.sound()) == 0
    sound = tone(1.0, rate=RATE)
    for piece in np.split(sound, [1, 100, 9000]):
        window.feed(piece)
    assert np.array_equal(window.sound(), sound)
    assert window.samples == len(sound)
