"""Flite through its library, which tells when it says which word: `flite.h` and `cst_utterance.h` of Flite 2.2."""

import ctypes
import functools
import re

import numpy as np

from bench.turn_voices import VoiceMissing
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.speech.listening.resample import resample
from hullo.speech.ports import WordTiming

_BEGIN = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
"""Of a word: its first syllable's first segment begins where the one before ends."""
_FUNCTIONS = {
    "flite_synth_text": (ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_void_p]),
    "utt_relation": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
    "relation_head": (ctypes.c_void_p, [ctypes.c_void_p]),
    "item_next": (ctypes.c_void_p, [ctypes.c_void_p]),
    "ffeature_string": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_char_p]),
    "ffeature_float": (ctypes.c_float, [ctypes.c_void_p, ctypes.c_char_p]),
    "delete_utterance": (None, [ctypes.c_void_p]),
}


class _Wave(ctypes.Structure):
    """`cst_wave`."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("rate", ctypes.c_int),
        ("samples", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("sound", ctypes.POINTER(ctypes.c_short)),
    )


@functools.cache
def said(text: str, voice: str) -> tuple[Pcm, tuple[WordTiming, ...]]:
    """One sentence at 48 kHz, and when each word of it begins, as it is written. Raises `VoiceMissing`."""
    library = _library()
    utterance = library.flite_synth_text(text.encode(), _voice(voice))
    wave = library.utt_wave(utterance).contents
    sound = np.ctypeslib.as_array(wave.sound, (wave.samples,)).copy()
    spoken = []
    item = library.relation_head(library.utt_relation(utterance, b"Word"))
    while item:
        if library.ffeature_string(item, b"R:Token.p.name") == b"0":  # a number is several words
            token = library.ffeature_string(item, b"R:Token.parent.name").decode()
            spoken.append((token, float(library.ffeature_float(item, _BEGIN))))
        item = library.item_next(item)
    rate = int(wave.rate)
    library.delete_utterance(utterance)
    return resample(sound, rate, SAMPLE_RATE), _as_written(text, spoken)


def _as_written(text: str, spoken: list[tuple[str, float]]) -> tuple[WordTiming, ...]:
    """Flite takes some of the written words apart, and what it reads of the marks is none."""
    timings, left = [], list(spoken)
    for word in re.findall(r"\S+", text):
        while left and _letters(left[0][0]) != _letters(word):
            left.pop(0)
        if not left:
            raise ValueError(f"Flite does not say where '{word}' is in '{text}'")
        timings.append(WordTiming(word, left.pop(0)[1]))
    return tuple(timings)


def _letters(word: str) -> str:
    return re.sub(r"[^\w:']", "", word).lower()


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for language in ("usenglish", "cmulex"):
            ctypes.CDLL(f"libflite_{language}.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise VoiceMissing(f"{error}: run scripts/bootstrap voices") from None
    for name, (result, arguments) in _FUNCTIONS.items():
        getattr(library, name).restype, getattr(library, name).argtypes = result, arguments
    library.utt_wave.restype, library.utt_wave.argtypes = ctypes.POINTER(_Wave), [ctypes.c_void_p]
    library.flite_init()
    return library


@functools.cache
def _voice(name: str) -> int:
    _library()
    register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    return int(register(None))
