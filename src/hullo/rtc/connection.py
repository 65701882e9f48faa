"""ICE and DTLS-SRTP for one call, free of any signaling: descriptions in and out, packets in and out."""

import asyncio
import logging
import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from hullo.rtc.adapter.dtls import Certificate, DtlsError, DtlsSrtpTransport
from hullo.rtc.adapter.ice import IceAgent
from hullo.rtc.candidate import IceCandidate
from hullo.rtc.parameters import IceOptions, PairReport, Setup, TransportDescription
from hullo.rtc.path import IcePath, OnCandidate

logger = logging.getLogger(__name__)

SERVER_WAIT = 0.5
"""Seconds that a description without trickle waits for STUN and TURN; a dead server costs a call this, and no more."""

CLOSE_DEADLINE = 2.0

FLIGHT_WAIT = 1.0
"""Seconds that signaling waits for a flight of the DTLS handshake; without it the handshake begins on the path."""

OnPacket = Callable[[bytes, float], None]


class LossCause(StrEnum):
    """Why a connection is over although we did not close it."""

    CLOSED_BY_PEER = "closed-by-peer"
    """The peer sent a DTLS close_notify."""
    CONSENT_EXPIRED = "consent-expired"
    """No answer of the peer for the whole consent expiry (RFC 7675): it is gone, or the network is."""
    TRANSPORT_LOST = "transport-lost"
    """The local socket or the TURN allocation that carried the call is gone."""


class ConnectError(Exception):
    """No connection came about. `stage` is `ice` or `dtls`; the message says what happened."""

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.stage = stage


class ConnectionCounters(msgspec.Struct, frozen=True):
    """Packets that were no sound: `strays` of no known kind, `rejected` by SRTP (forged, replayed, too early)."""

    strays: int
    rejected: int


class RtcConnection:
    """The way of one call through the network.

    `gather` -> tell the peer `local_description` -> `set_remote_description` -> `connect` -> packets -> `close`.
    With trickle, candidates go both ways meanwhile (`on_local_candidate`, `add_remote_candidate`); the last is None.
    Times are `time.monotonic`.
    """

    def __init__(
        self,
        *,
        controlling: bool,
        setup: Setup,
        ice: IceOptions = IceOptions(),  # noqa: B008  # frozen
        certificate: Certificate | None = None,
    ) -> None:
        self.on_rtp: OnPacket = _ignore_packet
        self.on_rtcp: OnPacket = _ignore_packet
        self.last_heard: float | None = None
        """When the last authenticated packet of the peer, of any kind, arrived."""
        self._setup = setup
        self._certificate = certificate or Certificate()
        self._ice = ice
        self._path = IcePath(controlling=controlling, ice=ice)
        self._left: list[IcePath] = []
        self._dtls = DtlsSrtpTransport(self._agent, self._certificate)
        self._handshake: asyncio.Task[None] | None = None
        self._remote: TransportDescription | None = None
        self._began = time.monotonic()
        self._stages: dict[str, float] = {}
        self._pairs: list[PairReport] = []
        self._lost: asyncio.Future[LossCause] = asyncio.get_running_loop().create_future()
        self._closing: asyncio.Task[None] | None = None
        self._attend()
        self._dtls.on_closed = self._dtls_closed
        self._dtls.on_rtp = self._rtp_arrived
        self._dtls.on_rtcp = self._rtcp_arrived
        self.send_rtp = self._dtls.send_rtp
        """Protect one RTP packet and send it; False when there is no way to the peer (yet, or any more)."""
        self.send_rtcp = self._dtls.send_rtcp
        """The same for one RTCP packet."""

    # Setting up

    @property
    def on_local_candidate(self) -> OnCandidate:
        """Told of each candidate of ours that is found, None after the last."""
        return self._path.on_local_candidate

    @on_local_candidate.setter
    def on_local_candidate(self, told: OnCandidate) -> None:
        self._path.on_local_candidate = told

    async def gather(self, wait: float = SERVER_WAIT) -> None:
        """Bind sockets, which is done at once, and wait up to `wait` seconds for every ICE server to give something.

        With trickle `wait` is 0: candidates are told to `on_local_candidate` as they come, None after the last.
        Nothing is bound any more once the connection is being closed.
        """
        if self._closing is not None:
            return
        await self._path.gather(wait)
        self.reached("gathered")

    def local_description(self) -> TransportDescription:
        """Ours, with the candidates gathered so far."""
        return TransportDescription(
            ufrag=self._agent.local_username,
            pwd=self._agent.local_password,
            fingerprints=(self._certificate.fingerprint(),),
            setup=self._setup,
            candidates=tuple(self._path.candidates),
            candidates_complete=self._path.complete,
        )

    def set_remote_description(self, remote: TransportDescription) -> None:
        """Take the peer's. Raises `ValueError` when it leaves the DTLS role open although ours is open too."""
        if remote.setup is Setup.ACTPASS and self._setup is Setup.ACTPASS:
            raise ValueError("neither side has chosen who starts the DTLS handshake")
        self._remote = remote
        self._path.set_remote(remote.ufrag, remote.pwd, lite=remote.ice_lite)
        self._path.add_remote(*remote.candidates, complete=remote.candidates_complete)

    def add_remote_candidate(self, candidate: IceCandidate | None) -> None:
        """Take a trickled candidate of the peer; None after its last. Candidates of no use to us are ignored."""
        self._agent.add_remote(candidate)

    async def next_flight(self) -> tuple[bytes, ...]:
        """Our next datagrams of the DTLS handshake, which signaling may carry while ICE looks for a path.

        The handshake begins with the first call; for that the DTLS role must have been chosen when this was made.
        The peer gives them to `take_flight`. Whatever signaling loses is sent again on the path.
        """
        if self._handshake is None:
            self._begin_handshake(self._setup)
        return await self._dtls.take_unsent(FLIGHT_WAIT)

    def take_flight(self, datagrams: tuple[bytes, ...]) -> None:
        """The peer's next datagrams of the handshake."""
        self._dtls.take_signaled(datagrams)

    async def connect(self) -> None:
        """Return when packets can flow. Raises `ConnectError`; the caller sets the deadline."""
        if self._remote is None:
            raise RuntimeError("connect comes after set_remote_description")
        try:
            await self._agent.connect()
            self.reached("ice")
            handshake = self._handshake or self._begin_handshake(self._dtls_role(self._remote.setup))
            self._dtls.path_found()
            await asyncio.shield(handshake)
        except DtlsError as error:
            raise ConnectError("dtls", str(error)) from error
        except ConnectionError as error:
            raise ConnectError("ice", str(error)) from error

    # While it lasts

    def read_chosen(self) -> None:
        """Take what has arrived where the call goes through. Who calls it every 20 ms saves each packet a wake-up."""
        self._agent.read_chosen()

    def wake_on_arrival(self) -> None:
        """Nobody calls `read_chosen` any more."""
        self._agent.wake_on_arrival()

    def check_path(self, on_answer: Callable[[float], None]) -> None:
        """Ask the peer once, by an ICE check on the path of our packets; `on_answer(time)` is called if it answers."""
        self._agent.check_path(on_answer)

    def path_is_broken(self) -> bool:
        """Whether this machine has no way (any more) to send where the call goes through."""
        return self._path.broken()

    def outlive_path(self) -> None:
        """The loss of a socket or relay is the end no more, but only that of consent: somebody looks for new paths."""
        self._dtls.outlive_path()

    def new_path(self) -> IcePath:
        """Begin an ICE restart (RFC 8445 9), with new credentials and the addresses that this host has now.

        Whoever asks gathers, exchanges, connects it, and then gives it to `move_to` or closes it.
        """
        path = IcePath(controlling=self._agent.ice_controlling, ice=self._ice)
        self._dtls.listen(path.agent)
        return path

    async def move_to(self, path: IcePath) -> None:
        """Go on over a path that is connected; the one until now is closed."""
        old, self._path = self._path, path
        self._left.append(old)
        self._attend()
        self._dtls.move_to(self._agent)
        self.reached("moved")
        await old.close()
        self._left.remove(old)

    async def lost(self) -> LossCause:
        """Return when the connection is over although nobody closed it here."""
        return await asyncio.shield(self._lost)

    def pairs(self) -> list[PairReport]:
        """The candidate pairs that were tried; after `close`, as they were then."""
        return self._pairs or self._agent.pairs()

    def stages(self) -> dict[str, float]:
        """Seconds from the start to `gathered`, `ice`, `dtls` and whatever else was noted, as far as it was reached."""
        return dict(self._stages)

    def reached(self, stage: str) -> None:
        """Note when a stage was reached, for the report."""
        self._stages[stage] = time.monotonic() - self._began

    def counters(self) -> ConnectionCounters:
        """What came and was no sound of the peer."""
        return ConnectionCounters(self._agent.strays, self._dtls.rejected)

    @property
    def dtls_transport(self) -> DtlsSrtpTransport:
        """For an SCTP transport with data channels on top."""
        return self._dtls

    async def close(self) -> None:
        """Say goodbye and free everything, within `CLOSE_DEADLINE`; idempotent, never raises."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="rtc close")
        await asyncio.shield(self._closing)

    # What the layers below tell

    @property
    def _agent(self) -> IceAgent:
        return self._path.agent

    def _attend(self) -> None:
        agent = self._agent
        agent.on_heard = self._heard
        agent.on_lost = lambda: self._end(LossCause.CONSENT_EXPIRED) if agent is self._agent else None

    def _begin_handshake(self, setup: Setup) -> asyncio.Task[None]:
        self._handshake = asyncio.create_task(self._agree_on_keys(setup), name="dtls handshake")
        return self._handshake

    async def _agree_on_keys(self, setup: Setup) -> None:
        await self._dtls.handshake(setup, lambda: () if self._remote is None else self._remote.fingerprints)
        self.reached("dtls")

    def _dtls_role(self, remote: Setup) -> Setup:
        return self._setup if self._setup is not Setup.ACTPASS else remote.answer()

    def _rtp_arrived(self, packet: bytes, arrival: float) -> None:
        self.last_heard = arrival
        self.on_rtp(packet, arrival)

    def _rtcp_arrived(self, packet: bytes, arrival: float) -> None:
        self.last_heard = arrival
        self.on_rtcp(packet, arrival)

    def _heard(self, now: float) -> None:
        self.last_heard = now

    def _dtls_closed(self) -> None:
        self._end(LossCause.CLOSED_BY_PEER if self._dtls.closed_by_peer else LossCause.TRANSPORT_LOST)

    def _end(self, cause: LossCause) -> None:
        if not self._lost.done():
            self._lost.set_result(cause)

    async def _close(self) -> None:
        self._pairs = self._agent.pairs()
        self.on_rtp = self.on_rtcp = _ignore_packet
        try:
            async with asyncio.timeout(CLOSE_DEADLINE):
                await self._dtls.close()
                await asyncio.gather(*(path.close() for path in (self._path, *self._left)))
        except TimeoutError:
            logger.warning("a connection was not closed cleanly within %g s", CLOSE_DEADLINE)
        if self._handshake is not None:  # which has ended with the agent, if that could be closed
            self._handshake.cancel()
            await asyncio.gather(self._handshake, return_exceptions=True)


def _ignore_packet(packet: bytes, arrival: float) -> None: ...
