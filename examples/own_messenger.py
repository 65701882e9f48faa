#!/usr/bin/env python3
"""Calls in a messenger that has its own encryption: bring a secure channel, and hullo does the rest.

    python own_messenger.py

Put your Signal Protocol session behind `MessengerChannel`: `send` encrypts for each device of a person and hands the
result to your server, and what your server delivers is decrypted and given to `on_message` with its sender. Offers,
answers and candidates travel in there, and hullo never sees a key. Here the "messenger" is a dictionary, so that the
program runs by itself: Alice calls Bob, both hear each other, and both see the same emoji.
"""

import asyncio
import math
from typing import ClassVar

import numpy as np

import hullo
from hullo.lines.direct.channel import OnMessage, OnNotice
from hullo.media.pcm import FRAME_SAMPLES, SAMPLE_RATE, Pcm


class MessengerChannel:
    """What hullo needs of a messenger (`hullo.SecureChannel`): this device, send, receive, and what is wrong."""

    _online: ClassVar[dict[hullo.Device, OnMessage]] = {}

    def __init__(self, person: str, device: str) -> None:
        self.own = hullo.Device(person, device)

    async def send(self, person: str, data: bytes, *, device: str | None = None) -> None:
        """Your messenger: `for each device: session.encrypt(data)`, then to the server."""
        receivers = [each for each in self._online if each.person == person and device in (None, each.device)]
        if not receivers:
            raise hullo.ChannelError(f"{person} has no device in this messenger")
        for receiver in receivers:
            asyncio.get_running_loop().call_soon(self._online[receiver], self.own, data)

    async def run(self, on_message: OnMessage, on_notice: OnNotice) -> None:
        """Your messenger: for each message from the server, `session.decrypt` and `on_message(sender, data)`."""
        self._online[self.own] = on_message
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            del self._online[self.own]

    def problem(self) -> str | None:
        """Your messenger: "no connection to the server", as long as there is none."""
        return None


class Tone:
    """Stands for the microphone."""

    def __init__(self, hertz: float) -> None:
        self._phase = 2 * math.pi * hertz * np.arange(SAMPLE_RATE) / SAMPLE_RATE
        self._at = 0

    def __call__(self, now: float) -> Pcm:
        """The next 20 ms."""
        phase = self._phase[self._at : self._at + FRAME_SAMPLES]
        self._at = (self._at + FRAME_SAMPLES) % SAMPLE_RATE
        return (8000 * np.sin(phase)).astype(np.int16)


async def talk(call: hullo.Call, me: str, hertz: float) -> None:
    """Send a tone, and tell what happens."""
    frames: list[Pcm] = []
    call.set_mouth(Tone(hertz))
    call.add_ear(lambda pcm, now: frames.append(pcm))
    async for event in call.events():
        if isinstance(event, hullo.Connected):
            print(f"{me}: connected to {event.peer} in {event.setup_ms} ms, compare {' '.join(event.emoji or ())}")
            await asyncio.sleep(1)
            print(f"{me}: hears {_loudest(frames):.0f} Hz")
            if call.direction == "outgoing":
                await asyncio.sleep(0.5)
                call.hangup()
        elif isinstance(event, hullo.Ended):
            print(f"{me}: {event.detail}, after {event.duration:.1f} s")


def _loudest(frames: list[Pcm]) -> float:
    sound = np.concatenate(frames[-25:])
    return float(np.argmax(np.abs(np.fft.rfft(sound)))) * SAMPLE_RATE / len(sound)


async def main() -> None:
    """Two phones in one process, which know each other only through the messenger."""
    async with (
        hullo.Phone(channel=MessengerChannel("alice", "laptop"), people=hullo.Contacts("bob"), speech=None) as alice,
        hullo.Phone(channel=MessengerChannel("bob", "phone"), people=hullo.Contacts("alice"), speech=None) as bob,
        asyncio.TaskGroup() as tasks,
    ):
        incoming = bob.incoming()
        called = asyncio.ensure_future(anext(incoming))
        await asyncio.sleep(0)
        tasks.create_task(talk(alice.dial("bob"), "alice", 440))
        tasks.create_task(talk(await called, "bob", 1000))


if __name__ == "__main__":
    asyncio.run(main())
