"""What is left of an echo and of the voice that talks into it: `bench/echo.py` measures more of the same."""

import pytest

from bench.echo import score
from bench.room import ROOMS, conversation
from hullo.audio.processing import Processing

pytest.importorskip("livekit")
pytest.importorskip("espeakng_loader")


@pytest.mark.parametrize("room", ["desk", "drift"])
def test_the_echo_goes_and_the_voice_that_talks_into_it_stays(room: str) -> None:
    figures = score(conversation(2), ROOMS[room], lambda delay: Processing(delay=delay))
    assert figures["echo_reduction_db"] >= 35
    assert figures["stoi_drop"] <= 0.15


def test_a_delay_that_is_not_known_well_harms_nobody() -> None:
    figures = score(conversation(2), ROOMS["desk"], lambda delay: Processing(delay=delay + 0.05))
    assert figures["echo_reduction_db"] >= 35
    assert figures["stoi_drop"] <= 0.15
