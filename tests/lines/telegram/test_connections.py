"""The servers that phoneCall names, as ICE gets them."""

import pytest

from hullo.lines.telegram.connections import MAX_SERVERS, ice_options
from hullo.lines.telegram.port import Connection, PhoneConnection, PhoneConnectionWebrtc

TAG = bytes(range(16))


def reflector(server_id: int, **fields: object) -> PhoneConnection:
    return PhoneConnection(**{"id": server_id, "ip": "192.0.2.1", "port": 599, "peer_tag": TAG, **fields})  # type: ignore[arg-type]


def test_reflectors_are_numbered_by_the_order_of_their_ids_which_both_ends_know() -> None:
    here = ice_options([reflector(900), reflector(7), reflector(31, tcp=True)], p2p_allowed=True)
    assert [(each.id, each.tcp) for each in here.reflectors] == [(3, False), (1, False), (2, True)]
    assert [each.id for each in ice_options([reflector(999)], p2p_allowed=True).reflectors] == [1]


def test_both_address_families_of_a_server_are_used() -> None:
    turn = PhoneConnectionWebrtc(
        id=1, ip="192.0.2.9", ipv6="2001:db8::9", port=1400, username="u", password="p", turn=True, stun=True
    )
    options = ice_options([turn, reflector(5, ipv6="2001:db8::1")], p2p_allowed=True)
    assert [server.url for server in options.servers] == [
        "stun:192.0.2.9:1400",
        "turn:192.0.2.9:1400",
        "stun:[2001:db8::9]:1400",
        "turn:[2001:db8::9]:1400",
    ]
    assert options.servers[1].credential == "p"
    assert [(each.id, each.host) for each in options.reflectors] == [(1, "192.0.2.1"), (1, "2001:db8::1")]


@pytest.mark.parametrize("p2p_allowed", [True, False])
def test_without_p2p_there_are_relays_only(p2p_allowed: bool) -> None:
    assert ice_options([], p2p_allowed=p2p_allowed).relay_only is not p2p_allowed


def test_what_is_malformed_is_left_out_and_a_flood_is_cut() -> None:
    broken: list[Connection] = [
        reflector(1, peer_tag=b""),
        reflector(2, port=0),
        PhoneConnectionWebrtc(id=3, ip="not an address", port=1, turn=True),
        PhoneConnectionWebrtc(id=3, ip="192.0.2.1", port=99_999, stun=True),
    ]
    options = ice_options(broken, p2p_allowed=True)
    assert (options.servers, options.reflectors) == ((), ())
    assert len(ice_options([reflector(n) for n in range(1, 100)], p2p_allowed=True).reflectors) == MAX_SERVERS
