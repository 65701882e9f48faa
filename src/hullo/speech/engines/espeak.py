"""The offline default voice: eSpeak NG through the library in the `espeakng-loader` wheel.

The library is GPL-3.0-or-later and global to its process, which is why it lives in a host process of its own.
Names and numbers are of eSpeak NG's public header `speak_lib.h`.
"""

import ctypes
import importlib.metadata
from collections.abc import Sequence
from typing import Any

from hullo.speech.engines.engine import Emit, EngineInfo
from hullo.speech.errors import SpeechError, missing_package
from hullo.speech.ports import WordTiming

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE, _PITCH = 1, 3
_BUFFER_MS = 20
_EVENTS_END, _EVENT_WORD = 0, 1


class _Event(ctypes.Structure):
    """`espeak_EVENT`."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class EspeakVoice:
    """eSpeak NG with one voice (`en-us+f2`), `speed` in words per minute (80..450) and `pitch` (0..99).

    Raises `SpeechError` when the package is missing or the voice unknown. First sound after about 1 ms,
    300 times faster than real time. At most one may be made in a process.
    """

    def __init__(self, *, voice: str = "en-us+f2", speed: float = 160, pitch: int = 40) -> None:
        self._library = _load()
        self._emit: Emit = _nobody
        self._text, self._told = "", 0
        self._callback = _CALLBACK(self._on_sound)  # kept, or the library would call freed memory
        self._voice, self._speed, self._pitch = voice, round(speed), pitch
        self._rate = self._initialise()
        self._select(voice)

    @property
    def rate(self) -> int:
        """Sample rate of what it says: 22050 Hz."""
        return self._rate

    @property
    def info(self) -> EngineInfo:
        """Its name, version and languages."""
        return EngineInfo(
            name="espeak",
            description="eSpeak NG",
            url="https://github.com/espeak-ng/espeak-ng",
            version=importlib.metadata.version("espeakng-loader"),
            model=self._voice,
            languages=[self._voice.partition("+")[0]],
        )

    def synthesise(self, text: str, voice: str | None, speaker: str | None, emit: Emit) -> None:
        """Say `text` to `emit` in pieces of about 20 ms, with the words that begin in them."""
        if speaker is not None:
            raise SpeechError(f"eSpeak NG's voices have one speaker each, not '{speaker}': choose another voice")
        self._select(voice or self._voice)
        self._text, self._told = text.replace("\0", " "), 0
        encoded = self._text.encode("utf-8", "replace") + b"\0"
        self._emit = emit
        try:
            result = self._library.espeak_Synth(encoded, len(encoded), 0, 0, 0, _CHARS_UTF8, None, None)
        finally:
            self._emit = _nobody
        if result != 0:
            raise SpeechError(f"eSpeak NG could not say the text (error {result})")

    def _initialise(self) -> int:
        import espeakng_loader

        data = espeakng_loader.get_data_path()
        rate = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data.encode(), _INITIALIZE_DONT_EXIT
        )
        if rate <= 0:
            raise SpeechError(f"eSpeak NG could not read its data in {data}: reinstall espeakng-loader")
        self._library.espeak_SetSynthCallback(self._callback)
        return int(rate)

    def _select(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode("utf-8", "replace")) != 0:
            raise SpeechError(f"eSpeak NG has no voice '{voice}'; 'en-us+f2', 'de' or 'fr' are some it has")
        # Choosing a voice resets these.
        self._library.espeak_SetParameter(_RATE, self._speed, 0)
        self._library.espeak_SetParameter(_PITCH, self._pitch, 0)

    def _on_sound(self, samples: Any, count: int, events: Any) -> int:
        if not samples or count <= 0:
            return 0
        return 0 if self._emit(ctypes.string_at(samples, count * 2), self._words(events)) else 1

    def _words(self, events: Any) -> list[WordTiming]:
        words = []
        for event in events:
            if event.type == _EVENTS_END:
                break
            begin = event.text_position - 1  # counted from 1, in characters
            # A number is said in several words; the later ones begin inside the first.
            if event.type == _EVENT_WORD and begin >= self._told:
                self._told = begin + event.length
                words.append(WordTiming(self._text[begin : self._told].strip(), event.audio_position / 1000))
        return words


def _nobody(_sound: bytes, _words: Sequence[WordTiming] = ()) -> bool:
    return False


def _load() -> ctypes.CDLL:
    try:
        import espeakng_loader
    except ImportError:
        raise missing_package("espeakng-loader") from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_SetSynthCallback.argtypes = [_CALLBACK]
    library.espeak_SetSynthCallback.restype = None
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return library
