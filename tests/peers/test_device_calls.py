"""People call people: two daemons, a rendezvous, microphones and speakers of a real sound server."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hullo.daemon_client import DaemonClient
from hullo.lines.direct.private.desk import Change
from hullo.lines.direct.private.opening import create_keys, open_private
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.service.config import load_config
from hullo.speech.speaking.audiofile import decode_file
from tests.cli.test_private_calls import process
from tests.peers.pulse import PulseAudio, Recording, pulseaudio
from tests.service.socket_client import short_directory
from tests.speech.support import word_errors

pytestmark = pytest.mark.peer

SAID_BY_ALICE = "please call me back in the morning"
SAID_BY_BOB = "no that is all for today"

CONFIG = """
[calls]
answer = "auto"
[speech]
enabled = false
[browser]
enabled = false
[rpc]
socket = "{folder}/s"
[direct]
enabled = true
rendezvous = "{url}"
directory = "{folder}/direct"
[audio]
buffer_ms = 40
microphone = "mic_{name}"
speaker = "spk_{name}"
"""


@dataclass
class Person:
    """Somebody with a daemon."""

    name: str
    client: DaemonClient

    async def until(self, name: str, detail: str = "") -> None:
        """Wait for the next event of that name with these words in its detail."""
        async with asyncio.timeout(30):
            while True:
                event = await self.client.notification()
                if event["method"] == name and detail in event["params"].get("detail", ""):
                    return


def spoken(text: str) -> Pcm:
    """Speech at 48 kHz, with some silence behind it."""
    with short_directory() as directory:
        path = directory / "said.wav"
        subprocess.run(["flite", "-voice", "rms", "-t", text, "-o", str(path)], check=True, capture_output=True)
        return np.concatenate([*decode_file(path), np.zeros(SAMPLE_RATE // 2, np.int16)])


def recognised(pcm: Pcm) -> str:
    """What a recogniser makes of sound at 48 kHz."""
    from pocketsphinx import Config, Decoder
    from scipy.signal import resample_poly

    loud = np.flatnonzero(np.abs(pcm) > 300)
    if not len(loud):
        return ""
    pcm = np.pad(pcm[loud[0] : loud[-1]], SAMPLE_RATE // 2)
    decoder = Decoder(Config(loglevel="FATAL", cmn="batch"))
    floor = np.random.default_rng(1).normal(0, 30, len(pcm) // 3 + 1)
    samples = resample_poly(pcm.astype(float), 1, 3)
    decoder.start_utt()
    decoder.process_raw((samples + floor[: len(samples)]).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    return "" if decoder.hyp() is None else str(decoder.hyp().hypstr)


async def heard_word_for_word(pulse: PulseAudio, microphone: str, text: str, speaker: Recording) -> None:
    """Say it until it is: the recogniser trips over a breath, and a busy machine over a millisecond."""
    heard, said = [], spoken(text)
    for _ in range(4):
        begin = time.monotonic()
        await pulse.say(microphone, said)
        await asyncio.sleep(0.3)
        heard.append(recognised(speaker.since(begin)))
        if word_errors(text, heard[-1]) == 0:
            return
    raise AssertionError(f"{text!r} was heard as {heard}")


def keys(folder: Path, url: str) -> None:
    """Alice and Bob with keys, who know and trust each other."""
    configs = {}
    for name in ("alice", "bob"):
        home = folder / name
        home.mkdir(mode=0o700)
        (home / "hullo.toml").write_text(CONFIG.format(folder=home, url=url, name=name))
        configs[name] = load_config(home / "hullo.toml").direct
        create_keys(configs[name], name, "laptop")
    for name, other in (("alice", "bob"), ("bob", "alice")):
        with open_private(configs[other]) as private:
            key = private.desk.own.key
        with open_private(configs[name]) as private:
            private.desk.change(other, Change.ADD, key)


@pytest.fixture
def needs_flite() -> None:
    if shutil.which("flite") is None:
        pytest.skip("needs flite (apt-get install flite)")


@asynccontextmanager
async def call(pulse: PulseAudio, folder: Path) -> AsyncIterator[tuple[Person, Person]]:
    """Alice and Bob in a call, each with a handset."""
    async with AsyncExitStack() as stack:
        rendezvous = ("rendezvous", "--port", "0", "--data", str(folder / "r.db"))
        url = stack.enter_context(process(*rendezvous, stream="stdout", until="ws://"))
        keys(folder, url)
        people = []
        for name in ("alice", "bob"):
            stack.enter_context(
                process("serve", "--config", str(folder / name / "hullo.toml"), stream="stderr", until="ready")
            )
            client = await stack.enter_async_context(DaemonClient(folder / name / "s"))
            people.append(Person(name, client))
        alice, bob = people
        await alice.client.request("call.start", to="bob")
        await alice.client.request("call.handset")
        for person in people:
            await person.until("call.connected")
        await bob.client.request("call.handset")
        yield alice, bob


@pytest.fixture
async def pulse(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PulseAudio]:
    with short_directory() as directory:
        async with pulseaudio(directory) as server:
            monkeypatch.setenv("PULSE_SERVER", server.address)
            yield server


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with short_directory() as directory:
        monkeypatch.setenv("XDG_STATE_HOME", str(directory))
        yield directory


@pytest.mark.usefixtures("needs_flite")
async def test_two_people_hear_each_other_word_for_word_also_after_a_microphone_was_pulled_out(
    pulse: PulseAudio, folder: Path
) -> None:
    microphones = {}
    for name in ("alice", "bob"):
        microphones[name] = await pulse.add_microphone(f"mic_{name}")
        await pulse.add_speaker(f"spk_{name}")
    async with (
        call(pulse, folder) as (_, bob),
        pulse.recording("spk_alice") as at_alice,
        pulse.recording("spk_bob") as at_bob,
    ):
        await heard_word_for_word(pulse, "mic_alice", SAID_BY_ALICE, at_bob)
        await heard_word_for_word(pulse, "mic_bob", SAID_BY_BOB, at_alice)

        await pulse.remove(microphones["bob"])
        await bob.until("audio.changed", "mic_bob is gone")
        saying = asyncio.create_task(pulse.say("mic_bob", np.concatenate([spoken(SAID_BY_BOB)] * 5)))
        await pulse.add_microphone("mic_bob")
        plugged = time.monotonic()
        assert await at_alice.loud(plugged) - plugged < 1.0
        saying.cancel()
        status = await bob.client.request("audio.status")
        assert status["microphone"]["device"]["name"] == "mic_bob"
        assert status["microphone"]["stalls"] == status["speaker"]["stalls"] == 0
