"""Who is transcribed at the other end, when a loudspeaker is heard by its own microphone while both people talk."""

import numpy as np
import pytest

from bench.echo import Subject, process
from bench.room import FAR, NEAR, ROOMS, conversation
from hullo.audio.processing import Processing
from hullo.media.pcm import SAMPLE_RATE
from hullo.speech.events import ListenerEvent, NothingRecognised, SpeechStarted, Transcript
from hullo.speech.listening.resample import resample
from hullo.speech.listening.vad import VAD_RATE, SileroModel
from hullo.speech.servers.client import RecogniserClient
from tests.speech.listening.test_listener import START, Ear
from tests.speech.support import eventually, silence, word_errors

pytest.importorskip("livekit")

SENTENCES = 3
ONLY_FAR = set(" ".join(FAR).lower().replace(".", "").replace(",", "").split()) - set(
    " ".join(NEAR).lower().replace(".", "").replace("?", "").split()
)


def all_told(events: list[ListenerEvent]) -> bool:
    """Whether every turn that began was understood, or not."""
    began = sum(isinstance(event, SpeechStarted) for event in events)
    return began > 0 and began == sum(isinstance(event, Transcript | NothingRecognised) for event in events)


async def transcribed(
    subject: Subject, room: str, recogniser: RecogniserClient, model: SileroModel
) -> list[Transcript]:
    """What the far end's recogniser hears, with times from the beginning of the conversation."""
    microphone, _ = conversation(SENTENCES).microphone(ROOMS[room])
    out = process(conversation(SENTENCES), microphone, subject).out
    ear = Ear(recogniser, model, started=START)
    async with ear.running():
        ear.hear(np.concatenate([out, silence(2.0)]))
        await eventually(lambda: all_told(ear.events), 60.0)
    return [event for event in ear.events if isinstance(event, Transcript)]


@pytest.mark.peer
@pytest.mark.parametrize("room", ["desk", "drift"])
async def test_nobody_is_transcribed_twice(room: str, recogniser: RecogniserClient, model: SileroModel) -> None:
    heard = await transcribed(Processing(delay=ROOMS[room].delay), room, recogniser, model)
    first = conversation(SENTENCES).spans[0][0] / SAMPLE_RATE
    turns = [turn for turn in heard if turn.started_at > 3.0]
    assert [turn for turn in turns if turn.started_at < first - 0.5] == []
    assert len(turns) <= SENTENCES + 1
    words = " ".join(turn.text for turn in turns).lower().split()
    assert len(ONLY_FAR.intersection(words)) <= 4, words  # a word misheard is not a sentence come back
    assert word_errors(NEAR[SENTENCES % len(NEAR)], turns[-1].text) <= 2


@pytest.mark.peer
async def test_without_processing_the_far_person_would_be(recogniser: RecogniserClient) -> None:
    microphone, _ = conversation(SENTENCES).microphone(ROOMS["desk"])
    alone = microphone[: 6 * SAMPLE_RATE]
    heard = await recogniser.transcribe(resample(alone, SAMPLE_RATE, VAD_RATE))
    assert len(ONLY_FAR.intersection(heard.text.lower().split())) >= 4, heard.text
