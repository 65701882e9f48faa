"""How soon is a streamed answer heard, and is a flush total? In real time, with the real voice host."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np

from bench.effort import Effort
from bench.result import Result, Target, quantile
from hullo.media.pcm import FRAME_SECONDS, Pcm
from hullo.speech.events import QueueEvent, Speaking
from hullo.speech.service import SpeechService
from hullo.speech.settings import SpeechSettings
from hullo.speech.speaking.queue import SpeechQueue

_TOKEN_SECONDS = 0.025
_SENTENCE = "Table {} of this evening is for four people."
_ANSWERS = {Effort.FULL: 20, Effort.QUICK: 3, Effort.REHEARSAL: 1}
_ANSWER = tuple(_SENTENCE.format(number) for number in range(101, 121))


@dataclass
class Answer:
    """One answer of twenty sentences, as it was spoken."""

    first_sentence_at: float = 0.0
    first_audio_at: float = 0.0
    sounding: asyncio.Event = field(default_factory=asyncio.Event)
    flushed_frames: int = 0
    """Frames with sound that were sent later than the fade-out of the flush."""
    frames: list[Pcm | None] = field(default_factory=list)


async def tokens(stall: float, answer: Answer) -> AsyncIterator[str]:
    """Words as a language model writes them; behind the first sentence it thinks for a while."""
    loop = asyncio.get_running_loop()
    for number, sentence in enumerate(_ANSWER):
        for word in sentence.split():
            yield f" {word}"  # a model's tokens begin with their space: nothing shows that a sentence is over
            await asyncio.sleep(_TOKEN_SECONDS)
        if number == 0:
            answer.first_sentence_at = loop.time() - _TOKEN_SECONDS
            await asyncio.sleep(stall)


async def speak(service: SpeechService, stall: float) -> Answer:
    """One answer, flushed two seconds after its first sound; the model writes on."""
    loop = asyncio.get_running_loop()
    answer = Answer()

    def on_event(event: QueueEvent) -> None:
        if isinstance(event, Speaking):
            answer.first_audio_at = loop.time()
            answer.sounding.set()

    queue = service.queue(on_event)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(queue.run())
        ticking = tasks.create_task(_tick(queue, answer))
        queue.open("answer")
        writing = tasks.create_task(_write(queue, tokens(stall, answer)))
        await answer.sounding.wait()
        await asyncio.sleep(2.0)
        queue.interrupt()
        sent = len(answer.frames) + 1
        await writing
        await asyncio.sleep(0.5)
        answer.flushed_frames = sum(frame is not None and bool(np.any(frame)) for frame in answer.frames[sent:])
        running.cancel()
        ticking.cancel()
    return answer


async def _write(queue: SpeechQueue, pieces: AsyncIterator[str]) -> None:
    async for piece in pieces:
        queue.append("answer", piece)


async def _tick(queue: SpeechQueue, answer: Answer) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due += FRAME_SECONDS
        await asyncio.sleep(due - loop.time())
        answer.frames.append(queue.next_frame(loop.time()))


async def run(effort: Effort) -> Result:
    """Answers whose model goes on at once, and answers whose model thinks for two seconds behind the first sentence."""
    count = _ANSWERS[effort]
    async with SpeechService(SpeechSettings(recogniser=None)) as service:
        measured = {}
        for name, stall in (("flowing", 0.0), ("stalling", 2.0)):
            answers = [await speak(service, stall) for _ in range(count)]
            first = [1000 * (one.first_audio_at - one.first_sentence_at) for one in answers]
            measured[name] = {
                "first_audio_p50_ms": quantile(first, 0.5),
                "first_audio_p95_ms": quantile(first, 0.95),
                "heard_after_flush_frames": float(sum(one.flushed_frames for one in answers)),
            }
    return Result(
        name="speaking",
        question="How soon is a streamed answer of twenty sentences heard after its first sentence is complete?",
        measured=measured,
        ratios={},
        targets=[
            *(Target(f"{name}_first_audio_p95_ms", most=150.0) for name in measured),
            *(Target(f"{name}_heard_after_flush_frames", most=0.0) for name in measured),
        ],
        conditions={"answers_each": count, "token_ms": _TOKEN_SECONDS * 1000},
    )
