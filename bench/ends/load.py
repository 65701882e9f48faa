"""Many callers in one process that cost almost nothing: they send packets made beforehand, and time what comes back.

The same callers call every subject. The time of a packet is the kernel's, so that this process may be late itself.
"""

import asyncio
import itertools
import secrets
import struct
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.ends.hullo_call import TOKEN
from bench.ends.parent import end_on_error, options, questions, tell
from bench.ends.usage import usage
from bench.material import speech_frames
from hullo.lines.browser.client import post_offer
from hullo.media.opus import OpusEncoder
from hullo.media.pcm import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE
from hullo.media.reception import Reception
from hullo.media.rtcp import ReceiverReport, SourceDescription, build_compound
from hullo.rtc.clock import MediaClock
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import Setup, StreamIdentity
from hullo.rtc.sdp import build_offer, parse_answer

_CONNECT_SECONDS = 15.0
_REPORT_EVERY = 50
"""Packets, thus once a second."""

_HEADER = struct.Struct("!BBHII")


class Caller:
    """One caller: sends `payloads` in turn, and remembers when which packet of the subject arrived."""

    def __init__(self, payloads: Iterator[bytes]) -> None:
        self.arrivals: list[tuple[float, int]] = []
        self._payloads = payloads
        self._identity = StreamIdentity.random()
        self._connection = RtcConnection(controlling=True, setup=Setup.ACTPASS)
        self._reception: Reception | None = None
        self._payload_type = 0
        self._sent = 0

    async def call(self, url: str) -> None:
        """Return once connected. Raises `CallFailed`, `ConnectError`, or `TimeoutError`."""
        connection = self._connection
        await connection.gather()
        offer = build_offer(connection.local_description(), self._identity, session_id=secrets.randbits(62))
        answer = parse_answer((await post_offer(url, offer, TOKEN, _nothing)).sdp)
        connection.on_rtp = self._arrived
        self._payload_type = answer.audio.payload_type
        connection.set_remote_description(answer.audio.transport)
        async with asyncio.timeout(_CONNECT_SECONDS):
            await connection.connect()

    def tick(self, now: float, missed: int = 0) -> None:
        """Send the next packet."""
        number = self._sent
        self._sent += 1 + missed
        header = _HEADER.pack(
            0x80, self._payload_type, number & 0xFFFF, number * FRAME_SAMPLES & 0xFFFFFFFF, self._identity.ssrc
        )
        self._connection.send_rtp(header + next(self._payloads))
        if number % _REPORT_EVERY == 0 and self._reception is not None:
            self._connection.send_rtcp(self._report(self._reception))

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close()

    def lateness(self) -> NDArray[np.float64]:
        """Seconds by which each packet came later than the most punctual one, with infinity for those that never came.

        What counts as never: the gaps in their timestamps.
        """
        if not self.arrivals:
            return np.zeros(0)
        arrived, stamps = np.array(self.arrivals, dtype=np.float64).T
        times = ((stamps - stamps[0] + 2**31) % 2**32 - 2**31) / SAMPLE_RATE
        transit = arrived - times
        missing = round((times.max() - times.min()) / FRAME_SECONDS) + 1 - len(times)
        return np.concatenate([transit - transit.min(), np.full(max(missing, 0), np.inf)])

    def _arrived(self, packet: bytes, arrival: float) -> None:
        _, _, sequence_number, timestamp, ssrc = _HEADER.unpack_from(packet)
        self.arrivals.append((arrival, timestamp))
        if self._reception is None:
            self._reception = Reception(ssrc)
        self._reception.take(sequence_number)

    def _report(self, reception: Reception) -> bytes:
        identity = self._identity
        report = ReceiverReport(ssrc=identity.ssrc, reports=(reception.report_block(0, 0),))
        return build_compound([report, SourceDescription(cnames=((identity.ssrc, identity.cname),))])


class Load:
    """All callers."""

    def __init__(self, url: str, clock: MediaClock) -> None:
        self._url = url
        self._clock = clock
        self._callers: list[Caller] = []
        self._payloads = _payloads()
        self._began = 0.0

    async def grow(self, calls: int) -> None:
        """Call until there are so many calls."""
        while len(self._callers) < calls:
            place = 53 * len(self._callers) % len(self._payloads)
            caller = Caller(itertools.cycle(self._payloads[place:] + self._payloads[:place]))
            await caller.call(self._url)
            self._callers.append(caller)
            self._clock.register(caller, _raise)

    def begin(self) -> None:
        """Forget all that has arrived."""
        self._began = time.monotonic()
        for caller in self._callers:
            caller.arrivals.clear()

    def end(self) -> dict[str, Any]:
        """What has arrived since `begin`, of what should have."""
        late = np.concatenate([caller.lateness() for caller in self._callers])
        due = max(len(late), int((time.monotonic() - self._began) / FRAME_SECONDS - 1) * len(self._callers))
        finite = late[np.isfinite(late)]
        arrived = bool(len(finite))
        return {
            "due": due,
            "on_time": int(np.sum(late <= FRAME_SECONDS)),
            "p99_late_ms": 1000 * float(np.quantile(finite, 0.99)) if arrived else None,
            "max_late_ms": 1000 * float(finite.max()) if arrived else None,
        }

    async def close(self) -> None:
        """Hang all of them up."""
        for caller in self._callers:
            await caller.close()


def _payloads() -> list[bytes]:
    encoder = OpusEncoder()
    return [encoder.encode(frame) for frame in speech_frames()]


def _nothing() -> None: ...
def _raise(error: Exception) -> None:
    raise error


async def _main() -> None:
    given = options()
    end_on_error()
    async with MediaClock() as clock:
        load = Load(given["url"], clock)
        tell(ready=True)
        async for question in questions():
            match question:
                case {"calls": calls}:
                    await load.grow(calls)
                    tell(calls=calls)
                case {"measure": "begin"}:
                    load.begin()
                    tell(**usage())
                case _:
                    tell(**load.end(), **usage())
        await load.close()


if __name__ == "__main__":
    asyncio.run(_main())
