"""NTgCalls in a process of its own: one call, driven by JSON lines on stdin, which says what happens on stdout.

A native library that crashes takes only itself along, and its network is that of whoever started it.
"""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

import ntgcalls  # type: ignore[import-not-found]
import numpy as np

from tests.rtc.tones import Tone, purity

CALL = 1
RATE = 48_000
REMEMBERED = RATE  # bytes: half a second

Gone = ntgcalls.ConnectionNotFound, ntgcalls.ConnectionException


class Peer:
    """One NTgCalls call that says a tone and listens; every method is a command, every `_say` a line."""

    def __init__(self, hertz: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._tone = Tone(hertz)
        self._heard = bytearray()
        self._feeding: asyncio.Task[None] | None = None
        self._native = ntgcalls.NTgCalls()
        # callbacks come on native threads
        self._native.on_signaling_data(lambda call, data: self._later(self._say, "packet", bytes(data).hex()))
        self._native.on_connection_change(lambda call, info: self._later(self._say, "state", info.state.name))
        self._native.on_frames(
            lambda call, mode, device, frames: self._later(self._frames, mode, b"".join(f.data for f in frames))
        )

    async def begin_exchange(self, g: int, p: str, random: str, g_a_hash: str | None) -> None:
        microphone = ntgcalls.AudioDescription(ntgcalls.MediaSource.EXTERNAL, RATE, 1, "", True)
        audio = ntgcalls.MediaDescription(microphone, None, None, None)
        await self._native.create_p2p_call(CALL)
        await self._native.set_stream_sources(CALL, ntgcalls.StreamMode.CAPTURE, audio)
        await self._native.set_stream_sources(CALL, ntgcalls.StreamMode.PLAYBACK, audio)
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
        self._feeding = asyncio.create_task(self._feed())
        await self._native.connect_p2p(CALL, known, versions, p2p_allowed, None)
        self._say("emoji", await self._native.get_emojis_fingerprint(CALL))

    async def packet(self, data: str) -> None:
        with suppress(*Gone):  # it takes none before it connects
            await self._native.send_signaling_data(CALL, bytes.fromhex(data))

    async def set_muted(self, muted: bool) -> None:
        await (self._native.mute(CALL) if muted else self._native.unmute(CALL))

    async def hears(self, hertz: float) -> None:
        heard = np.frombuffer(bytes(self._heard), np.int16)
        self._say("heard", purity(heard, hertz, RATE) if len(self._heard) >= REMEMBERED else 0.0)

    async def stop(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)
        with suppress(*Gone):
            await self._native.stop(CALL)

    async def _feed(self) -> None:
        """10 ms of sound every 10 ms."""
        next_frame = self._loop.time()
        while True:
            pcm = self._tone(0.0)
            for half in (pcm[:480], pcm[480:]):
                with suppress(*Gone):
                    await self._native.send_external_frame(
                        CALL, ntgcalls.StreamDevice.MICROPHONE, half.tobytes(), ntgcalls.FrameData()
                    )
                next_frame += 0.01
                await asyncio.sleep(max(next_frame - self._loop.time(), 0.0))

    def _frames(self, mode: object, data: bytes) -> None:
        if mode == ntgcalls.StreamMode.PLAYBACK:
            self._heard += data
            del self._heard[:-REMEMBERED]

    def _later(self, say: Any, *words: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended, and so has the call
            self._loop.call_soon_threadsafe(say, *words)

    def _say(self, *words: Any) -> None:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()


async def main(hertz: float) -> None:
    """Carry out commands until stdin ends."""
    peer = Peer(hertz)
    commands = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        name, *arguments = json.loads(line)
        await getattr(peer, name)(*arguments)
    await peer.stop()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
