"""What people do on the telephone, synthesised: they interrupt, agree, cough, and there is noise around them."""

import functools
import subprocess
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from bench import flite as flite_words
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.aligning.spectrum import RATE
from hullo.speech.engines.espeak import EspeakVoice
from hullo.speech.engines.espeak_aligner import EspeakAligner
from hullo.speech.listening.resample import resample
from hullo.speech.ports import OnWords, WordTiming, unheard

INTERRUPTIONS = (
    "Wait, I need to ask something else first.",
    "Hold on a second, that is not what I meant.",
    "No, no, I wanted the other one please.",
    "Actually I want to change my order.",
    "Excuse me, can I say something?",
    "Can I ask you a question about that?",
    "Okay but how much does it cost in total?",
    "But what about the day after tomorrow?",
    "One moment please, my phone is ringing.",
    "Never mind, I have found it already.",
    "That is too expensive, do you have another?",
    "Please stop, I have heard enough of this.",
)
BACKCHANNELS = ("mm-hm", "uh-huh", "yeah", "okay", "right", "I see", "yes", "sure", "hm", "yeah, right")
HUMS = {
    "mm-hm": ("[[m'm:hm:]]", "pau m m hh m m pau"),
    "hm": ("[[hm:]]", "pau hh m m m pau"),
    "uh-huh": ("[[V#hV]]", "pau ah hh ah pau"),
}
"""In sounds of eSpeak and of Flite, which read the spelling letter by letter."""
ESPEAK_VOICES = ("en-us+m3", "en-us+f4", "en-us+m7", "en-us+m1")
FLITE_VOICES = ("rms", "slt", "awb", "kal16")
VOICES = (*ESPEAK_VOICES, *FLITE_VOICES)

_Samples = NDArray[np.float64]


class LocalVoice:
    """eSpeak NG in this process, which tells its words, or a voice of Flite, which does not, as a `Voice` whose sound
    is there at once."""

    def __init__(self, flite_voice: str | None = None) -> None:
        self._flite_voice = flite_voice

    async def synthesise(self, text: str, on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """See `hullo.speech.ports.Voice`."""
        sound, words = spoken(text, self._flite_voice)
        if self._flite_voice is None:
            on_words(words)
        yield sound

    async def stream(self, pieces: AsyncIterator[str], on_words: OnWords = unheard) -> AsyncGenerator[Pcm, None]:
        """Nobody asks for it here."""
        raise NotImplementedError
        yield


class LocalAligner:
    """An `Aligner` in this process."""

    async def align(self, text: str, sound: Pcm, *, complete: bool) -> Sequence[WordTiming]:
        """See `hullo.speech.ports.Aligner`."""
        return EspeakAligner(_espeak_voice()).align(text, "en", resample(sound, SAMPLE_RATE, RATE), complete=complete)


def spoken(text: str, flite_voice: str | None) -> tuple[Pcm, Sequence[WordTiming]]:
    """What `LocalVoice` says, and when each word truly begins in it."""
    return espeak(text) if flite_voice is None else flite_words.said(text, flite_voice)


@functools.cache  # one is all that a process may have
def _espeak_voice() -> EspeakVoice:
    return EspeakVoice()


@functools.cache  # eSpeak does not say the same thing twice
def espeak(text: str, voice: str | None = None) -> tuple[Pcm, Sequence[WordTiming]]:
    """The sound at 48 kHz, and when each word begins."""
    engine = _espeak_voice()
    sound: list[bytes] = []
    told: list[WordTiming] = []

    def emit(block: bytes, words: Sequence[WordTiming] = (), /) -> bool:
        sound.append(block)
        told.extend(words)
        return True

    engine.synthesise(text, voice, None, emit)
    return resample(np.frombuffer(b"".join(sound), dtype=np.int16), engine.rate, SAMPLE_RATE), told


def flite(text: str, voice: str) -> Pcm:
    """The sound at 48 kHz by Flite, another family of voices."""
    said = ["-p", HUMS[text][1]] if text in HUMS else ["-t", text]
    return _made(lambda path: ["flite", "-voice", voice, *said, "-o", path])


def _made(command: Callable[[str], Sequence[str]]) -> Pcm:
    """The sound that a program writes to the path that is in its command."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(command(str(path)), check=True, capture_output=True)
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
            return resample(samples, file.getframerate(), SAMPLE_RATE)


def says(text: str, voice: str, dbfs: float) -> Pcm:
    """A person says it, from the first audible sample to the last."""
    sound = flite(text, voice) if voice in FLITE_VOICES else _hummed(text, voice)
    return at_level(audible(sound), dbfs)


def _hummed(text: str, voice: str) -> Pcm:
    if text not in HUMS:
        return espeak(text, voice)[0]
    return _made(lambda path: ["espeak-ng", "-v", voice, "-w", path, HUMS[text][0]])


def audible(sound: Pcm) -> Pcm:
    """Without what is 30 dB below the loudest at both ends."""
    blocks = sound[: len(sound) // 240 * 240].reshape(-1, 240).astype(np.float64)
    levels = np.sqrt(np.mean(np.square(blocks), axis=1))
    (loud,) = np.nonzero(levels > levels.max() * 10 ** (-30 / 20))
    return sound[loud[0] * 240 : (loud[-1] + 1) * 240]


def at_level(sound: NDArray[np.int16] | _Samples, dbfs: float) -> Pcm:
    """The sound with this root mean square."""
    level = np.sqrt(np.mean(np.square(sound.astype(np.float64))))
    scaled: Pcm = np.clip(sound * (32768 * 10 ** (dbfs / 20) / level), -32768, 32767).astype(np.int16)
    return scaled


def cough(rng: np.random.Generator) -> Pcm:
    """One to three bursts of breath: an explosion and its decay, coloured by a throat."""
    return np.concatenate([_burst(rng) for _ in range(rng.integers(1, 4))])


def _burst(rng: np.random.Generator) -> Pcm:
    length = int(SAMPLE_RATE * rng.uniform(0.25, 0.4))
    at = np.arange(length) / SAMPLE_RATE
    low, high = rng.uniform(300, 600), rng.uniform(2500, 5000)
    numerator, denominator = butter(2, [low / 24_000, high / 24_000], "band")
    breath = lfilter(numerator, denominator, rng.normal(size=length))
    return at_level(breath * np.minimum(at / 0.004, 1) * np.exp(-at / rng.uniform(0.05, 0.09)), rng.uniform(-26, -18))


def noise(seconds: float, rng: np.random.Generator) -> Pcm:
    """A room by a street: hiss, traffic that swells, and now and then a click, a thump or a clatter."""
    count = int(seconds * SAMPLE_RATE)
    white = rng.normal(size=count)
    turns = np.arange(0, count + SAMPLE_RATE, SAMPLE_RATE)
    swell = np.interp(np.arange(count), turns, rng.uniform(0.1, 1, len(turns)))
    rumble = lfilter(*butter(2, 400 / 24_000), white) * 6 * swell
    sound = 40 * rng.normal(size=count) + 150 * rumble
    for start in range(48_000, count - 48_000, int(2.5 * 48_000)):
        _add_knock(sound, start + int(rng.integers(0, 48_000)), rng)
    room: Pcm = np.clip(sound, -32768, 32767).astype(np.int16)
    return room


def _add_knock(sound: _Samples, start: int, rng: np.random.Generator) -> None:
    length = int(SAMPLE_RATE * rng.choice([0.03, 0.08, 0.2]))
    at = np.arange(length) / SAMPLE_RATE
    centre = rng.uniform(200, 4000)
    knock = lfilter(*butter(1, [centre * 0.7 / 24_000, centre * 1.4 / 24_000], "band"), rng.normal(size=length))
    sound[start : start + length] += at_level(knock * np.exp(-at * 5 / at[-1]), rng.uniform(-40, -22))
