import numpy as np
import pytest

from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.endpointing.strategy import Pause

PAUSE = Pause(speech=np.zeros(16_000, np.int16), spoken=1.0)


def test_it_never_changes() -> None:
    strategy = FixedPause(0.7)
    strategy.resumed(0.6)
    assert strategy.paused(PAUSE) == strategy.understood("and") == 0.7


@pytest.mark.parametrize("seconds", [0.0, 0.1, 60.0, float("nan")])
def test_pauses_that_cannot_be(seconds: float) -> None:
    with pytest.raises(ValueError, match="end pause"):
        FixedPause(seconds)
