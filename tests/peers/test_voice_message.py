"""Chromium plays a voice message, and knows how long it is and where it is."""

import base64
from pathlib import Path

import numpy as np
import pytest

from hullo.media.pcm import SAMPLE_RATE
from tests.messages.sounds import record, sweep, time_of
from tests.peers.chromium import browser

pytestmark = pytest.mark.peer

DECODE = """
async data => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const context = new OfflineAudioContext(1, 1, 48000);
  const sound = await context.decodeAudioData(bytes.buffer);
  return Array.from(sound.getChannelData(0));
}
"""

PLAY = """
async data => {
  const audio = new Audio("data:audio/ogg;base64," + data);
  await audio.play();
  await new Promise(resolve => { audio.ontimeupdate = () => audio.currentTime > 0.5 && resolve(); });
  audio.currentTime = 2.5;
  await new Promise(resolve => { audio.onended = resolve; });
  return [audio.duration, audio.currentTime];
}
"""


async def test_chromium_decodes_and_plays_a_message(tmp_path: Path) -> None:
    path = tmp_path / "note.ogg"
    record(path, sweep(3.0)).stop()
    data = base64.b64encode(path.read_bytes()).decode()
    async with browser(tmp_path, 440.0) as chromium:
        heard = np.array(await chromium.page.evaluate(DECODE, data)) * 32767
        duration, played = await chromium.page.evaluate(PLAY, data)
    assert len(heard) == 3 * SAMPLE_RATE
    for at in (0.5, 1.5, 2.5):
        begin = int(at * SAMPLE_RATE)
        assert time_of(heard[begin : begin + 9600]) == pytest.approx(at + 0.1, abs=0.03)
    assert duration == pytest.approx(3.0, abs=0.02)
    assert played == pytest.approx(3.0, abs=0.02)
