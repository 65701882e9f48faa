"""DTLS-SRTP for one call (RFC 5764): aiortc's handshake and keys, and a way for packets that needs no task."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import cast

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, RTCIceTransport
from aiortc.rtcdtlstransport import State
from OpenSSL import SSL
from typing_extensions import override

from hullo.rtc.adapter.ice import IceAgent
from hullo.rtc.parameters import DtlsFingerprint, Setup

GOODBYES = 3
"""Copies of the close_notify: nobody acknowledges it, and without it the peer waits until its consent expires."""

MAX_FLIGHTS = 8
"""DTLS datagrams that wait for a path, or for signaling to take them; the oldest are dropped, and sent again."""

OnPacket = Callable[[bytes, float], None]


class Certificate:
    """A self-signed certificate of our own; a fresh one for every call keeps calls from being linked by it."""

    def __init__(self) -> None:
        self.rtc = RTCCertificate.generateCertificate()

    def fingerprint(self) -> DtlsFingerprint:
        """Its SHA-256 hash, as told to the peer."""
        sha256 = next(f for f in self.rtc.getFingerprints() if f.algorithm == "sha-256")
        return DtlsFingerprint(sha256.algorithm, sha256.value)


class DtlsError(ConnectionError):
    """The handshake failed; the message says how."""


class _IcePath:
    """What `RTCDtlsTransport` and the SCTP transport on top of it use of an `RTCIceTransport`."""

    def __init__(self, agent: IceAgent) -> None:
        self.copies = 1
        self.unsent: deque[bytes] = deque(maxlen=MAX_FLIGHTS)
        self.something_unsent = asyncio.Event()
        self.agent = agent
        self.may_move = False
        self.moved = asyncio.Event()

    async def _recv(self) -> bytes:
        while True:
            agent = self.agent
            try:
                return await agent.recv()
            except ConnectionError:
                if agent is not self.agent:  # it was closed because there is another one now
                    continue
                if not self.may_move:
                    raise
                self.moved.clear()
                await self.moved.wait()

    async def _send(self, data: bytes) -> None:
        for _ in range(self.copies):
            if not self.agent.send_now(data):
                self.unsent.append(data)
                self.something_unsent.set()
                return

    def flush(self) -> None:
        """There is a path now."""
        while self.unsent and self.agent.send_now(self.unsent[0]):
            self.unsent.popleft()

    @property
    def role(self) -> str:
        return "controlling" if self.agent.ice_controlling else "controlled"


class DtlsSrtpTransport(RTCDtlsTransport):
    """Packets of sound in and out, encrypted. Decrypted ones go to `on_rtp` and `on_rtcp` with their arrival time.

    It remains an aiortc DTLS transport, so an `RTCSctpTransport` for data channels can be put on it.
    """

    def __init__(self, agent: IceAgent, certificate: Certificate) -> None:
        self._path = _IcePath(agent)
        super().__init__(cast("RTCIceTransport", self._path), [certificate.rtc])
        self.on_rtp: OnPacket = _ignore
        self.on_rtcp: OnPacket = _ignore
        self.on_closed: Callable[[], None] = _ignore_close
        self.rejected = 0
        self._agent = agent
        self._wrong_fingerprint = False
        self._fingerprints: Callable[[], tuple[DtlsFingerprint, ...]] = tuple
        self.listen(agent)

    def listen(self, agent: IceAgent) -> None:
        """Take sound from this one, too: a peer may have moved to it before us."""
        agent.on_media = self._media_arrived

    def move_to(self, agent: IceAgent) -> None:
        """Send over another agent from now on. Keys and sequence numbers go on (RFC 8842 4)."""
        self._agent = self._path.agent = agent
        self._path.moved.set()

    def outlive_path(self) -> None:
        """From now on somebody sees to it that there is another agent when this one is lost."""
        self._path.may_move = True

    async def handshake(self, setup: Setup, fingerprints: Callable[[], tuple[DtlsFingerprint, ...]]) -> None:
        """Agree on keys with the peer whose certificate has one of these hashes. Raises `DtlsError`.

        `fingerprints` is asked when the peer has shown its certificate. What is to be sent before there is a path
        waits for `take_unsent` or `path_found`.
        """
        self._set_role("client" if setup is Setup.ACTIVE else "server")
        self._fingerprints = fingerprints
        unknown_yet = RTCDtlsFingerprint(algorithm="sha-256", value="")  # which no certificate has
        await self.start(RTCDtlsParameters(fingerprints=[unknown_yet]))
        if self._wrong_fingerprint:
            raise DtlsError("the peer's certificate is not the one that its signaling announced")
        if self._state is not State.CONNECTED:
            raise DtlsError("the DTLS handshake failed")

    async def take_unsent(self, wait: float) -> tuple[bytes, ...]:
        """The datagrams that wait for a path, for signaling to carry; the first is waited for that many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._path.something_unsent.wait()
        unsent = tuple(self._path.unsent)
        self._path.unsent.clear()
        self._path.something_unsent.clear()
        return unsent

    def take_signaled(self, datagrams: Iterable[bytes]) -> None:
        """Datagrams of the peer that signaling has carried."""
        for datagram in datagrams:
            if datagram and 19 < datagram[0] < 64:  # RFC 7983 7
                self._agent.data_received(datagram, 1)

    def path_found(self) -> None:
        """Send what waits for a path."""
        self._path.flush()

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send; False when there is no way to the peer (yet, or any more)."""
        return self._state is State.CONNECTED and self._agent.send_now(self._tx_srtp.protect(packet))

    def send_rtcp(self, packet: bytes) -> bool:
        """Protect and send; False when there is no way to the peer (yet, or any more)."""
        return self._state is State.CONNECTED and self._agent.send_now(self._tx_srtp.protect_rtcp(packet))

    @property
    def closed_by_peer(self) -> bool:
        """Whether the peer has said goodbye (close_notify, RFC 6347)."""
        return self._ssl is not None and bool(self._ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN)

    async def close(self) -> None:
        """Say goodbye and end the pump; idempotent. The ICE agent stays open."""
        self.on_closed = _ignore_close
        self._path.copies = GOODBYES
        pump = self._task
        await self._end_failed_session()
        await self.stop()
        if pump is not None:
            await asyncio.wait([pump])

    def _media_arrived(self, data: bytes, arrival: float) -> None:
        keys = self._rx_srtp
        if keys is None:
            self.rejected += 1
            return
        is_rtcp = len(data) > 1 and 192 <= data[1] <= 223  # RFC 5761 4
        try:
            packet = keys.unprotect_rtcp(data) if is_rtcp else keys.unprotect(data)
        except (pylibsrtp.Error, ValueError):
            self.rejected += 1
            return
        if is_rtcp:
            self.on_rtcp(packet, arrival)
        else:
            self.on_rtp(packet, arrival)

    @override
    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:
        announced = [RTCDtlsFingerprint(algorithm=f.algorithm, value=f.value) for f in self._fingerprints()]
        super()._validate_peer_identity(RTCDtlsParameters(fingerprints=announced))
        self._wrong_fingerprint = self._state is State.FAILED

    @override
    def _set_state(self, state: State) -> None:
        super()._set_state(state)
        if state is State.CLOSED:
            self.on_closed()

    async def _end_failed_session(self) -> None:
        """aiortc leaves a peer that failed our check of its fingerprint in the belief that it is connected."""
        if self._state is not State.FAILED or self._ssl is None:
            return
        with suppress(SSL.Error):
            self._ssl.shutdown()
        with suppress(ConnectionError):
            await self._write_ssl()


def _ignore(packet: bytes, arrival: float) -> None: ...
def _ignore_close() -> None: ...
