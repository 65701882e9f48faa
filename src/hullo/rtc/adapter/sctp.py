"""One SCTP association (RFC 9260): aiortc's, with bounds, an owner, and any carrier of its packets."""

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiortc import RTCDtlsTransport, RTCSctpCapabilities, RTCSctpTransport
from aiortc.rtcsctptransport import Chunk, DataChunk
from OpenSSL import SSL
from typing_extensions import override

logger = logging.getLogger(__name__)

PORT = 5000
RECEIVE_WINDOW = 262_144
"""Bytes of messages that are not yet whole; what goes beyond is not taken (RFC 9260 6.1)."""
MAX_STREAMS = 16
MAX_MISORDERED = 512
"""Chunks after a gap that are remembered; more are not taken, and come again."""
MAX_WAITING = 64
"""Messages that wait for the association, and packets that wait to be read."""
FIRST_RETRANSMISSION = 0.6
"""Seconds until the INIT is sent again. RFC 9260 says 3 for an unknown network; a call can't wait that long."""

OnMessage = Callable[[int, int, bytes], None]
OnRoundTrip = Callable[[float], None]


class SctpError(ConnectionError):
    """The association is over, or too much waits to be sent."""


class DatagramCarrier:
    """Has what aiortc's SCTP uses of an `RTCDtlsTransport`, and carries packets by a callback."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.state = "connected"
        self._role = "client"
        self._send_packet = send

    def _register_data_receiver(self, receiver: RTCSctpTransport) -> None: ...
    def _unregister_data_receiver(self, receiver: RTCSctpTransport) -> None: ...

    async def _send_data(self, data: bytes) -> None:
        self._send_packet(data)


class _Allowance:
    """So many packets a second, and as many at once."""

    def __init__(self, rate: float) -> None:
        self._rate = self._left = rate
        self._then = 0.0

    def take(self, now: float) -> bool:
        """Whether there is one left; if so it is taken."""
        if math.isinf(self._rate):
            return True
        self._left = min(self._left + (now - self._then) * self._rate, self._rate)
        self._then = now
        allowed = self._left >= 1
        self._left -= allowed
        return allowed


class SctpAssociation(RTCSctpTransport):
    """Whole messages in and out, reliable and in order on each stream: `on_message(stream, ppid, data)`.

    `run` is its life. Packets of a `DatagramCarrier` are given to `feed`; those of DTLS come by themselves. Of more
    than `most_packets` a second the rest is dropped unread, as if the network had lost it.
    """

    def __init__(
        self,
        carrier: RTCDtlsTransport | DatagramCarrier,
        on_message: OnMessage,
        *,
        on_round_trip: OnRoundTrip = lambda seconds: None,
        most_packets: float = math.inf,
    ) -> None:
        """`on_round_trip` gets the seconds from a packet to its acknowledgement. Raises `SctpError`."""
        if carrier.state == "closed":
            raise SctpError("the connection under the SCTP association is closed")
        super().__init__(cast("RTCDtlsTransport", carrier), PORT)
        self.established = asyncio.Event()
        self.rejected = 0
        """Packets that aiortc could not make sense of, or that were too many."""
        self._on_message = on_message
        self._on_round_trip = on_round_trip
        self._allowance = _Allowance(most_packets)
        self._unsent = 0
        self._closed = asyncio.Event()
        self._outbox: asyncio.Queue[tuple[int, int, bytes]] = asyncio.Queue(MAX_WAITING)
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._advertised_rwnd = RECEIVE_WINDOW
        self._inbound_streams_max = MAX_STREAMS
        self._rto = FIRST_RETRANSMISSION

    @property
    def unacknowledged(self) -> int:
        """Bytes that were sent, or wait for it, and that the peer has not acknowledged (RFC 9260: cumulative TSN)."""
        chunks = itertools.chain(self._sent_queue, self._outbound_queue)
        return self._unsent + sum(len(chunk.user_data) for chunk in chunks)

    def send(self, stream: int, ppid: int, data: bytes) -> None:
        """Send one message as soon as the association is there. Raises `SctpError`."""
        if self._closed.is_set():
            raise SctpError("the SCTP association was ended by the peer")
        try:
            self._outbox.put_nowait((stream, ppid, data))
        except asyncio.QueueFull:
            raise SctpError(f"{MAX_WAITING} messages wait for the SCTP association") from None
        self._unsent += len(data)

    def feed(self, packet: bytes) -> None:
        """Take a packet of the peer; what cannot wait is dropped, the peer sends it again."""
        with suppress(asyncio.QueueFull):
            self._inbox.put_nowait(packet)

    async def run(self) -> None:
        """Associate and pass messages until the peer ends it; cancelling it ends it here."""
        reading = asyncio.create_task(self._read(), name="sctp read")
        writing = asyncio.create_task(self._write(), name="sctp write")
        try:
            await self.start(RTCSctpCapabilities(maxMessageSize=RECEIVE_WINDOW), PORT)
            await self._closed.wait()
        finally:
            reading.cancel()
            writing.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
            await self.stop()

    async def _read(self) -> None:
        while True:
            await self._handle_data(await self._inbox.get())

    async def _write(self) -> None:
        await self.established.wait()  # sooner, aiortc would send data under a verification tag of 0
        while True:
            stream, ppid, data = await self._outbox.get()
            self._unsent -= len(data)
            await self._send(stream, ppid, data)

    @override
    async def _handle_data(self, data: bytes) -> None:
        if not self._allowance.take(time.monotonic()):
            self.rejected += 1
            return
        try:
            await super()._handle_data(data)
        except Exception:  # the edge to the network: aiortc asserts and indexes what a peer sent
            self.rejected += 1
            logger.debug("an SCTP packet makes no sense", exc_info=True)

    @override
    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        if len(chunk.user_data) > self._advertised_rwnd or len(self._sack_misordered) > MAX_MISORDERED:
            return
        if chunk.stream_id in self._inbound_streams or len(self._inbound_streams) < MAX_STREAMS:
            await super()._receive_data_chunk(chunk)

    @override
    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        self._on_message(stream_id, pp_id, data)

    @override
    def _update_rto(self, R: float) -> None:
        super()._update_rto(R)
        self._on_round_trip(R)

    @override
    async def _send_chunk(self, chunk: Chunk) -> None:
        with suppress(ConnectionError, SSL.Error):  # as good as a packet lost on the way
            await super()._send_chunk(chunk)

    @override
    def _set_state(self, state: RTCSctpTransport.State) -> None:
        super()._set_state(state)
        if state is self.State.ESTABLISHED:
            self.established.set()
        elif state is self.State.CLOSED:
            self._closed.set()

    @override
    async def _transmit(self) -> None:
        if not self._closed.is_set():
            await super()._transmit()

    @override
    def _t3_start(self) -> None:
        if not self._closed.is_set():
            super()._t3_start()

    @override
    def _t3_restart(self) -> None:
        if not self._closed.is_set():  # a retransmission that was on its way at the end would repeat itself for ever
            super()._t3_restart()

    @override
    def _t1_expired(self) -> None:
        self._t1_failures = 0  # ask for as long as the call lives; its owner has the deadline
        super()._t1_expired()
