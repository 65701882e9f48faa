"""Sentences from mouth to ear: the real voice, Opus, voice activity, segments and the real recogniser."""

import asyncio
import os
import signal
import string
import time

import numpy as np
import pytest

from hullo.media.opus import OpusDecoder, OpusEncoder
from hullo.media.pcm import Pcm
from hullo.speech.client import RecogniserClient, VoiceClient
from hullo.speech.events import HostDown, HostUp, ListenerEvent, SpeechEvent, Transcript
from hullo.speech.listener import Listener
from hullo.speech.segmenter import SegmenterSettings
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from hullo.speech.supervisor import Patience
from hullo.speech.vad import SileroModel
from tests.speech.phrases import RELIABLE
from tests.speech.support import eventually, frames, hear_all, silence, spoken

NO_MARKS = str.maketrans("", "", string.punctuation)


def over_opus(sound: Pcm) -> Pcm:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    return np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames(sound)])


@pytest.mark.parametrize("phrase", RELIABLE)
async def test_a_sentence_is_heard_word_for_word(
    phrase: str, voice: VoiceClient, recogniser: RecogniserClient, model: SileroModel
) -> None:
    events: list[ListenerEvent] = []
    listener = Listener(recogniser, model, SegmenterSettings(), events.append, started=0.0, clock=time.monotonic)
    running = asyncio.create_task(listener.run())
    sound = np.concatenate([silence(0.7), await spoken(voice, phrase), silence(1.0)])
    hear_all(listener, over_opus(sound), now=0.0)
    await eventually(lambda: len(events) == 3)
    running.cancel()
    await asyncio.wait([running])
    transcript = events[2]
    assert isinstance(transcript, Transcript)
    assert transcript.text == phrase.translate(NO_MARKS).lower()


async def test_a_recogniser_that_is_killed_in_mid_request_costs_time_but_no_words() -> None:
    events: list[SpeechEvent] = []
    settings = SpeechSettings()
    patience = Patience(ping_every=0.2, ping=5.0, restart=60)
    async with SpeechService(settings, events.append, patience=patience) as service:
        sound = np.concatenate([silence(0.7), await service.synthesise(RELIABLE[0]), silence(1.0)])
        listener = service.listener(events.append)
        running = asyncio.create_task(listener.run())
        hear_all(listener, sound)
        await asyncio.sleep(0.05)
        pid = service.hosts["recogniser"]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: any(isinstance(event, Transcript) for event in events))
        running.cancel()
        await asyncio.wait([running])
    (down,) = (event for event in events if isinstance(event, HostDown))
    assert (down.role, down.detail) == ("recogniser", "it was killed by signal 9")
    assert HostUp(role="recogniser", restarts=1) in events
    (transcript,) = (event for event in events if isinstance(event, Transcript))
    assert transcript.text == RELIABLE[0].translate(NO_MARKS).lower()
