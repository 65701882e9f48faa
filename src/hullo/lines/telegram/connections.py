"""The servers that phoneCall names, as ICE knows them."""

import logging
from collections.abc import Iterable, Iterator

from hullo.lines.telegram.port import Connection, PhoneConnection, PhoneConnectionWebrtc
from hullo.rtc.parameters import Consent, IceOptions, IceServer, IceServerError
from hullo.rtc.reflector import Reflector

logger = logging.getLogger(__name__)

MAX_SERVERS = 16
"""Of each kind; Telegram names about six in all."""


def ice_options(connections: Iterable[Connection], *, p2p_allowed: bool, consent: Consent = Consent()) -> IceOptions:  # noqa: B008  # frozen
    """What a call may use. Without `p2p_allowed` neither side learns the other's address: relays only."""
    known = [*connections]
    ranks = {server_id: rank for rank, server_id in enumerate(_reflector_ids(known), start=1)}
    return IceOptions(
        servers=tuple(_servers(known))[:MAX_SERVERS],
        reflectors=tuple(_reflectors(known, ranks))[:MAX_SERVERS],
        relay_only=not p2p_allowed,
        consent=consent,
    )


def _reflector_ids(connections: Iterable[Connection]) -> list[int]:
    """Both ends get the same ids, so their order is a numbering that both know."""
    return sorted({each.id for each in connections if isinstance(each, PhoneConnection)})


def _servers(connections: Iterable[Connection]) -> Iterator[IceServer]:
    for each in connections:
        if isinstance(each, PhoneConnectionWebrtc):
            for host in _hosts(each):
                yield from _server(each, host)


def _server(connection: PhoneConnectionWebrtc, host: str) -> Iterator[IceServer]:
    address = f"[{host}]:{connection.port}" if ":" in host else f"{host}:{connection.port}"
    try:
        if connection.stun:
            server = IceServer(f"stun:{address}")
            _ = server.address
            yield server
        if connection.turn:
            server = IceServer(f"turn:{address}", connection.username, connection.password)
            _ = server.address
            yield server
    except IceServerError:
        logger.warning("a STUN or TURN server that Telegram named has an unusable address and is left out")


def _reflectors(connections: Iterable[Connection], ranks: dict[int, int]) -> Iterator[Reflector]:
    for each in connections:
        if isinstance(each, PhoneConnection):
            for host in _hosts(each):
                try:
                    yield Reflector(id=ranks[each.id], host=host, port=each.port, peer_tag=each.peer_tag, tcp=each.tcp)
                except ValueError:
                    logger.warning("a reflector that Telegram named is malformed and is left out")


def _hosts(connection: Connection) -> list[str]:
    return [host for host in (connection.ip, connection.ipv6) if host]
