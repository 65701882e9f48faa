"""Words found for a voice that tells none, while its sound waits; the aligner is real, in its host where it says so."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import numpy as np
import pytest

from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.engines.espeak_aligner import EspeakAligner
from hullo.speech.errors import SpeechError
from hullo.speech.events import Interrupted, QueueEvent, Resumed
from hullo.speech.listening.resample import resample
from hullo.speech.ports import Aligner, OnWords, WordTiming, unheard
from hullo.speech.speaking.queue import SpeechQueue
from hullo.speech.speaking.wording import TimingSource
from tests.speech.support import espeak_in_process, eventually

TEXT = "There is a garden behind the house, where you can sit when the weather is fine."


def reading(text: str) -> tuple[Pcm, Sequence[WordTiming]]:
    """By a voice that is not the one to compare with, at 48 kHz."""
    engine = espeak_in_process()
    sound: list[bytes] = []
    told: list[WordTiming] = []

    def emit(block: bytes, words: Sequence[WordTiming] = (), /) -> bool:
        sound.append(block)
        told.extend(words)
        return True

    engine.synthesise(text, "en-us+m3", None, emit)
    return resample(np.frombuffer(b"".join(sound), dtype=np.int16), engine.rate, SAMPLE_RATE), told


class SilentOnWords:
    """A `Voice` that does not tell its words; `pieces` many come at once, the rest when `more` is set."""

    def __init__(self, pieces: int = 1000) -> None:
        self.pieces = pieces
        self.more = asyncio.Event()

    async def synthesise(self, text: str, on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        sound, _ = reading(text)
        for number, at in enumerate(range(0, len(sound), 4800)):
            if number >= self.pieces:
                await self.more.wait()
            yield sound[at : at + 4800]

    async def stream(self, pieces: AsyncIterator[str], on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        raise NotImplementedError
        yield


class InProcess:
    """The aligner without its host; counts."""

    def __init__(self, error: SpeechError | None = None) -> None:
        self.asked: list[bool] = []
        self._error = error

    async def align(self, text: str, sound: Pcm, *, complete: bool) -> Sequence[WordTiming]:
        self.asked.append(complete)
        if self._error is not None:
            raise self._error
        return EspeakAligner(espeak_in_process()).align(
            text, "en", resample(sound, SAMPLE_RATE, 16_000), complete=complete
        )


class Mouth:
    def __init__(self, voice: SilentOnWords, aligner: Aligner | None) -> None:
        self.now = 0.0
        self.events: list[QueueEvent] = []
        self.queue = SpeechQueue(voice, self.events.append, clock=lambda: self.now, aligner=aligner)

    async def speak(self, seconds: float) -> None:
        """Say so much, and let the rest be made meanwhile."""
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            assert self.queue.next_frame(self.now) is not None
            await asyncio.sleep(0)

    async def ready(self, seconds: float) -> None:
        await eventually(lambda: self.queue.ahead >= seconds)


@pytest.mark.parametrize("pieces", [1000, 15])
async def test_it_goes_on_at_the_word_that_was_cut(pieces: int) -> None:
    aligner = InProcess()
    mouth = Mouth(SilentOnWords(pieces), aligner)
    running = asyncio.create_task(mouth.queue.run())
    mouth.queue.say(TEXT)
    await mouth.ready(1.4)
    await eventually(lambda: aligner.asked)
    await mouth.speak(0.6)
    asked = len(aligner.asked)
    mouth.queue.pause()
    await eventually(lambda: pieces == 1000 or len(aligner.asked) > asked)
    mouth.queue.resume()
    resumed = mouth.events[-1]
    assert isinstance(resumed, Resumed)
    assert resumed.word_timing is TimingSource.ALIGNED
    _, truth = reading(TEXT)
    begin = max(one.start_s for one in truth if one.start_s <= 0.6)
    assert 0.6 - resumed.rewound_ms / 1000 == pytest.approx(begin, abs=0.06)
    assert resumed.heard_text == TEXT[: TEXT.index(next(one.word for one in truth if one.start_s == begin))].strip()
    running.cancel()


async def test_the_text_heard_is_known_of_what_was_found() -> None:
    aligner = InProcess()
    mouth = Mouth(SilentOnWords(), aligner)
    running = asyncio.create_task(mouth.queue.run())
    mouth.queue.say(TEXT)
    await mouth.ready(3.0)
    await mouth.speak(2.6)
    await eventually(lambda: True in aligner.asked)
    await asyncio.sleep(0)
    mouth.queue.interrupt()
    interrupted = mouth.events[-1]
    assert isinstance(interrupted, Interrupted)
    assert interrupted.word_timing is TimingSource.ALIGNED
    _, truth = reading(TEXT)
    over = [one for one, after in itertools.pairwise(truth) if after.start_s <= 2.6]
    assert abs(len(interrupted.heard_text) - (TEXT.index(over[-1].word) + len(over[-1].word))) <= 8
    running.cancel()


@pytest.mark.parametrize("aligner", [None, InProcess(SpeechError("no such language"))])
async def test_without_help_it_stays_an_estimate(aligner: InProcess | None) -> None:
    mouth = Mouth(SilentOnWords(), aligner)
    running = asyncio.create_task(mouth.queue.run())
    mouth.queue.say("Dogs are welcome.")
    await mouth.ready(0.8)
    await mouth.speak(0.6)
    mouth.queue.interrupt()
    interrupted = mouth.events[-1]
    assert isinstance(interrupted, Interrupted)
    assert interrupted.word_timing is TimingSource.ESTIMATE
    assert not running.done()
    running.cancel()
