"""Voicemail between two people: a rendezvous and the daemon of one who is away, and the other one's phone."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hullo
from hullo.daemon_client import DaemonClient
from hullo.lines.direct.private.desk import Change
from hullo.lines.direct.private.opening import open_private
from hullo.media.pcm import SAMPLE_RATE, Pcm
from hullo.messages.store import MessageStore
from hullo.speech.speaking.audiofile import stream_file
from tests.cli.test_private_calls import person, process
from tests.situations.two_phones import audible_seconds, seen

pytestmark = pytest.mark.peer  # for its time only

AWAY = """
[voicemail]
enabled = true
greeting = "Bob is away."
after_seconds = 0.5
silence_seconds = 1.5
[messages]
folder = "{folder}/messages"
"""


@dataclass(frozen=True)
class Away:
    """Bob's daemon, with its gateway; Alice's phone."""

    alice: hullo.Phone
    bob: DaemonClient
    store: MessageStore

    async def told(self, method: str) -> dict[str, Any]:
        """The next such event that Bob's gateway gets."""
        while (came := await self.bob.notification())["method"] != method:
            pass
        params: dict[str, Any] = came["params"]
        return params


def _with_voicemail(config: Path, folder: Path) -> None:
    text = config.read_text().replace('"auto"', '"ask"').replace("[speech]\nenabled = false\n", "")
    config.write_text(text + AWAY.format(folder=folder))


@asynccontextmanager
async def bob_is_away(folder: Path) -> AsyncIterator[Away]:
    rendezvous = ("rendezvous", "--port", "0", "--data", str(folder / "rendezvous.db"))
    with process(*rendezvous, stream="stdout", until="ws://") as url:
        (_, alices), (bob, bobs) = (person(folder, name, url) for name in ("alice", "bob"))
        _with_voicemail(Path(bob), folder)
        for settings, other in ((alices, "bob"), (bobs, "alice")):
            with open_private(settings.direct) as private:
                private.desk.change(other, Change.ADD)
        with process("serve", "--config", bob, stream="stderr", until="ready"):
            async with (
                asyncio.timeout(100),
                DaemonClient(bobs.rpc.socket) as gateway,
                hullo.Phone(direct=alices.direct, speech=hullo.SpeechSettings(recogniser=None)) as phone,
            ):
                await gateway.request("health")
                yield Away(phone, gateway, MessageStore(folder / "messages"))


def share_of(sound: Pcm, hertz: float) -> list[float]:
    """How much of the sound is of this frequency, in each piece of 100 ms: 0 to 1."""
    pieces = sound[: len(sound) // 4800 * 4800].reshape(-1, 4800).astype(float)
    powers = np.abs(np.fft.rfft(pieces)) ** 2
    at = round(hertz * 4800 / SAMPLE_RATE)
    return list(powers[:, at - 1 : at + 2].sum(axis=1) / (powers.sum(axis=1) + 1e6))


async def test_the_caller_hears_greeting_and_beep_and_the_gateway_gets_the_words(tmp_path: Path) -> None:
    async with bob_is_away(tmp_path) as here:
        call = here.alice.dial("bob")
        events = call.events()
        await seen(events, hullo.Connected)
        call.start_recording(str(tmp_path / "alice.wav"))
        connected = await here.told("call.connected")
        await here.told("call.spoken")
        await asyncio.sleep(0.8)  # the beep
        call.speak("Please call me back tomorrow.")
        received = await here.told("message.received")
        ended = await seen(events, hullo.Ended)
    message = received["message"]
    assert (received["line"], received["peer"], message["left_in_call"]) == ("direct", "alice", connected["call_id"])
    assert re.search("call|back|tomorrow", message["transcript"].lower()), message["transcript"]
    assert 0.8 < message["duration"] < 4.0
    assert Path(message["path"]).parent == here.store.folder
    assert ended.reason == "hangup-user"
    heard = np.concatenate([piece async for piece in stream_file(tmp_path / "alice.wav")])
    beep = [number for number, share in enumerate(share_of(heard, 1000.0)) if share > 0.8]
    assert 3 <= len(beep) <= 5  # 0.4 s
    assert audible_seconds(heard[: beep[0] * 4800]) > 0.5  # "Bob is away."


async def test_who_hangs_up_in_the_greeting_leaves_nothing(tmp_path: Path) -> None:
    async with bob_is_away(tmp_path) as here:
        call = here.alice.dial("bob")
        await seen(call.events(), hullo.Connected)
        call.hangup()
        ended = await here.told("call.ended")
        assert ended["reason"] == "hangup-user"
        while here.store.messages():
            await asyncio.sleep(0.05)
        assert await here.bob.request("message.list") == []
