"""What users of plain aiortc write: a peer connection, a track that paces itself, HTTP for the offer and the answer."""

import asyncio
import fractions
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

from bench.ends.pace import next_on_grid, until
from bench.network import ADDRESS
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Pcm

SDP = {"Content-Type": "application/sdp"}


class PacedTrack(MediaStreamTrack):
    """A microphone: gives the frames of `next_frame` in real time and tells `on_frame` how late each one was."""

    kind = "audio"

    def __init__(
        self, next_frame: Callable[[int], Pcm], phase: float, on_frame: Callable[[float, float], None]
    ) -> None:
        super().__init__()
        self._next_frame = next_frame
        self._phase = phase
        self._on_frame = on_frame
        self._index = 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        """See `MediaStreamTrack.recv`."""
        if not self._index:
            self._began = next_on_grid(time.monotonic(), self._phase)
        due = self._began + self._index * FRAME_SECONDS
        await until(due)
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(self._next_frame(self._index).tobytes())
        frame.pts = self._index * FRAME_SAMPLES
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._index += 1
        now = time.monotonic()
        self._on_frame(now, now - due)
        return frame


def peer_connection() -> RTCPeerConnection:
    """Without the public STUN server that is aiortc's default."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def connected(peer: RTCPeerConnection) -> None:
    """Return when packets can flow."""
    while peer.connectionState != "connected":
        if peer.connectionState in ("failed", "closed"):
            raise ConnectionError(f"the peer connection is {peer.connectionState}")
        await asyncio.sleep(0.005)


async def offer(peer: RTCPeerConnection, url: str) -> None:
    """Call `url`."""
    await peer.setLocalDescription(await peer.createOffer())
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=peer.localDescription.sdp, headers=SDP) as response,
    ):
        response.raise_for_status()
        await peer.setRemoteDescription(RTCSessionDescription(await response.text(), "answer"))


@asynccontextmanager
async def answering(on_peer: Callable[[RTCPeerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """Answer every offer that is posted to the URL given; `on_peer` is told before the answer is made."""

    async def answer(request: web.Request) -> web.Response:
        peer = peer_connection()
        await on_peer(peer)
        await peer.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return web.Response(status=201, text=peer.localDescription.sdp, headers={**SDP, "Location": "/call/1"})

    app = web.Application()
    app.router.add_post("/call", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, ADDRESS, 0)
    try:
        await site.start()
        yield f"http://{ADDRESS}:{runner.addresses[0][1]}/call"
    finally:
        await runner.cleanup()
