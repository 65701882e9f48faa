"""The sound of one call: packets of a connection to an ear, a mouth to packets, and the reports about both."""

import asyncio
import math
import time
from collections.abc import Callable

import msgspec

from hullo.media.pcm import SILENCE, Ear, Mouth
from hullo.media.receiver import Receiver, ReceiverStats
from hullo.media.reporting import RemoteReport, Reporter
from hullo.media.sender import Sender, SenderStats
from hullo.rtc.clock import MediaClock, Registration
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import StreamIdentity


class AudioStats(msgspec.Struct, frozen=True, kw_only=True):
    """What was received and sent, and what the peer last said of what it received."""

    received: ReceiverStats
    sent: SenderStats
    remote: RemoteReport | None


class AudioChannel:
    """Opus over one connected `RtcConnection`, ticked by the clock from `open` to `close`. Times are monotonic."""

    def __init__(
        self,
        connection: RtcConnection,
        clock: MediaClock,
        *,
        payload_type: int,
        identity: StreamIdentity,
        sends: bool = True,
    ) -> None:
        """`payload_type` is that of Opus, both ways unless `set_payload_types` says otherwise.

        Without `sends`, as the peer may wish, only reports are sent. Raises `OpusUnavailable` without libopus.
        """
        self.first_heard = asyncio.Event()
        """An authenticated packet of the peer's sound, or a report about it, has come."""
        self.first_sent = asyncio.Event()
        """A packet of ours has left."""
        self._connection = connection
        self._clock = clock
        self._receiver = Receiver(payload_type=payload_type)
        self._sender = Sender(ssrc=identity.ssrc, payload_type=payload_type)
        wall_offset = time.time() - time.monotonic()
        self._reporter = Reporter(self._sender, self._receiver, cname=identity.cname, wall_offset=wall_offset)
        self._ear: Ear = _deaf
        self._mouth: Mouth = _dumb
        self._sends = sends
        self._muted = False
        self._no_later_than = math.inf
        """While a tick reads: its own time, since what it finds may have come after it began."""
        self._registration: Registration | None = None
        connection.on_rtp = self._rtp_arrived
        connection.on_rtcp = self._rtcp_arrived

    def set_payload_types(self, *, incoming: int, outgoing: int) -> None:
        """Before `open`: each side names the number under which it wants to get Opus (RFC 3264 6.1)."""
        self._receiver.set_payload_type(incoming)
        self._sender.payload_type = outgoing

    def open(self, ear: Ear, mouth: Mouth, on_error: Callable[[Exception], None]) -> None:
        """Begin: what comes before is not heard. `on_error` is told when ear or mouth raise; the channel stops then."""
        self._ear, self._mouth = ear, mouth
        self._registration = self._clock.register(self, on_error)

    def greet(self) -> None:
        """Send a report at once rather than with the first tick: the peer may be waiting for any sign of us."""
        self._connection.send_rtcp(self._reporter.greeting(time.monotonic()))

    def set_muted(self, muted: bool) -> None:
        """While muted no sound is sent, and the mouth is still asked, so that time goes on for it."""
        self._muted = muted

    def tick(self, now: float, missed: int = 0) -> None:
        """20 ms of sound each way. For `missed` ticks that never were, the stream pauses rather than falls behind."""
        for _ in range(missed):
            self._sender.push(None, now)
        if self.first_heard.is_set():  # until then each packet wakes us: a call waits for the first
            self._no_later_than = now
            self._connection.read_chosen()
            self._no_later_than = math.inf
        self._ear(self._receiver.pull(now), now)
        said = self._mouth(now)
        if said is None:
            said = SILENCE
        silent = self._muted or not self._sends
        self._send(self._sender.push(None if silent else said, now), self._connection.send_rtp)
        self._send(self._reporter.poll(now), self._connection.send_rtcp)

    def stats(self) -> AudioStats:
        """Counters so far."""
        return AudioStats(received=self._receiver.stats(), sent=self._sender.stats(), remote=self._reporter.remote)

    def close(self) -> None:
        """End the sound and say so (RTCP BYE); idempotent. The connection stays."""
        if self._registration is None:
            return
        self._registration.cancel()
        self._registration = None
        self._connection.wake_on_arrival()
        self._connection.send_rtcp(self._reporter.bye(time.monotonic()))
        self._ear, self._mouth = _deaf, _dumb

    def _send(self, packet: bytes | None, send: Callable[[bytes], bool]) -> None:
        if packet is not None and send(packet) and not self.first_sent.is_set():
            self.first_sent.set()
            self._connection.reached("first_sent")

    def _rtp_arrived(self, packet: bytes, arrival: float) -> None:
        self._heard()
        if self._registration is not None:
            self._receiver.feed(packet, min(arrival, self._no_later_than))

    def _rtcp_arrived(self, packet: bytes, arrival: float) -> None:
        self._heard()
        self._reporter.feed(packet, min(arrival, self._no_later_than))

    def _heard(self) -> None:
        if not self.first_heard.is_set():
            self.first_heard.set()
            self._connection.reached("first_heard")


def _deaf(pcm: object, now: float) -> None: ...
def _dumb(now: float) -> None: ...
