from pathlib import Path
from typing import Any

import pytest

from hullo.call import events
from hullo.call.report import TurnTimes
from hullo.call.transcript import TranscriptFile

HEAD: dict[str, Any] = {"call_id": "c", "seq": 1, "timestamp": 0}


def speech(text: str, seconds: float, *, late_ms: int = 400) -> events.Speech:
    times = TurnTimes(end_of_speech_ms=late_ms // 2, recognition_ms=late_ms - late_ms // 2)
    return events.Speech(
        **HEAD, text=text, transcript=text, confidence=None, is_final=True, started_at=5.0, ended_at=5.0 + seconds,
        times=times,
    )  # fmt: skip


def speaking(utterance: str) -> events.Speaking:
    return events.Speaking(**HEAD, utterance_id=utterance, text="t", first_audio_ms=1)


def spoken(utterance: str, heard: str) -> events.Spoken:
    return events.Spoken(**HEAD, utterance_id=utterance, text="t", heard_text=heard, heard_ms=1)


def test_both_sides_stand_there_with_their_times(tmp_path: Path) -> None:
    transcript = TranscriptFile(tmp_path / "call.vtt", 1000.0)
    transcript.take(speaking("u1"), 1001.0)
    transcript.take(spoken("u1", "Hello.\nWho is there?"), 1002.5)
    transcript.take(speech("tom & <jerry>", 2.0), 1006.4)
    assert (tmp_path / "call.vtt").read_text() == (
        "WEBVTT\n\n"
        "00:00:01.000 --> 00:00:02.500\n<v us>Hello. Who is there?\n\n"
        "00:00:04.000 --> 00:00:06.000\n<v them>tom &amp; &lt;jerry&gt;\n\n"
    )
    assert (tmp_path / "call.vtt").stat().st_mode & 0o777 == 0o600
    transcript.close()


def test_who_speaks_at_the_same_time_stands_in_the_order_of_the_beginnings(tmp_path: Path) -> None:
    transcript = TranscriptFile(tmp_path / "call.vtt", 0.0)
    transcript.take(speaking("u1"), 3_600.0)
    transcript.take(speech("mm-hm", 0.5), 3_603.0)
    assert "mm-hm" not in (tmp_path / "call.vtt").read_text()
    transcript.take(spoken("u1", "a long story"), 3_675.25)
    lines = (tmp_path / "call.vtt").read_text().splitlines()[2:]
    assert lines[0] == "01:00:00.000 --> 01:01:15.250"
    assert [line for line in lines if line.startswith("<v")] == ["<v us>a long story", "<v them>mm-hm"]
    transcript.close()


def test_what_waits_is_written_at_the_end_and_nothing_unheard_is(tmp_path: Path) -> None:
    transcript = TranscriptFile(tmp_path / "call.vtt", 0.0)
    transcript.take(speaking("u1"), 1.0)
    transcript.take(speech("wait", 0.5), 3.0)
    transcript.take(spoken("u2", "never began"), 3.5)
    transcript.close()
    text = (tmp_path / "call.vtt").read_text()
    assert "wait" in text
    assert "never" not in text


def test_a_full_disk_is_told_at_the_end() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    transcript = TranscriptFile(Path("/dev/full"), 0.0)
    transcript.take(speech("hello", 1.0), 2.0)
    with pytest.raises(OSError, match="No space left"):
        transcript.close()
