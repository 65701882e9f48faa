"""Messages made of files that others have made, with whatever is in them."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from hullo.media.ogg import page_of
from hullo.media.oggopus import OpusHead, OpusTags
from hullo.media.opus import OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE
from hullo.messages.errors import MessageError
from hullo.messages.making import message_of_file
from hullo.messages.recorder_options import RecorderOptions
from hullo.messages.sound import open_sound
from hullo.messages.store import MessageStore
from tests.messages.sounds import record, sweep

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def with_gaps(path: Path) -> Path:
    """A file whose end says that it plays for 100 s at most, and between its first hundred pages are gaps of 9 s."""
    packet = OpusEncoder(dtx=True).encode(np.zeros(FRAME_SAMPLES, np.int16))
    headers = [OpusHead(pre_skip=0).encode(), OpusTags("test").encode()]
    data = [
        page_of([header], serial=1, sequence=number, granule=0, first=number == 0).encode()
        for number, header in enumerate(headers)
    ]
    granules = [number * 9 * SAMPLE_RATE for number in range(1, 101)] + [n * FRAME_SAMPLES for n in range(1, 5001)]
    for number, granule in enumerate(granules, 1):
        last = number == len(granules)
        data.append(page_of([packet], serial=1, sequence=number + 1, granule=granule, last=last).encode())
    path.write_bytes(b"".join(data))
    return path


def test_an_opus_file_is_taken_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "source.ogg"
    record(source, sweep(1.0)).stop()
    message = message_of_file(MessageStore(tmp_path / "messages"), source, NOON, RecorderOptions(), peer="bob")
    assert message.path.read_bytes() == source.read_bytes()
    assert message.path.stat().st_mode & 0o777 == 0o600
    assert message.metadata is not None
    assert (message.metadata.size, message.metadata.peer) == (source.stat().st_size, "bob")
    assert message.metadata.duration == pytest.approx(1.0, abs=0.01)


def test_a_file_that_plays_for_longer_than_its_end_says_is_refused(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "messages")
    source = with_gaps(tmp_path / "bomb.ogg")
    with closing(open_sound(source)) as sound:
        assert (sound.length or 0) <= 100 * SAMPLE_RATE
    with pytest.raises(MessageError, match=r"bomb\.ogg is longer than the 300 s that a message may have"):
        message_of_file(store, source, NOON, RecorderOptions(max_seconds=300.0))
    assert store.messages() == []
