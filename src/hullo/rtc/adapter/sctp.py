"""One SCTP association (RFC 9260): aiortc's, with bounds, an owner, and any carrier of its packets."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiortc import RTCDtlsTransport, RTCSctpCapabilities, RTCSctpTransport
from aiortc.rtcsctptransport import Chunk, DataChunk
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


class SctpAssociation(RTCSctpTransport):
    """Whole messages in and out, reliable and in order on each stream: `on_message(stream, ppid, data)`.

    `run` is its life. Packets of a `DatagramCarrier` are given to `feed`; those of DTLS come by themselves.
    """

    def __init__(self, carrier: RTCDtlsTransport | DatagramCarrier, on_message: OnMessage) -> None:
        super().__init__(cast("RTCDtlsTransport", carrier), PORT)
        self.established = asyncio.Event()
        self.rejected = 0
        """Packets that aiortc could not make sense of."""
        self._on_message = on_message
        self._closed = asyncio.Event()
        self._outbox: asyncio.Queue[tuple[int, int, bytes]] = asyncio.Queue(MAX_WAITING)
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._advertised_rwnd = RECEIVE_WINDOW
        self._inbound_streams_max = MAX_STREAMS
        self._rto = FIRST_RETRANSMISSION

    def send(self, stream: int, ppid: int, data: bytes) -> None:
        """Send one message as soon as the association is there. Raises `SctpError`."""
        if self._closed.is_set():
            raise SctpError("the SCTP association was ended by the peer")
        try:
            self._outbox.put_nowait((stream, ppid, data))
        except asyncio.QueueFull:
            raise SctpError(f"{MAX_WAITING} messages wait for the SCTP association") from None

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
            await self._send(*await self._outbox.get())

    @override
    async def _handle_data(self, data: bytes) -> None:
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
    async def _send_chunk(self, chunk: Chunk) -> None:
        with suppress(ConnectionError):  # as good as a packet lost on the way
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
