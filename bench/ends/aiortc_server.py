"""A process that answers every call with plain aiortc, says speech into it, and listens."""

import asyncio

from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError

from bench.ends import aiortc_peer
from bench.ends.parent import options, questions, tell
from bench.ends.usage import usage
from bench.material import speech_frames
from hullo.media.pcm import FRAME_SECONDS, Pcm

_LATE = 0.020
_SLOTS = 10


class Parties:
    """One listener and one talker for each call, and how punctual the talkers are."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.ticks = self.late = self.frames_heard = 0
        self.max_late = 0.0
        self._tasks = tasks
        self._frames = speech_frames()
        self._peers: list[RTCPeerConnection] = []

    async def join(self, peer: RTCPeerConnection) -> None:
        """Talk and listen; every call is at another place of the speech, and the calls are spread over the 20 ms."""
        index = len(self._peers)
        self._peers.append(peer)
        place = 37 * index

        def next_frame(frame: int) -> Pcm:
            return self._frames[(place + frame) % len(self._frames)]

        phase = index % _SLOTS * FRAME_SECONDS / _SLOTS
        peer.addTrack(aiortc_peer.PacedTrack(next_frame, phase, self._ticked))
        peer.on("track", lambda track: self._tasks.create_task(self._listen(track)))

    async def close(self) -> None:
        """Hang all of them up."""
        for peer in self._peers:
            await peer.close()

    def _ticked(self, now: float, late: float) -> None:
        self.ticks += 1
        self.late += late > _LATE
        self.max_late = max(self.max_late, late)

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            self.frames_heard += 1


async def _main() -> None:
    options()
    async with asyncio.TaskGroup() as tasks:
        parties = Parties(tasks)
        async with aiortc_peer.answering(parties.join) as url:
            tell(url=url)
            async for _ in questions():
                late_ms = 1000 * parties.max_late
                tell(**usage(), ticks=parties.ticks, late=parties.late, max_late_ms=late_ms, heard=parties.frames_heard)
            await parties.close()


if __name__ == "__main__":
    asyncio.run(_main())
