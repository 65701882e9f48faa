"""A peer that is plain aiortc, as its users write it."""

import asyncio
import fractions

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from av import AudioFrame
from av.frame import Frame

from tests.rtc.tones import Listener, Tone


class ToneTrack(AudioStreamTrack):
    """A track that says a sine."""

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._tone = Tone(hertz)

    async def recv(self) -> Frame:
        """The next 20 ms, in real time."""
        silence = await super().recv()
        frame = AudioFrame.from_ndarray(self._tone(0.0).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.pts = (silence.pts or 0) * 6  # of 8 kHz, as aiortc's own source counts
        frame.time_base = fractions.Fraction(1, 48_000)
        return frame


class AiortcPeer:
    """One RTCPeerConnection that says a tone and listens."""

    def __init__(self, hertz: float) -> None:
        self.listener = Listener()
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(ToneTrack(hertz))
        self.connection.on("track", self._track)
        self._reading: list[asyncio.Task[None]] = []

    async def offer(self) -> str:
        """Its offer, with all candidates."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def take_answer(self, sdp: str) -> None:
        """Take the answer to its offer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def answer(self, sdp: str) -> str:
        """Its answer to an offer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def close(self) -> None:
        """Hang up."""
        await self.connection.close()
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    def _track(self, track: MediaStreamTrack) -> None:
        self._reading.append(asyncio.create_task(self._read(track)))

    async def _read(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            assert isinstance(frame, AudioFrame)
            interleaved = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
            self.listener(interleaved[:, 0].astype(np.int16), 0.0)
