from pathlib import Path

import numpy as np
import pytest

from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Mouth, Pcm
from hullo.messages.player import (
    PlaybackEnded,
    PlaybackEvent,
    PlaybackFailed,
    PlaybackPosition,
    PlayerState,
    VoiceMessagePlayer,
)
from tests.messages.sounds import quiet, record, sweep, time_of

SECONDS = 12.0


@pytest.fixture(scope="module")
def note(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("note") / "note.ogg"
    record(path, sweep(SECONDS)).stop()
    return path


def pulled(player: VoiceMessagePlayer, seconds: float = 1000.0) -> Pcm:
    """What a listener hears in that time, or until it is over."""
    frames = [quiet(0)]
    mouth: Mouth = player.pull
    while len(frames) <= seconds * 50 and (frame := mouth(0.0)) is not None:
        assert len(frame) == FRAME_SAMPLES
        frames.append(frame)
    return np.concatenate(frames)


@pytest.mark.parametrize("speed", [1.0, 1.5, 2.0])
def test_a_message_is_played_to_its_end(note: Path, speed: float) -> None:
    events: list[PlaybackEvent] = []
    player = VoiceMessagePlayer(note, speed=speed, on_event=events.append)
    assert player.duration == SECONDS
    heard = pulled(player)
    assert len(heard) / SAMPLE_RATE == pytest.approx(SECONDS / speed, abs=0.02)
    for share in (0.25, 0.5, 0.75):
        at = int(share * len(heard))
        assert time_of(heard[at : at + 4800]) == pytest.approx(share * SECONDS + 0.05 * speed, abs=0.25)
    assert player.state is PlayerState.ENDED
    assert events[-1] == PlaybackEnded(SECONDS)
    positions = [event.position for event in events if isinstance(event, PlaybackPosition)]
    assert positions == sorted(positions)
    assert len(positions) == pytest.approx(SECONDS / speed / 0.24, abs=1)
    assert np.diff(positions) == pytest.approx(0.24 * speed, abs=0.05)
    player.close()


def test_speed_and_place_change_while_it_plays(note: Path) -> None:
    events: list[PlaybackEvent] = []
    player = VoiceMessagePlayer(note, on_event=events.append)
    pulled(player, 2.0)
    assert player.position == pytest.approx(2.0)
    player.set_speed(2.0)
    assert time_of(pulled(player, 0.2)[:4800]) == pytest.approx(2.1, abs=0.15)
    assert player.position == pytest.approx(2.4, abs=0.05)
    player.seek(9.0)
    assert events[-1] == PlaybackPosition(9.0, SECONDS)
    player.set_speed(1.0)
    assert time_of(pulled(player, 0.2)) == pytest.approx(9.1, abs=0.03)
    player.seek(-3.0)
    assert player.position == 0.0
    player.close()


def test_a_pause_gives_nothing_and_loses_nothing(note: Path) -> None:
    player = VoiceMessagePlayer(note)
    pulled(player, 1.0)
    player.pause()
    assert player.state is PlayerState.PAUSED
    assert player.pull(0.0) is None
    player.resume()
    assert time_of(pulled(player, 0.2)) == pytest.approx(1.1, abs=0.03)
    player.close()


def test_what_has_ended_plays_again_after_a_jump_back(note: Path) -> None:
    player = VoiceMessagePlayer(note)
    pulled(player)
    player.seek(SECONDS - 1.0)
    assert len(pulled(player)) == SAMPLE_RATE
    player.seek(SECONDS + 5.0)
    assert player.position == SECONDS
    assert len(pulled(player)) == 0
    assert player.state is PlayerState.ENDED
    player.close()


def test_a_file_that_becomes_unreadable_ends_with_its_reason(note: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.ogg"
    data = note.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(1_500_000) + data[-2000:])
    events: list[PlaybackEvent] = []
    player = VoiceMessagePlayer(path, on_event=events.append)
    heard = pulled(player)
    assert 4.0 < len(heard) / SAMPLE_RATE < 8.0
    assert isinstance(events[-1], PlaybackFailed)
    assert "no Ogg page in" in events[-1].detail
    player.close()


def test_a_speed_that_makes_no_sense_changes_nothing(note: Path) -> None:
    player = VoiceMessagePlayer(note)
    with pytest.raises(ValueError, match="a speed of 9"):
        player.set_speed(9.0)
    assert player.speed == 1.0
    player.close()
    with pytest.raises(ValueError, match="a speed of 0"):
        VoiceMessagePlayer(note, speed=0.0)
