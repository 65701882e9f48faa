"""One end of a call of plain aiortc, between a microphone and a sound card."""

import asyncio
import time
from collections import deque
from pathlib import Path

from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from bench.ends import aiortc_peer
from bench.ends.pace import sound_card
from bench.ends.parent import options, tell
from bench.ends.talk import Plan, Trouble, frame, mono
from bench.tape import Tape


class AiortcEnd:
    """Puts what it says and hears on a tape."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tape = Tape()
        self._trouble = Trouble(plan)
        self._waiting: deque[int] = deque()
        self._remote: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
        self._peer: asyncio.Future[RTCPeerConnection] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Call, or be called, and say all that is planned."""
        if self._plan.role == "offer":
            peer = aiortc_peer.peer_connection()
            await self._prepare(peer)
            await aiortc_peer.offer(peer, self._plan.url)
            await self._talk(peer)
            return
        async with aiortc_peer.answering(self._prepare) as url:
            tell(url=url)
            await self._talk(await self._peer)

    async def _prepare(self, peer: RTCPeerConnection) -> None:
        track = self._plan.track()
        microphone = aiortc_peer.PacedTrack(lambda index: frame(track.pcm, index), self._plan.phase, self._said)
        peer.on("track", self._remote.set_result)
        peer.addTrack(microphone)
        self._peer.set_result(peer)

    def _said(self, now: float, late: float) -> None:
        self._tape.said_at.append(now)

    async def _talk(self, peer: RTCPeerConnection) -> None:
        await aiortc_peer.connected(peer)
        self._tape.connected_at = time.monotonic()
        try:
            async with asyncio.timeout(self._plan.seconds), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._drain(await self._remote))
                tasks.create_task(self._play())
        except TimeoutError:
            self._tape.trouble_at = self._trouble.happened_at
            self._tape.save(Path(self._plan.tape))
            tell(done=True)
        await peer.close()

    async def _drain(self, track: MediaStreamTrack) -> None:
        """Take frames as fast as they come, until the other end hangs up."""
        while True:
            try:
                received = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(received, AudioFrame)
            self._waiting.append(len(self._tape.heard))
            self._tape.heard.append(mono(received.to_ndarray()))
            self._tape.ready_at.append(time.monotonic())
            self._tape.heard_at.append(float("nan"))

    async def _play(self) -> None:
        """Hand the oldest frame to the sound card whenever it wants one; it plays silence when there is none."""
        async for now in sound_card(self._plan.phase):
            if self._waiting:
                self._tape.heard_at[self._waiting.popleft()] = now
            self._trouble.due(now - self._tape.connected_at)


async def _main() -> None:
    await AiortcEnd(Plan(**options())).run()


if __name__ == "__main__":
    asyncio.run(_main())
