"""An ICE agent for one call (RFC 8445, RFC 8838): aioice's check list, driven without its waits."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable

from aioice import Candidate, TransportPolicy, stun
from aioice.ice import ICE_COMPLETED, CandidatePair, Connection, StunProtocol
from typing_extensions import override

from hullo.rtc.adapter.stun import Address, StunSocket
from hullo.rtc.adapter.udp import CAN_WAIT, UdpTransport
from hullo.rtc.candidate import IceCandidate
from hullo.rtc.parameters import Consent, PairOutcome, PairReport
from hullo.rtc.reflector import address_of_name, parse_address

logger = logging.getLogger(__name__)

CHECK_PACE = 0.02
"""Seconds between two new checks: RFC 8445 14.2 calls it Ta."""

RELAY_WAIT = 0.25
"""Seconds that pairs through a relay wait for direct ones. The first pair that answers carries the call to its end, and
the first check of a direct pair is often lost in a NAT; its repetition comes after 0.1 s."""

MAX_DTLS_WAITING = 64
"""DTLS datagrams that wait for the handshake; more are dropped, DTLS sends them again."""

MAX_PATH_CHECKS = 32
"""Unanswered consent checks that are remembered; the oldest is forgotten first."""

MAX_REMOTE_CANDIDATES = 64
"""More are ignored: checks are paced, and a peer that names a thousand addresses would have us scan them."""

MdnsTask = asyncio.Task[None]


class PathCheck:
    """One Binding request on the chosen pair, of which nobody waits: its answer is a callback."""

    def __init__(self, key: bytes, addr: Address, on_answer: Callable[[float], None]) -> None:
        self._key = key
        self._addr = addr
        self._on_answer = on_answer

    def response_received(self, message: stun.Message, addr: Address) -> None:
        """Called by the socket; only the peer itself, at the address we sent to, can answer (RFC 7675 5.1)."""
        if message.message_class != stun.Class.RESPONSE or addr != self._addr:
            return
        if message.check_message_integrity(self._key):
            self._on_answer(time.monotonic())


class IceAgent(Connection):
    """One component of ICE. Media goes to `on_media(data, arrival)`, DTLS to `recv`, lost consent to `on_lost`."""

    def __init__(self, *, controlling: bool, relay_only: bool, consent: Consent) -> None:
        policy = TransportPolicy.RELAY if relay_only else TransportPolicy.ALL
        super().__init__(ice_controlling=controlling, transport_policy=policy)
        self.on_media: Callable[[bytes, float], None] = _ignore_media
        self.on_heard: Callable[[float], None] = _ignore_time
        self.on_lost: Callable[[], None] = _ignore_loss
        self.strays = 0
        self.gathering = True
        self._consent = consent
        self._relay_from = 0.0 if relay_only else math.inf
        self._path_checks: dict[bytes, StunProtocol] = {}
        self._resolving: set[MdnsTask] = set()
        self._remote_complete = False
        self._read_by_tick: UdpTransport | None = None

    # Candidates

    def add_local(self, candidate: Candidate, socket: StunSocket | None) -> None:
        """Take a gathered candidate; with its own socket (host, relay) it is paired with what is known of the peer."""
        if self._closing:  # a relay that was allocated too late
            if socket is not None:
                socket.transport.close()
            return
        self._local_candidates.append(candidate)
        if socket is not None:
            self._protocols.append(socket)
            for remote in self._remote_candidates:
                self._pair_remote_candidate(remote)
            self.sort_check_list()

    def end_gathering(self) -> None:
        """No more local candidates will come."""
        self.gathering = False
        if self._early_checks_done:
            self._check_list_maybe_fail()

    def add_remote(self, candidate: IceCandidate | None) -> None:
        """Take a candidate of the peer, at any time; None after its last. What cannot be used is ignored."""
        if self._closing or self._remote_complete:
            return
        if candidate is None:
            self._remote_complete = True
            self._maybe_end_remote()
        elif candidate.component == 1 and candidate.protocol == "udp" and self._has_room():
            self._take_remote(candidate)

    def _has_room(self) -> bool:
        return len(self._remote_candidates) + len(self._resolving) < MAX_REMOTE_CANDIDATES

    def _take_remote(self, candidate: IceCandidate) -> None:
        if not candidate.is_mdns:
            remote = _to_aioice(candidate)
            self._add_remote_candidate(remote, remote.host)
        else:
            task = asyncio.create_task(self._resolve(candidate), name="mdns candidate")
            self._resolving.add(task)
            task.add_done_callback(self._resolved)

    async def _resolve(self, candidate: IceCandidate) -> None:
        try:
            await self.add_remote_candidate(_to_aioice(candidate))
        except OSError as error:  # no multicast here; the peer's own checks will show its address
            logger.info("a multicast DNS candidate cannot be resolved on this host: %s", error.strerror)

    def _resolved(self, task: MdnsTask) -> None:
        self._resolving.discard(task)
        self._maybe_end_remote()

    def _maybe_end_remote(self) -> None:
        if self._remote_complete and not self._resolving and not self._closing:
            self._remote_candidates_end = True
            self._end_remote_candidates()

    # Checks

    @override
    async def connect(self) -> None:
        """Find a pair that works. Raises `ConnectionError` once all have failed; the caller has the deadline."""
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()
        self._unfreeze_initial()
        for early in self._early_checks:
            self.check_incoming(*early)
        self._early_checks.clear()
        self._early_checks_done = True
        self._relay_from = min(self._relay_from, time.monotonic() + RELAY_WAIT)
        result = await self._run_checks()
        for pair in self._check_list:
            if pair.task is not None:
                pair.task.cancel()
        if result != ICE_COMPLETED:
            raise ConnectionError("no candidate pair works")
        self._query_consent_task = asyncio.create_task(self.query_consent(), name="ice consent")

    async def _run_checks(self) -> int:
        """Start a check every `CHECK_PACE`, and stop the moment the list is decided."""
        while self._check_periodic():
            try:
                async with asyncio.timeout(CHECK_PACE):
                    return await self._check_list_state.get()
            except TimeoutError:
                continue
        return await self._check_list_state.get()

    @override
    def _check_periodic(self) -> bool:
        """Start the check of the next pair, if one may start; False once no pair can be waiting any more."""
        if self._check_list_done:
            return False
        for state in (CandidatePair.State.WAITING, CandidatePair.State.FROZEN):
            for pair in self._check_list:
                if pair.state is state and not self._waits_for_direct(pair):
                    self.check_start_task(pair)
                    return True
        return self._remote_candidates_expected() or time.monotonic() < self._relay_from

    @override
    def check_start_task(self, pair: CandidatePair) -> None:
        """Start the check of a pair, also when the peer's check asks for it; not yet for one through a relay."""
        if not self._waits_for_direct(pair):
            super().check_start_task(pair)

    def _waits_for_direct(self, pair: CandidatePair) -> bool:
        relayed = "relay" in (pair.local_candidate.type, pair.remote_candidate.type)
        pending = pair.state in (CandidatePair.State.WAITING, CandidatePair.State.FROZEN)
        return relayed and pending and time.monotonic() < self._relay_from

    @override
    def _check_list_maybe_fail(self) -> None:
        # An empty list proves nothing: a peer whose candidates are names that we cannot resolve will still check us.
        if self._check_list:
            super()._check_list_maybe_fail()

    @override
    def _remote_candidates_expected(self) -> bool:
        return self.gathering or super()._remote_candidates_expected()

    @override
    def _prune_components(self) -> None:
        """There is one component, and it stays even when the peer has named no candidate yet."""

    # Consent (RFC 7675) and the chosen pair

    @override
    async def query_consent(self) -> None:
        """Ask at every interval whether the peer still wants our packets; without an answer for long, `on_lost`."""
        heard = time.monotonic()

        def answered(now: float) -> None:
            nonlocal heard
            heard = now

        while time.monotonic() - heard < self._consent.expiry:
            self.check_path(answered)
            await asyncio.sleep(self._consent.interval * random.uniform(0.8, 1.2))
        self.on_lost()

    def check_path(self, on_answer: Callable[[float], None]) -> None:
        """Send one check on the chosen pair now; `on_answer(time)` is called if the peer answers it.

        As the controlling side it nominates, so that the peer follows when a NAT has moved us to another port.
        """
        pair = self._nominated.get(1)
        if pair is None or self.remote_password is None:
            return
        key = self.remote_password.encode()
        request = self.build_request(pair, nominate=True)
        request.add_message_integrity(key)

        def answered(now: float) -> None:
            self._forget_path_check(request.transaction_id)
            self.on_heard(now)
            on_answer(now)

        check = PathCheck(key, pair.remote_addr, answered)
        pair.protocol.transactions[request.transaction_id] = check  # type: ignore[assignment]
        self._path_checks[request.transaction_id] = pair.protocol
        while len(self._path_checks) > MAX_PATH_CHECKS:
            self._forget_path_check(next(iter(self._path_checks)))
        pair.protocol.send_stun(request, pair.remote_addr)

    def _forget_path_check(self, transaction_id: bytes) -> None:
        socket = self._path_checks.pop(transaction_id, None)
        if socket is not None:
            socket.transactions.pop(transaction_id, None)

    def send_now(self, data: bytes) -> bool:
        """Send on the chosen pair; False while there is none."""
        pair = self._nominated.get(1)
        if pair is None:
            return False
        pair.protocol.transport.sendto(data, pair.remote_addr)
        return True

    def chosen_socket(self) -> tuple[str | None, int]:
        """The local address of the chosen pair, None for one at a relay; how many sends in a row have failed there."""
        pair = self._nominated.get(1)
        socket = pair.protocol.transport if pair is not None else None
        return (socket.host, socket.failing) if isinstance(socket, UdpTransport) else (None, 0)

    def read_chosen(self) -> None:
        """Read what has arrived on the chosen pair, which wakes nobody any more until `wake_on_arrival`."""
        pair = self._nominated.get(1)
        socket = pair.protocol.transport if pair is not None else None
        if socket is not self._read_by_tick:
            self.wake_on_arrival()
            if CAN_WAIT and isinstance(socket, UdpTransport):
                socket.wake_on_arrival(False)
                self._read_by_tick = socket
        if self._read_by_tick is not None:
            self._read_by_tick.read()

    def wake_on_arrival(self) -> None:
        """Read each packet as it comes, on every path."""
        if self._read_by_tick is not None:
            self._read_by_tick.wake_on_arrival(True)
            self._read_by_tick = None

    @override
    async def recv(self) -> bytes:
        """The next DTLS datagram, also before there is a path. Raises `ConnectionError` once the agent is closed."""
        result = await self._queue.get()
        if result is None:
            raise ConnectionError("the agent is closed")
        return result[0]

    @override
    def data_received(self, data: bytes, component: int) -> None:
        """Queue a DTLS datagram for `recv`; beyond `MAX_DTLS_WAITING` it is dropped."""
        if self._queue.qsize() < MAX_DTLS_WAITING:
            self._queue.put_nowait((data, component))
        else:
            self.strays += 1

    @override
    def check_incoming(self, message: stun.Message, addr: Address, protocol: StunProtocol) -> None:
        """An authenticated check of the peer."""
        self.on_heard(time.monotonic())
        super().check_incoming(message, addr, protocol)

    def pairs(self) -> list[PairReport]:
        """The check list as it stands; pairs that were never tried are not in it once a call is connected."""
        chosen = self._nominated.get(1)
        return [_report(pair, pair is chosen) for pair in self._check_list]

    @override
    async def close(self) -> None:
        """Free sockets, tasks and allocations; idempotent."""
        self._closing = True
        resolving = [*self._resolving]
        for task in resolving:
            task.cancel()
        await asyncio.gather(*resolving, return_exceptions=True)
        for protocol in self._protocols:  # all at once: giving back a relay takes a round trip, or a deadline
            protocol.transport.close()
        await super().close()
        self._path_checks.clear()
        self._early_checks.clear()
        self._check_list.clear()


_OUTCOMES = {
    CandidatePair.State.FROZEN: PairOutcome.WAITING,
    CandidatePair.State.WAITING: PairOutcome.WAITING,
    CandidatePair.State.IN_PROGRESS: PairOutcome.IN_PROGRESS,
    CandidatePair.State.SUCCEEDED: PairOutcome.SUCCEEDED,
    CandidatePair.State.FAILED: PairOutcome.FAILED,
}


def _report(pair: CandidatePair, chosen: bool) -> PairReport:
    local, remote = pair.local_candidate, pair.remote_candidate
    outcome = _OUTCOMES[pair.state]
    return PairReport(
        local=_kind(local), remote=_kind(remote), protocol=local.transport, outcome=outcome, chosen=chosen
    )


def _kind(candidate: Candidate) -> str:
    return candidate.type if parse_address(candidate.host) is None else "reflector"


def _to_aioice(candidate: IceCandidate) -> Candidate:
    return Candidate(
        foundation=candidate.foundation,
        component=candidate.component,
        transport=candidate.protocol,
        priority=candidate.priority,
        host=address_of_name(candidate.address) or candidate.address,
        port=candidate.port,
        type=candidate.type,
        related_address=candidate.related_address,
        related_port=candidate.related_port,
        tcptype=candidate.tcp_type,
    )


def _ignore_media(data: bytes, arrival: float) -> None: ...
def _ignore_time(now: float) -> None: ...
def _ignore_loss() -> None: ...
