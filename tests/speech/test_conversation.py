"""Sentences from mouth to ear: the real voice, Opus, voice activity, segments and the real recogniser."""

import asyncio
import os
import signal

import numpy as np

from hullo.media.opus import OpusDecoder, OpusEncoder
from hullo.media.pcm import Pcm
from hullo.speech.endpointing.fixed import FixedPause
from hullo.speech.events import HostDown, HostUp, ListenerEvent, SpeechEvent, Transcript
from hullo.speech.hosting.supervisor import Patience
from hullo.speech.listening.listener import Listener
from hullo.speech.listening.segmenter import SegmenterSettings
from hullo.speech.listening.vad import SileroModel
from hullo.speech.servers.client import RecogniserClient, VoiceClient
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from tests.speech.phrases import RELIABLE
from tests.speech.support import eventually, frames, hear_all, silence, spoken, word_errors


def over_opus(sound: Pcm) -> Pcm:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    return np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames(sound)])


async def test_sentences_are_heard_word_for_word(
    voice: VoiceClient, recogniser: RecogniserClient, model: SileroModel
) -> None:
    heard: list[ListenerEvent] = []
    listener = Listener(
        recogniser, model, SegmenterSettings(), FixedPause(0.6), heard.append, started=0.0, clock=lambda: 0.0
    )
    running = asyncio.create_task(listener.run())
    now = 0.0
    for phrase in RELIABLE:
        sound = np.concatenate([silence(0.7), await spoken(voice, phrase), silence(1.0)])
        now = hear_all(listener, over_opus(sound), now)
        await eventually(lambda: isinstance(heard[-1], Transcript))
    running.cancel()
    await asyncio.wait([running])
    texts = [event.text for event in heard if isinstance(event, Transcript)]
    assert len(texts) == len(RELIABLE)
    errors = [word_errors(said, text) for said, text in zip(RELIABLE, texts, strict=True)]
    assert sum(errors) <= 3, texts


async def test_a_recogniser_that_is_killed_in_mid_request_costs_time_but_no_words() -> None:
    events: list[SpeechEvent] = []
    patience = Patience(ping_every=0.2, ping=30.0, restart=60)
    async with SpeechService(SpeechSettings(), events.append, patience=patience) as service:
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
    assert word_errors(RELIABLE[0], transcript.text) <= 1
