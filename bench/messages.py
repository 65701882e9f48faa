"""What a voice message costs to record, and how well it sounds, beside ffmpeg with the same codec and bitrate."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.child import ChildFailed
from bench.effort import Effort
from bench.material import SENTENCES, speech
from bench.quality import PESQ_MISSING, has_pesq, intelligibility, pesq_mos
from bench.result import OURS, Result, Target, median
from bench.turn_voices import spoken
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm
from hullo.messages.recorder_options import MAX_SECONDS
from hullo.messages.sound import OggOpusSound, Sound

QUESTION = "Five minutes of speech recorded as a voice message: what it costs, how it sounds"

FFMPEG = "ffmpeg"

_VOICES = ("slt", "rms", "awb")
"""Of flite, made of recordings of people; the fourth speaker is the eSpeak of all benchmarks, made of formulas."""

_PAUSE = SAMPLE_RATE * 2 // 5

_DEADLINE = 300.0


class FfmpegMissing(RuntimeError):
    """There is nothing to measure beside; the message says what to install."""


@dataclass
class Found:
    """The figures of each run, and the file that the last one wrote."""

    cpu_s: list[float] = field(default_factory=list)
    more: dict[str, float] = field(default_factory=dict)
    path: Path = Path()


async def run(effort: Effort) -> Result:
    """Both in turns, from the same WAV file."""
    if shutil.which(FFMPEG) is None:
        raise FfmpegMissing("ffmpeg is not installed: apt-get install ffmpeg")
    material = {"espeak": speech(), **{voice: _said(voice) for voice in _VOICES}}
    said = np.concatenate(list(material.values()))
    seconds = MAX_SECONDS if effort.is_full else len(said) / SAMPLE_RATE
    found = {OURS: Found(), FFMPEG: Found()}
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "said.wav"
        _write(source, np.resize(said, round(seconds * SAMPLE_RATE)))
        for index in range(3 if effort.is_full else 1):
            folder = Path(directory) / str(index)
            folder.mkdir()
            _record(found[OURS], source, folder)
            _encode(found[FFMPEG], source, folder)
        measured = {name: _figures(one, material, seconds) for name, one in found.items()}
    return Result(
        name="messages",
        question=QUESTION,
        measured=measured,
        ratios={
            "ours/ffmpeg": measured[OURS]["cpu_s"] / measured[FFMPEG]["cpu_s"],
            "ours/ffmpeg_with_start": measured[OURS]["with_start_cpu_s"] / measured[FFMPEG]["cpu_s"],
        },
        targets=[Target("ours_rss_growth_mb", most=5.0), Target("ours_pesq_mos", least=4.0)],
        conditions={
            "material": f"{seconds:.0f} s of four voices, 24 kbit/s, voip, frames of 20 ms, complexity 10",
            "cpu_s": "ours: from the WAV file to the finished message, waveform and metadata included, in a process "
            "that has recorded a second before; with_start counts the interpreter too. ffmpeg: all of it",
            "rss_growth_mb": "from after that second to the most while recording",
            "pesq": "wideband, P.862.2; the mean of the voices, and each" if has_pesq() else PESQ_MISSING,
        },
    )


def _said(voice: str) -> Pcm:
    """The sentences of all benchmarks in another voice."""
    pause = np.zeros(_PAUSE)
    parts = [part for _, text in SENTENCES for part in (spoken("flite", voice, text), pause)]
    sound = np.concatenate(parts)
    whole = len(sound) // FRAME_SAMPLES * FRAME_SAMPLES
    sound = sound[:whole] + np.random.default_rng(0).normal(0, 4, whole)  # no encoder is to see digital silence
    return np.clip(sound, -32768, 32767).astype(np.int16)


def _write(path: Path, pcm: Pcm) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(pcm.tobytes())


def _record(found: Found, source: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "bench.ends.recorder", str(source), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=_DEADLINE)
    told = json.loads(ran.stdout)
    found.cpu_s.append(told["cpu_s"])
    found.more = {"with_start_cpu_s": told["with_start_cpu_s"], "rss_growth_mb": told["rss_growth"] / 1e6}
    found.path = folder / "ours.ogg"


def _encode(found: Found, source: Path, folder: Path) -> None:
    found.path = folder / "theirs.ogg"
    codec = ["-c:a", "libopus", "-b:a", "24k", "-application", "voip", "-frame_duration", "20"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [FFMPEG, "-v", "error", "-nostdin", "-threads", "1", "-i", str(source), *codec, str(found.path)]
    subprocess.run(command, check=True, timeout=_DEADLINE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found.cpu_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _figures(found: Found, material: Mapping[str, Pcm], seconds: float) -> Mapping[str, float]:
    heard = _decoded(found.path)
    if abs(len(heard) - seconds * SAMPLE_RATE) > 1:
        raise ChildFailed(f"{found.path.name} has {len(heard) / SAMPLE_RATE:g} s of {seconds:g} s")
    stoi, pesq = [], {}
    begin = 0
    for voice, said in material.items():
        piece = heard[begin : begin + len(said)]
        begin += len(said)
        stoi.append(intelligibility(said, piece))
        if has_pesq():
            pesq[f"pesq_mos_{voice}"] = pesq_mos(said, piece)
    if pesq:
        pesq = {"pesq_mos": float(np.mean(list(pesq.values()))), **pesq}
    kbits = found.path.stat().st_size * 8 / seconds / 1000
    return {"cpu_s": median(found.cpu_s), **found.more, "kbit_per_s": kbits, "stoi": float(np.mean(stoi)), **pesq}


def _decoded(path: Path) -> Pcm:
    sound: Sound = OggOpusSound(path)
    pieces = []
    while (piece := sound.read()) is not None:
        pieces.append(piece)
    sound.close()
    return np.concatenate(pieces)
