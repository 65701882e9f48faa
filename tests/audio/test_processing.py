import sys

import numpy as np
import pytest

from bench.material import speech
from hullo.audio.processing import Processing, ProcessingSettings
from hullo.media.apm import ProcessingUnavailable
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm, level_dbfs

NOTHING = ProcessingSettings(echo_cancellation=False, noise_suppression=False, automatic_gain=False, high_pass=False)
ONLY_ECHO = ProcessingSettings(noise_suppression=False, automatic_gain=False, high_pass=False)
ONLY_NOISE = ProcessingSettings(echo_cancellation=False, automatic_gain=False, high_pass=False)
ONLY_GAIN = ProcessingSettings(echo_cancellation=False, noise_suppression=False, high_pass=False)
ONLY_HIGH_PASS = ProcessingSettings(echo_cancellation=False, noise_suppression=False, automatic_gain=False)


def noise(seconds: float, dbfs: float, seed: int = 1) -> Pcm:
    sound = np.random.default_rng(seed).normal(0.0, 32768 * 10 ** (dbfs / 20), int(seconds * SAMPLE_RATE))
    return np.clip(sound, -32768, 32767).astype(np.int16)


def tone(seconds: float, hertz: float, dbfs: float) -> Pcm:
    wave = np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    pcm: Pcm = np.round(wave * np.sqrt(2) * 32767 * 10 ** (dbfs / 20)).astype(np.int16)
    return pcm


def bursts(seconds: float, dbfs: float) -> Pcm:
    """Noise that comes and goes as words do."""
    sound = noise(seconds, dbfs).reshape(-1, SAMPLE_RATE // 5).copy()
    sound[2::3] = 0
    return sound.reshape(-1)


def processed(processing: Processing, microphone: Pcm, loudspeaker: Pcm) -> Pcm:
    out = []
    for begin in range(0, len(microphone) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        processing.render(loudspeaker[begin : begin + FRAME_SAMPLES])
        out.append(processing.capture(microphone[begin : begin + FRAME_SAMPLES]))
    return np.concatenate(out)


def echo_of(sound: Pcm, delay: float) -> Pcm:
    return np.concatenate([np.zeros(int(delay * SAMPLE_RATE), np.int16), sound // 2])[: len(sound)]


def last_second(sound: Pcm) -> float:
    return level_dbfs(sound[-SAMPLE_RATE:])


def test_with_nothing_wanted_frames_pass_untouched_and_nothing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    sound = noise(0.1, -30.0)
    assert np.array_equal(processed(Processing(NOTHING), sound, sound), sound)


@pytest.mark.parametrize("wanted", [ONLY_ECHO, ONLY_NOISE, ONLY_GAIN, ONLY_HIGH_PASS])
def test_without_the_package_it_says_what_to_install(
    wanted: ProcessingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    with pytest.raises(ProcessingUnavailable, match=r"pip install 'hullo\[devices\]'"):
        Processing(wanted)


def test_a_switch_that_is_refused_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    processing = Processing(NOTHING)
    with pytest.raises(ProcessingUnavailable):
        processing.switch(ONLY_ECHO)
    assert processing.settings == NOTHING
    sound = noise(0.02, -30.0)
    assert np.array_equal(processing.capture(sound), sound)


@pytest.mark.parametrize("delay", [0.005, 0.06, 0.2])
def test_an_echo_is_removed_wherever_it_comes_from(delay: float) -> None:
    pytest.importorskip("livekit")
    sound = bursts(3.0, -26.0)
    heard = echo_of(sound, delay)
    assert last_second(processed(Processing(ONLY_ECHO), heard, sound)) < last_second(heard) - 35


def test_an_echo_stays_where_nobody_wants_it_cancelled() -> None:
    pytest.importorskip("livekit")
    sound = bursts(2.0, -26.0)
    heard = echo_of(sound, 0.06)
    assert last_second(processed(Processing(ONLY_HIGH_PASS), heard, sound)) > last_second(heard) - 6


def test_what_is_not_an_echo_stays() -> None:
    pytest.importorskip("livekit")
    sound = bursts(2.0, -26.0)
    silence = np.zeros_like(sound)
    assert last_second(processed(Processing(ONLY_ECHO), sound, silence)) > last_second(sound) - 6


def test_noise_is_suppressed() -> None:
    pytest.importorskip("livekit")
    sound = noise(3.0, -45.0)
    assert last_second(processed(Processing(ONLY_NOISE), sound, sound)) < last_second(sound) - 10


def test_a_quiet_voice_becomes_louder() -> None:
    pytest.importorskip("livekit")
    pytest.importorskip("espeakng_loader")
    voice = speech()
    quiet = (voice * (10 ** (-45 / 20) / 10 ** (level_dbfs(voice) / 20))).astype(np.int16)
    louder = processed(Processing(ONLY_GAIN), quiet, quiet)
    assert level_dbfs(louder[10 * SAMPLE_RATE :]) > -45 + 10


def test_rumble_is_cut_off_and_a_voice_is_not() -> None:
    pytest.importorskip("livekit")
    rumble, voice = tone(2.0, 30.0, -20.0), tone(2.0, 300.0, -20.0)
    assert last_second(processed(Processing(ONLY_HIGH_PASS), rumble, rumble)) < -30
    assert last_second(processed(Processing(ONLY_HIGH_PASS), voice, voice)) == pytest.approx(-20, abs=1)


def test_it_is_switched_while_it_runs_and_back() -> None:
    pytest.importorskip("livekit")
    sound = bursts(3.0, -26.0)
    heard = echo_of(sound, 0.06)
    processing = Processing(NOTHING, delay=0.06)
    levels = {}
    for wanted in (NOTHING, ONLY_ECHO, NOTHING):
        processing.switch(wanted)
        assert processing.settings == wanted
        levels[wanted] = last_second(processed(processing, heard, sound))
    assert levels[NOTHING] == pytest.approx(last_second(heard), abs=0.1)
    assert levels[ONLY_ECHO] < levels[NOTHING] - 35


def test_a_part_of_a_block_is_refused_and_does_not_end_the_process() -> None:
    pytest.importorskip("livekit")
    processing = Processing()
    for part in (processing.render, processing.capture):
        with pytest.raises(ValueError, match="a frame has 960 samples"):
            part(np.zeros(700, dtype=np.int16))
    assert len(processing.capture(np.zeros(FRAME_SAMPLES, dtype=np.int16))) == FRAME_SAMPLES
