"""What hullo/rtc/adapter relies on in aioice and aiortc beyond their documented interfaces.

When an upgrade fails here, the message names what changed upstream and what of ours breaks by it.
"""

import ast
import inspect
from pathlib import Path
from typing import Any

import aioice.ice
import aioice.stun
import aioice.turn
import aiortc.rtcdtlstransport
import pytest
from aioice import Candidate
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport, RTCSctpTransport
from pylibsrtp import Policy, Session

import hullo.rtc.adapter

METHODS: list[tuple[type, str, list[str], str]] = [
    (aioice.ice.Connection, "_add_remote_candidate", ["remote_candidate", "network_host"], "remote candidates"),
    (aioice.ice.Connection, "_check_list_maybe_fail", [], "telling that no pair works"),
    (aioice.ice.Connection, "_check_periodic", [], "pacing of the connectivity checks"),
    (aioice.ice.Connection, "_end_remote_candidates", [], "end-of-candidates"),
    (aioice.ice.Connection, "_pair_remote_candidate", ["remote_candidate"], "pairs of late local candidates"),
    (aioice.ice.Connection, "_prune_components", [], "calls with peers that named no candidate yet"),
    (aioice.ice.Connection, "_remote_candidates_expected", [], "not giving up while servers still answer"),
    (aioice.ice.Connection, "_unfreeze_initial", [], "starting the checks"),
    (aioice.ice.Connection, "build_request", ["pair", "nominate"], "consent checks and proofs of the path"),
    (aioice.ice.Connection, "check_start_task", ["pair"], "waiting for direct pairs"),
    (aioice.ice.Connection, "check_incoming", ["message", "addr", "protocol"], "knowing when the peer was heard"),
    (aioice.ice.Connection, "data_received", ["data", "component"], "the way of DTLS into the handshake"),
    (aioice.ice.Connection, "query_consent", [], "consent freshness"),
    (aioice.ice.Connection, "recv", [], "the way of DTLS into the handshake"),
    (aioice.ice.Connection, "request_received", ["message", "addr", "protocol"], "answering checks"),
    (aioice.ice.Connection, "sort_check_list", [], "the order of checks"),
    (aioice.ice.StunProtocol, "connection_made", ["transport"], "our own UDP transport under aioice"),
    (aioice.ice.StunProtocol, "request", ["request", "addr", "integrity_key", "retransmissions"], "fast retransmits"),
    (aioice.ice.StunProtocol, "send_stun", ["message", "addr"], "sending checks"),
    (aioice.stun.Message, "check_message_integrity", ["key"], "believing only authenticated answers"),
    (aioice.turn.TurnTransport, "_close", [], "giving a relay back in bounded time"),
    (aioice.turn.TurnTransport, "_connect", ["protocol"], "getting a relay"),
    (aioice.turn.TurnClientUdpProtocol, "_send", ["data"], "sending by relay without a task"),
    (aioice.turn.TurnClientTcpProtocol, "_send", ["data"], "sending by relay without a task"),
    (RTCDtlsTransport, "_set_role", ["role"], "the DTLS role that was signaled"),
    (RTCDtlsTransport, "_set_state", ["state"], "noticing the end of a call"),
    (RTCDtlsTransport, "_validate_peer_identity", ["remoteParameters"], "the error for a wrong fingerprint"),
    (RTCDtlsTransport, "_write_ssl", [], "the goodbye after a failed handshake"),
    (RTCDtlsTransport, "_register_data_receiver", ["receiver"], "data channels"),
    (RTCDtlsTransport, "_unregister_data_receiver", ["receiver"], "data channels"),
    (RTCDtlsTransport, "_send_data", ["data"], "data channels"),
    (RTCSctpTransport, "_handle_data", ["data"], "surviving what a peer sends as SCTP"),
    (RTCSctpTransport, "_receive", ["stream_id", "pp_id", "data"], "messages over SCTP"),
    (RTCSctpTransport, "_receive_data_chunk", ["chunk"], "the bounds of what waits in an SCTP association"),
    (
        RTCSctpTransport,
        "_send",
        ["stream_id", "pp_id", "user_data", "expiry", "max_retransmits", "ordered"],
        "messages over SCTP",
    ),
    (RTCSctpTransport, "_send_chunk", ["chunk"], "SCTP while the path is lost"),
    (RTCSctpTransport, "_set_state", ["state"], "knowing when an SCTP association begins and ends"),
    (RTCSctpTransport, "_transmit", [], "an SCTP association that ends while it retransmits"),
    (RTCSctpTransport, "_t3_start", [], "an SCTP association that ends while it retransmits"),
    (RTCSctpTransport, "_t3_restart", [], "an SCTP association that ends while it retransmits"),
    (RTCSctpTransport, "_update_rto", ["R"], "how fast a voice message may go over a data channel"),
    (RTCSctpTransport, "_t1_expired", [], "repeating the first SCTP packet for as long as it takes"),
]

ATTRIBUTES: dict[str, list[tuple[str, str]]] = {
    "Connection": [
        ("_check_list", "the report of candidate pairs"),
        ("_check_list_done", "stopping the checks"),
        ("_check_list_state", "returning from connect at once"),
        ("_closing", "ignoring candidates after the end"),
        ("_early_checks", "checks of a peer that is faster than its signaling"),
        ("_early_checks_done", "checks of a peer that is faster than its signaling"),
        ("_local_candidates", "local candidates"),
        ("_nominated", "sending: the chosen pair"),
        ("_protocols", "closing the sockets"),
        ("_query_consent_task", "consent freshness"),
        ("_queue", "the way of DTLS into the handshake"),
        ("_remote_candidates", "pairs of late local candidates"),
        ("_remote_candidates_end", "end-of-candidates"),
    ],
    "StunProtocol": [("transactions", "hearing the answers to checks"), ("receiver", "who owns a socket")],
    "TurnClient": [
        ("peer_to_channel", "sending by relay without a task"),
        ("channel_refresh_at", "refreshing permissions in time"),
    ],
    "RTCDtlsTransport": [
        ("_rx_srtp", "receiving sound"),
        ("_tx_srtp", "sending sound"),
        ("_ssl", "telling a goodbye from a broken path"),
        ("_state", "knowing whether packets may be sent"),
        ("_task", "ending the DTLS pump"),
        ("_role", "data channels"),
    ],
    "RTCSctpTransport": [
        ("_advertised_rwnd", "the bounds of what waits in an SCTP association"),
        ("_inbound_streams", "the bounds of what waits in an SCTP association"),
        ("_outbound_queue", "how much of what was sent over SCTP is not acknowledged"),
        ("_sent_queue", "how much of what was sent over SCTP is not acknowledged"),
        ("_inbound_streams_max", "the bounds of what waits in an SCTP association"),
        ("_rto", "the first retransmission over SCTP"),
        ("_sack_misordered", "the bounds of what waits in an SCTP association"),
        ("_t1_failures", "repeating the first SCTP packet for as long as it takes"),
    ],
}


@pytest.mark.parametrize(("owner", "name", "parameters", "use"), METHODS, ids=lambda value: str(value))
def test_a_method_is_as_we_call_or_override_it(owner: type, name: str, parameters: list[str], use: str) -> None:
    method = getattr(owner, name, None)
    assert method is not None, f"{owner.__module__}.{owner.__name__}.{name} is gone; it breaks: {use}"
    found = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
    assert found == parameters, f"{owner.__name__}.{name} takes {found}, not {parameters}; it breaks: {use}"


async def test_the_attributes_are_there() -> None:
    connection = aioice.ice.Connection(ice_controlling=True)
    dtls = RTCDtlsTransport(RTCIceTransport(RTCIceGatherer([])), [RTCCertificate.generateCertificate()])
    instances: dict[str, Any] = {
        "Connection": connection,
        "StunProtocol": aioice.ice.StunProtocol(connection),
        "TurnClient": aioice.turn.TurnClientUdpProtocol(("", 0), None, None, 600, 240),
        "RTCDtlsTransport": dtls,
        "RTCSctpTransport": RTCSctpTransport(dtls),
    }
    for owner, attributes in ATTRIBUTES.items():
        for name, use in attributes:
            assert hasattr(instances[owner], name), f"{owner}.{name} is gone; it breaks: {use}"


def test_the_constants_and_types_are_there() -> None:
    assert aioice.ice.ICE_COMPLETED != aioice.ice.ICE_FAILED
    states = {state.name for state in aioice.ice.CandidatePair.State}
    assert states == {"FROZEN", "WAITING", "IN_PROGRESS", "SUCCEEDED", "FAILED"}, "the report of candidate pairs"
    names = {state.name for state in aiortc.rtcdtlstransport.State}
    assert {"CONNECTED", "CLOSED", "FAILED"} <= names, "noticing the end of a call"
    assert hasattr(Candidate("1", 1, "udp", 1, "192.0.2.1", 1, "host"), "_network_host"), "multicast DNS candidates"
    association = {state.name for state in RTCSctpTransport.State}
    assert {"ESTABLISHED", "CLOSED"} <= association, "knowing when an SCTP association begins and ends"
    for method in ("protect", "unprotect", "protect_rtcp", "unprotect_rtcp"):
        assert hasattr(Session, method), "sending and receiving sound"
    assert hasattr(Policy, "SRTP_PROFILE_AES128_CM_SHA1_80"), "the SRTP profile that every browser has"


def test_no_other_private_name_is_used() -> None:
    """Every underscore name in the adapter is either ours or stands in the tables above."""
    ours: set[str] = set()
    used: set[str] = set()
    for path in Path(hullo.rtc.adapter.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                used.add(node.attr)
                if isinstance(node.ctx, ast.Store):
                    ours.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                ours.add(node.name)
    guarded = {name for _, name, _, _ in METHODS} | {name for found in ATTRIBUTES.values() for name, _ in found}
    assert used - ours - guarded == set()
