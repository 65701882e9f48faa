"""Local candidates as they come (RFC 8445 5.1, RFC 8838): host at once, and no server waits for another."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from ipaddress import ip_address

from aioice import Candidate, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import get_host_addresses
from typing_extensions import override

from hullo.rtc.adapter.ice import IceAgent
from hullo.rtc.adapter.reflector import ReflectorCandidate, take_place
from hullo.rtc.adapter.stun import Address, StunSocket
from hullo.rtc.adapter.turn import allocate
from hullo.rtc.adapter.udp import UdpTransport
from hullo.rtc.candidate import IceCandidate
from hullo.rtc.parameters import IceServer
from hullo.rtc.reflector import Reflector, candidate_name, parse_address

logger = logging.getLogger(__name__)

SERVER_DEADLINE = 5.0
"""Seconds after which a server that has not answered is given up."""

MAX_HOSTS = 16
"""Addresses of this host that a call uses, of a machine that has more for its containers: each is a socket, an address
for each server to find, and a line of what peers take 64 of at most."""

LOOPBACK = ["127.0.0.1"]

HIDDEN = ("0.0.0.0", 9)
"""The related address of a relayed candidate when nobody shall learn our own (RFC 9429 3.5.3)."""


class Gatherer:
    """Gathers for one agent; `on_candidate` is told every candidate once."""

    def __init__(
        self,
        agent: IceAgent,
        servers: Sequence[IceServer | Reflector],
        relay_only: bool,
        on_candidate: Callable[[IceCandidate], None],
    ) -> None:
        self.served = asyncio.Event()
        """Every server has given a candidate or has failed."""
        self._agent = agent
        self._unserved = set(servers)
        self._relay_only = relay_only
        self._on_candidate = on_candidate
        self._hosts: list[StunSocket] = []

    def open_host_sockets(self) -> None:
        """Bind a socket on each address of this host, `MAX_HOSTS` of them; on its loopback when it has no other.

        Does not wait.
        """
        if self._relay_only:
            return
        for address in local_addresses():
            if len(self._hosts) == MAX_HOSTS:
                logger.info("this host has more than the %d addresses that a call uses", MAX_HOSTS)
                return
            try:
                self._open_host_socket(address)
            except OSError as error:
                logger.info("one local address cannot be used: %s", error.strerror)

    async def ask_servers(self) -> None:
        """Get reflexive and relayed candidates; returns when every server has answered or its deadline is over."""
        servers = [*self._unserved]
        async with asyncio.TaskGroup() as tasks:
            for server in servers:
                tasks.create_task(self._ask(server))
        self.served.set()
        self._agent.end_gathering()

    def _open_host_socket(self, address: str) -> None:
        host = StunSocket(self._agent)
        transport = UdpTransport(address, host)
        host.connection_made(transport)
        host.local_candidate = _candidate("host", transport.get_extra_info("sockname"), rank=len(self._hosts))
        self._hosts.append(host)
        self._tell(host.local_candidate, host)

    async def _ask(self, server: IceServer | Reflector) -> None:
        async with asyncio.TaskGroup() as tasks:
            if isinstance(server, Reflector):
                tasks.create_task(self._try(server, self._reflected(server)))
            elif server.is_turn:
                tasks.create_task(self._try(server, self._relayed(server)))
            elif not self._relay_only:
                for rank, host in enumerate(self._hosts):
                    tasks.create_task(self._try(server, self._reflexive(host, server, rank)))
        self._serve(server)

    async def _try(self, server: IceServer | Reflector, attempt: Coroutine[None, None, bool]) -> None:
        try:
            async with asyncio.timeout(SERVER_DEADLINE):
                if await attempt:
                    self._serve(server)
        except TimeoutError:
            logger.warning("ICE server %s does not answer", server.url)
        except (OSError, stun.TransactionError) as error:
            logger.warning("ICE server %s gives no candidate: %s", server.url, error)

    def _serve(self, server: IceServer | Reflector) -> None:
        self._unserved.discard(server)
        if not self._unserved:
            self.served.set()

    async def _reflexive(self, host: StunSocket, server: IceServer, rank: int) -> bool:
        base = host.local_candidate.host, host.local_candidate.port
        address = await _resolve(server.address, socket.AF_INET6 if ":" in base[0] else socket.AF_INET)
        if address is None:
            return False
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        response, _ = await host.request(request, address)
        mapped = response.attributes.get("XOR-MAPPED-ADDRESS")
        if mapped is not None and mapped != base:  # equal: no NAT between us, so it would be redundant
            self._tell(_candidate("srflx", mapped, base, rank), None)
        return mapped is not None

    async def _relayed(self, server: IceServer) -> bool:
        relay = StunSocket(self._agent)
        transport = await allocate(server, relay)
        related = HIDDEN if self._relay_only else transport.get_extra_info("related_address")
        relay.local_candidate = _candidate("relay", transport.get_extra_info("sockname"), related)
        self._tell(relay.local_candidate, relay)
        return True

    async def _reflected(self, reflector: Reflector) -> bool:
        place = StunSocket(self._agent)
        transport = await take_place(reflector, place)
        place.connection_made(transport)
        place.local_candidate = _candidate("relay", transport.own_address, rank=reflector.id, cls=ReflectorCandidate)
        self._tell(place.local_candidate, place)
        return True

    def _tell(self, candidate: Candidate, own_socket: StunSocket | None) -> None:
        self._agent.add_local(candidate, own_socket)
        self._on_candidate(_from_aioice(candidate))


def local_addresses() -> list[str]:
    """Those of this host now, those of its loopback when it has no other."""
    return get_host_addresses(use_ipv4=True, use_ipv6=True) or LOOPBACK


async def _resolve(server: Address, family: socket.AddressFamily) -> Address | None:
    """The address of a server in one family; None when it is a literal of the other. Raises `OSError`."""
    host, port = server
    try:
        literal = ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
        return str(found[0][4][0]), port
    same_family = (literal.version == 6) == (family == socket.AF_INET6)
    return (host, port) if same_family else None


class _OwnCandidate(Candidate):
    @override
    def can_pair_with(self, other: Candidate) -> bool:
        return parse_address(other.host) is None and super().can_pair_with(other)


def _candidate(
    kind: str, address: Address, related: Address | None = None, rank: int = 0, cls: type[Candidate] = _OwnCandidate
) -> Candidate:
    base = related or address
    return cls(
        foundation=candidate_foundation(kind, "udp", base[0]),
        component=1,
        transport="udp",
        priority=candidate_priority(1, kind, local_pref=65535 - rank),
        host=address[0],
        port=address[1],
        type=kind,
        related_address=related[0] if related else None,
        related_port=related[1] if related else None,
    )


def _from_aioice(candidate: Candidate) -> IceCandidate:
    reflected = parse_address(candidate.host)
    return IceCandidate(
        foundation=candidate.foundation,
        priority=candidate.priority,
        address=candidate.host if reflected is None else candidate_name(*reflected),
        port=candidate.port,
        type=candidate.type,
        related_address=candidate.related_address,
        related_port=candidate.related_port,
    )
