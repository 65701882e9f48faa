"""Piper itself, with a voice that fits into a test: real files, real phonemes, no network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hullo.media.pcm import Pcm
from hullo.speech.engines.piper import PiperEngine
from hullo.speech.errors import SpeechError
from hullo.speech.ports import WordTiming
from tests.speech.models.piper import make_piper


def no_report(what: str, done: int, total: int) -> None:
    raise AssertionError("nothing is downloaded here")


def say(engine: PiperEngine, text: str, speaker: str | None = None) -> tuple[Pcm, list[WordTiming]]:
    blocks: list[bytes] = []
    told: list[WordTiming] = []

    def emit(block: bytes, words: Sequence[WordTiming] = (), /) -> bool:
        blocks.append(block)
        told.extend(words)
        return True

    engine.synthesise(text, None, speaker, emit)
    return np.frombuffer(b"".join(blocks), dtype=np.int16), told


def pitch(sound: Pcm, rate: int) -> float:
    """The loudest frequency, Hz."""
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * rate / len(sound))


def test_a_voice_from_a_file_speaks(piper_voice: Path) -> None:
    engine = PiperEngine(voice=str(piper_voice), report=no_report)
    assert (engine.info.model, engine.info.languages, engine.rate) == ("en_US-tiny-low", ["en-us"], 22_050)
    sound, _ = say(engine, "Hello there.")
    assert 0.3 < len(sound) / engine.rate < 3
    assert np.abs(sound).max() > 5_000


def test_the_rate_is_that_of_the_voice(tmp_path: Path) -> None:
    assert PiperEngine(voice=str(make_piper(tmp_path / "a.onnx", rate=16_000)), report=no_report).rate == 16_000


def test_speed_and_speaker(piper_voice: Path) -> None:
    normal, _ = say(PiperEngine(voice=str(piper_voice), report=no_report), "Hello there.")
    engine = PiperEngine(voice=str(piper_voice), speed=2.0, speaker="speaker-2", report=no_report)
    fast, _ = say(engine, "Hello there.")
    assert len(fast) == pytest.approx(len(normal) / 2, rel=0.02)
    assert pitch(fast, engine.rate) > 1.4 * pitch(normal, engine.rate)
    asked, _ = say(engine, "Hello there.", speaker="0")
    assert pitch(asked, engine.rate) == pytest.approx(pitch(normal, engine.rate), rel=0.15)


def test_an_aligned_voice_tells_its_words(piper_voice: Path) -> None:
    engine = PiperEngine(voice=str(piper_voice), report=no_report)
    sound, words = say(engine, "I don't have 3.5 apples, Anna!")
    assert [one.word for one in words] == ["I", "don't", "have", "3.5", "apples", "Anna"]
    starts = [one.start_s for one in words]
    assert starts == sorted(starts)
    assert 0 < starts[0] < starts[-1] < len(sound) / engine.rate


def test_an_ordinary_voice_keeps_the_times_to_itself_and_tells_them_all_the_same(tmp_path: Path) -> None:
    ordinary = PiperEngine(voice=str(make_piper(tmp_path / "a.onnx", keeps_times=True)), report=no_report)
    aligned = PiperEngine(voice=str(make_piper(tmp_path / "b.onnx", aligned=True)), report=no_report)
    text = "I don't have 3.5 apples, Anna!"
    told = say(ordinary, text)[1]
    assert told == say(aligned, text)[1]
    assert len(told) == 6


def test_words_that_are_said_in_one_breath_have_times_too(piper_voice: Path) -> None:
    engine = PiperEngine(voice=str(piper_voice), report=no_report)
    text = "Some of the people at the end of it would have been there."
    words = say(engine, text)[1]
    assert [one.word for one in words] == text[:-1].split()
    assert [one.start_s for one in words] == sorted({one.start_s for one in words})


def test_other_voices_have_no_times(tmp_path: Path) -> None:
    engine = PiperEngine(voice=str(make_piper(tmp_path / "a.onnx")), report=no_report)
    assert say(engine, "Hello there.")[1] == []


def test_it_stops_when_nobody_listens(piper_voice: Path) -> None:
    blocks: list[bytes] = []

    def emit(block: bytes, words: Sequence[WordTiming] = (), /) -> bool:
        blocks.append(block)
        return len(blocks) < 2

    PiperEngine(voice=str(piper_voice), report=no_report).synthesise("One. Two. Three.", None, None, emit)
    assert len(blocks) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"voice": "klingon"}, "There is no Piper voice 'klingon': use a name like en_US-lessac-medium"),
        ({"voice": "/no/such.onnx"}, "There is no file /no/such.onnx"),
        ({"speaker": "speaker-9"}, "no speaker 'speaker-9'; it has speaker-0, speaker-1, speaker-2"),
        ({"speaker": "3"}, "no speaker '3'"),
        ({"speed": 160.0}, "speed is 0.25 to 4"),
    ],
)
def test_what_a_voice_has_not_is_one_clear_error(piper_voice: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(SpeechError, match=said):
        PiperEngine(**({"voice": str(piper_voice), "report": no_report} | options))  # type: ignore[arg-type]


def test_a_broken_voice_is_one_clear_error(piper_voice: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(piper_voice.read_bytes()[:100])
    Path(f"{path}.json").write_text(Path(f"{piper_voice}.json").read_text())
    with pytest.raises(SpeechError, match="can't be loaded as a Piper voice"):
        PiperEngine(voice=str(path), report=no_report)
