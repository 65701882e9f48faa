"""Transcripts of messages, by a recogniser in a host of its own that is killed."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from hullo.messages.events import MessageEvent, Received
from hullo.messages.messenger import Messenger
from hullo.messages.store import Condition, MessageStore, StoredMessage
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.messages import posting
from tests.messages.sounds import quiet, record


def recogniser_host() -> psutil.Process:
    [host] = [one for one in psutil.Process().children(recursive=True) if "recogniser" in one.cmdline()]
    return host


@pytest.mark.timeout(120)
async def test_a_recogniser_that_is_killed_costs_no_transcript(tmp_path: Path) -> None:
    told: asyncio.Queue[MessageEvent] = asyncio.Queue()
    store = MessageStore(tmp_path)
    async with SpeechService(SpeechSettings(voice=None)) as speech:
        messenger = Messenger(store, told.put_nowait, speech=speech)
        async with posting.running(messenger.run()):
            recorder = record(store.new_path(datetime.now(UTC)), quiet(1.0))
            described = await asyncio.to_thread(recorder.stop)
            recogniser_host().kill()  # and nobody has noticed when the transcript is asked for
            messenger.tell(
                Received(StoredMessage(path=recorder.path, condition=Condition.FINISHED, metadata=described))
            )
            event = await told.get()
    assert isinstance(event, Received)
    assert event.message.metadata is not None
    assert event.message.metadata.transcript is not None
