"""NTgCalls in a process of its own: one call, driven by JSON lines on stdin, which says what happens on stdout.

A native library that crashes takes only itself along, and its network is that of whoever started it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import ntgcalls  # type: ignore[import-not-found]
import numpy as np
from numpy.typing import NDArray

from bench.ends.usage import usage
from tests.rtc.tones import Tone, purity

CALL = 1
RATE = 48_000
FRAME = 480
REMEMBERED = 50
"""Frames of 10 ms that `hears` looks at: half a second."""

Gone = ntgcalls.ConnectionNotFound, ntgcalls.ConnectionException


class Peer:
    """One NTgCalls call that says something and listens; every public method is a command, every `_say` a line."""

    def __init__(self, sound: str, *, native: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._microphone = _microphone(ntgcalls.MediaSource.FILE if native else ntgcalls.MediaSource.EXTERNAL, sound)
        self._frames = None if native else _frames(sound)
        self._said_at: list[float] = []
        self._heard: list[NDArray[np.int16]] = []
        self._heard_at: list[float] = []
        self._feeding: asyncio.Task[None] | None = None
        self._native = ntgcalls.NTgCalls()
        # callbacks come on native threads
        self._native.on_signaling_data(lambda call, data: self._later(self._say, "packet", bytes(data).hex()))
        self._native.on_connection_change(lambda call, info: self._later(self._say, "state", info.state.name))
        self._native.on_frames(lambda call, mode, device, frames: self._hear(mode, frames))

    async def begin_exchange(self, g: int, p: str, random: str, g_a_hash: str | None) -> None:
        await self._native.create_p2p_call(CALL)
        await self._native.set_stream_sources(CALL, ntgcalls.StreamMode.CAPTURE, self._microphone)
        speaker = _microphone(ntgcalls.MediaSource.EXTERNAL, "")  # what comes in is called the microphone too
        await self._native.set_stream_sources(CALL, ntgcalls.StreamMode.PLAYBACK, speaker)
        config = ntgcalls.DhConfig(g, bytes.fromhex(p), bytes.fromhex(random))
        public = await self._native.init_exchange(CALL, config, bytes.fromhex(g_a_hash) if g_a_hash else None)
        self._say("public", bytes(public).hex())

    async def end_exchange(self, public: str, fingerprint: int) -> None:
        auth = await self._native.exchange_keys(CALL, bytes.fromhex(public), fingerprint)
        self._say("keys", bytes(auth.g_a_or_b).hex(), auth.key_fingerprint)

    async def connect(self, servers: list[dict[str, Any]], versions: list[str], p2p_allowed: bool) -> None:
        for server in servers:
            server["peer_tag"] = bytes.fromhex(server["peer_tag"]) if server["peer_tag"] else None
        known = [ntgcalls.RTCServer(**server) for server in servers]
        if self._frames is not None:
            self._feeding = asyncio.create_task(self._feed(self._frames))
        await self._native.connect_p2p(CALL, known, versions, p2p_allowed, None)
        self._say("emoji", await self._native.get_emojis_fingerprint(CALL))

    async def packet(self, data: str) -> None:
        with suppress(*Gone):  # it takes none before it connects
            await self._native.send_signaling_data(CALL, bytes.fromhex(data))

    async def set_muted(self, muted: bool) -> None:
        await (self._native.mute(CALL) if muted else self._native.unmute(CALL))

    async def hears(self, hertz: float) -> None:
        heard = self._heard[-REMEMBERED:]
        self._say("heard", purity(np.concatenate(heard), hertz, RATE) if len(heard) == REMEMBERED else 0.0)

    async def usage(self) -> None:
        self._say("usage", usage())

    async def save_tape(self, path: str) -> None:
        from bench.tape import Tape  # which takes a second to import, and most calls have no use for

        Tape(self._said_at, self._heard, self._heard_at, frame_samples=FRAME).save(Path(path))
        self._say("saved")

    async def stop(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)
        with suppress(*Gone):
            await self._native.stop(CALL)

    async def _feed(self, frames: Iterator[bytes]) -> None:
        """10 ms of sound every 10 ms."""
        device, no_data = ntgcalls.StreamDevice.MICROPHONE, ntgcalls.FrameData()
        next_frame = self._loop.time()
        for frame in frames:
            with suppress(*Gone):
                self._said_at.append(time.monotonic())
                await self._native.send_external_frame(CALL, device, frame, no_data)
            next_frame += 0.01
            await asyncio.sleep(max(next_frame - self._loop.time(), 0.0))

    def _hear(self, mode: object, frames: list[Any]) -> None:
        now = time.monotonic()
        if mode == ntgcalls.StreamMode.PLAYBACK:
            self._heard += [np.frombuffer(frame.data, np.int16) for frame in frames]
            self._heard_at += [now] * len(frames)

    def _later(self, say: Any, *words: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended, and so has the call
            self._loop.call_soon_threadsafe(say, *words)

    def _say(self, *words: Any) -> None:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()


def _microphone(source: Any, path: str) -> Any:
    microphone = ntgcalls.AudioDescription(source, RATE, 1, path, True)
    return ntgcalls.MediaDescription(microphone, None, None, None)


def _frames(sound: str) -> Iterator[bytes]:
    """10 ms at a time of a tone of so many Hz for ever, or of a file of s16 again and again."""
    if Path(sound).is_file():
        pcm = Path(sound).read_bytes()
        while True:
            yield from (pcm[at : at + 2 * FRAME] for at in range(0, len(pcm) - 2 * FRAME + 1, 2 * FRAME))
    tone = Tone(float(sound))
    while True:
        pcm = tone(0.0).tobytes()
        yield pcm[: 2 * FRAME]
        yield pcm[2 * FRAME :]


async def main(sound: str, *, native: bool) -> None:
    """Carry out commands until stdin ends. `native`: NTgCalls reads the file that it says by itself."""
    peer = Peer(sound, native=native)
    commands = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        name, *arguments = json.loads(line)
        await getattr(peer, name)(*arguments)
    await peer.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], native="native" in sys.argv[2:]))
