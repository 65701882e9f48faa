"""The phone.* exchange: both directions, every ending, and updates in every wrong order."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.line import Ending, EndReason
from hullo.lines.telegram.call_signaling import (
    Action,
    CallSignaling,
    DeriveKey,
    Established,
    Over,
    Rang,
    Send,
    Stage,
)
from hullo.lines.telegram.key_exchange import commitment, key_fingerprint, shared_key
from hullo.lines.telegram.port import (
    AcceptCall,
    AnyPhoneCall,
    CallConfig,
    ConfirmCall,
    DiscardCall,
    DiscardReason,
    InputPhoneCall,
    PhoneCallDiscarded,
    PhoneCallEmpty,
    ReceivedCall,
    RequestCall,
    SaveCallDebug,
    SetCallRating,
    TelegramError,
    TelegramUnreachable,
)
from hullo.lines.telegram.versions import SignalingKind
from tests.lines.telegram.phone_calls import (
    CALLEE_KEYS,
    CALLER_KEYS,
    USER,
    accepted,
    confirmed,
    requested,
    waiting,
)
from tests.lines.telegram.vectors import DH, G_A, G_B, KEY

PEER = InputPhoneCall(77, 88)
CONFIG = CallConfig(receive_timeout=20, ring_timeout=90)
WE_HUNG_UP = Ending(EndReason.HANGUP_BOT, "we hung up")


def outgoing() -> CallSignaling:
    return CallSignaling.outgoing(USER, CALLER_KEYS, CONFIG, 1234, 0.0)[0]


def incoming(**fields: Any) -> CallSignaling:
    return CallSignaling.incoming(requested(**fields), CONFIG, 0.0)[0]


def ending(actions: list[Action]) -> Ending:
    (over,) = (action for action in actions if isinstance(action, Over))
    return over.ending


def sent(actions: list[Action]) -> list[object]:
    return [action.request for action in actions if isinstance(action, Send)]


def established_outgoing() -> CallSignaling:
    call = outgoing()
    for update in (waiting(), waiting(1), accepted()):
        call.update(update, 1.0)
    call.derived(KEY, 1.0)
    call.update(confirmed(g_a_or_b=G_B), 2.0)
    return call


def accepting() -> CallSignaling:
    call = incoming()
    call.accept(CALLEE_KEYS, 1.0)
    return call


# The two directions


def test_an_outgoing_call_from_request_to_media() -> None:
    call, actions = CallSignaling.outgoing(USER, CALLER_KEYS, CONFIG, 1234, 0.0)
    (request,) = sent(actions)
    assert isinstance(request, RequestCall)
    assert (request.user, request.random_id, request.g_a_hash) == (USER, 1234, commitment(G_A))
    assert request.protocol.library_versions == ("8.0.0", "9.0.0", "12.0.0", "13.0.0")
    assert call.update(waiting(), 0.1) == []
    assert call.deadline == 20.1
    assert call.update(waiting(1), 1.0) == [Rang()]
    assert call.deadline == 91.0
    assert call.update(accepted(), 5.0) == [DeriveKey(CALLER_KEYS, G_B)]
    (confirm,) = sent(call.derived(shared_key(CALLER_KEYS, G_B), 5.1))
    assert isinstance(confirm, ConfirmCall)
    assert (confirm.peer, confirm.g_a, confirm.key_fingerprint) == (PEER, G_A, key_fingerprint(KEY))
    assert confirm.protocol.library_versions == ("8.0.0", "9.0.0")
    (established,) = call.update(confirmed(g_a_or_b=G_B, p2p_allowed=True), 5.2)
    assert isinstance(established, Established)
    setup = established.setup
    assert (setup.key, setup.is_caller, setup.p2p_allowed) == (KEY, True, True)
    assert (setup.kind, setup.version, list(setup.emoji)) == (SignalingKind.ACKED, "8.0.0", DH["emoji"])
    assert call.deadline == float("inf")
    assert call.stages == {"requesting": 0.0, "waiting": 0.1, "ringing": 1.0, "confirming": 5.0, "established": 5.2}


def test_an_incoming_call_from_ring_to_media() -> None:
    call, actions = CallSignaling.incoming(requested(), CONFIG, 0.0)
    assert sent(actions) == [ReceivedCall(peer=PEER)]
    (accept,) = sent(call.accept(CALLEE_KEYS, 1.0))
    assert isinstance(accept, AcceptCall)
    assert (accept.peer, accept.g_b) == (PEER, G_B)
    assert call.update(waiting(1), 1.1) == []
    assert call.update(confirmed(), 1.2) == [DeriveKey(CALLEE_KEYS, G_A)]
    (established,) = call.derived(shared_key(CALLEE_KEYS, G_A), 1.3)
    assert isinstance(established, Established)
    assert (established.setup.key, established.setup.is_caller) == (KEY, False)
    assert list(established.setup.emoji) == DH["emoji"]


def test_the_end_of_an_established_call_tells_its_length() -> None:
    call = established_outgoing()
    (discard,) = sent(call.end(WE_HUNG_UP, 64.9))
    assert discard == DiscardCall(peer=PEER, reason=DiscardReason.HANGUP, duration=62)
    assert call.end(WE_HUNG_UP, 65.0) == []


# Trust


def test_a_caller_that_breaks_its_commitment_is_not_spoken_to() -> None:
    actions = accepting().update(confirmed(g_a_or_b=G_B), 2.0)
    assert "committed" in ending(actions).detail
    assert sent(actions) == [DiscardCall(peer=PEER, reason=DiscardReason.DISCONNECT)]


def test_a_wrong_fingerprint_ends_the_call() -> None:
    call = accepting()
    call.update(confirmed(fingerprint=1), 2.0)
    actions = call.derived(KEY, 2.0)
    assert "different keys" in ending(actions).detail
    assert sent(actions) == [DiscardCall(peer=PEER, reason=DiscardReason.DISCONNECT)]


def test_a_public_value_out_of_range_ends_the_call() -> None:
    call = outgoing()
    call.update(waiting(), 0.0)
    assert call.update(accepted(g_b=b"\x01"), 1.0) == [DeriveKey(CALLER_KEYS, b"\x01")]
    actions = call.underivable("the peer's public value is out of range", 1.0)
    assert ending(actions).reason is EndReason.FAILED
    assert sent(actions) == [DiscardCall(peer=PEER, reason=DiscardReason.DISCONNECT)]


# Versions


@pytest.mark.parametrize("version", ["2.7.7", "5.0.0", "7.0.0", "10.0.0", "11.0.0", "99.0.0", ""])
def test_another_version_ends_the_call_with_a_clear_reason(version: str) -> None:
    call = accepting()
    call.update(confirmed((version,)), 2.0)
    actions = call.derived(KEY, 2.0)
    assert ending(actions).reason is EndReason.FAILED
    assert f"version {version}" in ending(actions).detail
    assert sent(actions) == [DiscardCall(peer=PEER, reason=DiscardReason.DISCONNECT)]


def test_a_callee_without_a_common_version_is_noticed_before_the_confirmation() -> None:
    call = outgoing()
    actions = call.update(accepted(("7.0.0", "11.0.0")), 1.0)
    assert "7.0.0, 11.0.0" in ending(actions).detail


@pytest.mark.parametrize(
    ("version", "custom", "kind"),
    [
        ("9.0.0", None, SignalingKind.ACKED),
        ("9.0.0", '{"network_skip_initial_ping":true}', SignalingKind.ACKED),
        ("9.0.0", "not json", SignalingKind.ACKED),
        ("9.0.0", '{"network_kcp_experiment":true}', SignalingKind.SCTP),
        ("12.0.0", "{}", SignalingKind.SCTP),
        ("13.0.0", None, SignalingKind.SCTP),
        ("13.0.0", '{"network_signaling_nosctp":true}', SignalingKind.DATAGRAMS),
    ],
)
def test_the_version_and_the_server_choose_the_signaling(version: str, custom: str | None, kind: SignalingKind) -> None:
    call = accepting()
    call.update(confirmed((version,), custom_parameters=custom), 2.0)
    (established,) = call.derived(KEY, 2.0)
    assert isinstance(established, Established)
    assert established.setup.kind is kind


def test_telegrams_own_transport_is_refused_with_a_reason() -> None:
    call = accepting()
    call.update(confirmed(custom_parameters='{"network_use_mtproto":true}'), 2.0)
    assert "DTLS-SRTP" in ending(call.derived(KEY, 2.0)).detail


# Endings


@pytest.mark.parametrize(
    ("reason", "rang_for", "expected"),
    [
        (DiscardReason.BUSY, None, EndReason.BUSY),
        (DiscardReason.BUSY, 0.2, EndReason.BUSY),
        (DiscardReason.BUSY, 8.0, EndReason.DECLINED),
        (DiscardReason.HANGUP, 8.0, EndReason.DECLINED),
        (DiscardReason.MISSED, 90.0, EndReason.NO_ANSWER),
        (DiscardReason.DISCONNECT, 1.0, EndReason.FAILED),
        (DiscardReason.MIGRATE, 1.0, EndReason.DECLINED),
        (None, None, EndReason.NO_ANSWER),
    ],
)
def test_how_a_callee_turns_us_down(reason: DiscardReason | None, rang_for: float | None, expected: EndReason) -> None:
    call = outgoing()
    call.update(waiting(), 0.0)
    if rang_for is not None:
        call.update(waiting(1), 10.0)
    actions = call.update(PhoneCallDiscarded(id=77, reason=reason), 10.0 + (rang_for or 0.0))
    assert ending(actions).reason is expected
    assert sent(actions) == []


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (DiscardReason.MISSED, "gave up"),
        (DiscardReason.HANGUP, "gave up"),
        (DiscardReason.BUSY, "another device"),
        (DiscardReason.DISCONNECT, "error"),
        (None, "gave up"),
    ],
)
def test_how_a_caller_goes_away(reason: DiscardReason | None, expected: str) -> None:
    found = ending(incoming().update(PhoneCallDiscarded(id=77, reason=reason), 3.0))
    assert expected in found.detail


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (DiscardReason.HANGUP, EndReason.HANGUP_USER),
        (DiscardReason.MISSED, EndReason.HANGUP_USER),
        (DiscardReason.DISCONNECT, EndReason.FAILED),
        (DiscardReason.MIGRATE, EndReason.HANGUP_USER),
        (None, EndReason.HANGUP_USER),
    ],
)
def test_how_a_peer_hangs_up(reason: DiscardReason | None, expected: EndReason) -> None:
    assert ending(established_outgoing().update(PhoneCallDiscarded(id=77, reason=reason), 9.0)).reason is expected


def test_a_call_answered_on_another_device_stops_ringing_and_is_left_alone() -> None:
    for update in (confirmed(), PhoneCallEmpty(id=77)):
        actions = incoming().update(update, 2.0)
        assert ending(actions).reason is EndReason.NO_ANSWER
        assert sent(actions) == []


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (outgoing, DiscardReason.MISSED),
        (incoming, DiscardReason.BUSY),
        (accepting, DiscardReason.HANGUP),
        (established_outgoing, DiscardReason.HANGUP),
    ],
)
def test_what_the_server_is_told_when_we_end_it(call: Any, reason: DiscardReason) -> None:
    machine = call()
    machine.update(waiting(), 0.0)
    (discard,) = sent(machine.end(WE_HUNG_UP, 5.0))
    assert isinstance(discard, DiscardCall)
    assert discard.reason is reason


def test_media_that_fails_is_told_as_a_disconnect() -> None:
    (discard,) = sent(established_outgoing().end(Ending(EndReason.FAILED, "no way"), 22.0))
    assert isinstance(discard, DiscardCall)
    assert (discard.reason, discard.duration) == (DiscardReason.DISCONNECT, 20)


def test_a_call_given_up_before_it_had_an_id_is_withdrawn_when_it_gets_one() -> None:
    call = outgoing()
    assert sent(call.end(WE_HUNG_UP, 0.1)) == []
    assert sent(call.update(waiting(), 0.2)) == [DiscardCall(peer=PEER, reason=DiscardReason.MISSED)]
    assert call.update(waiting(), 0.3) == []


# Deadlines


def test_the_deadlines_of_both_directions() -> None:
    call = outgoing()
    call.update(waiting(), 0.0)
    assert call.tick(19.9) == []
    late = call.tick(20.0)
    assert (ending(late).reason, "reached" in ending(late).detail) == (EndReason.NO_ANSWER, True)
    assert sent(late) == [DiscardCall(peer=PEER, reason=DiscardReason.MISSED)]

    call = outgoing()
    call.update(waiting(1), 0.0)
    assert "nobody answered within 90 s" in ending(call.tick(90.0)).detail

    assert "not answered" in ending(incoming().tick(90.0)).detail
    late = accepting().tick(21.0)
    assert (ending(late).reason, "key exchange" in ending(late).detail) == (EndReason.FAILED, True)
    assert sent(late) == [DiscardCall(peer=PEER, reason=DiscardReason.DISCONNECT)]
    assert established_outgoing().tick(1e9) == []


# Errors


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (TelegramError("USER_PRIVACY_RESTRICTED", 403), "privacy"),
        (TelegramError("PARTICIPANT_VERSION_OUTDATED", 400), "too old"),
        (TelegramError("FLOOD_WAIT", 420, 33.0), "33 s"),
        (TelegramError("PEER_FLOOD", 400), "SpamBot"),
        (TelegramError("SOMETHING_NEW", 400), "SOMETHING_NEW"),
        (TelegramUnreachable("not connected for 10 s"), "not connected for 10 s"),
    ],
)
def test_a_refused_request_says_why(error: TelegramError, detail: str) -> None:
    call, actions = CallSignaling.outgoing(USER, CALLER_KEYS, CONFIG, 1, 0.0)
    (request,) = (action.request for action in actions if isinstance(action, Send))
    found = ending(call.failed(request, error, 1.0))
    assert found.reason is EndReason.FAILED
    assert detail in found.detail


def test_a_refused_answer_or_confirmation_says_why() -> None:
    accept = AcceptCall(peer=PEER, g_b=G_B, protocol=requested().protocol)
    elsewhere = accepting().failed(accept, TelegramError("CALL_ALREADY_ACCEPTED", 400), 1.0)
    assert "another device" in ending(elsewhere).detail
    assert "gave up" in ending(accepting().failed(accept, TelegramError("CALL_ALREADY_DECLINED", 400), 1.0)).detail
    lost = accepting().failed(accept, TelegramUnreachable("no answer"), 1.0)
    assert len(sent(lost)) == 1  # it may have been carried out, so it is withdrawn
    refused = accepting().failed(accept, TelegramError("INTERNAL", 500), 1.0)
    assert [type(request) for request in sent(refused)] == [DiscardCall]  # or the caller would go on ringing
    call = outgoing()
    call.update(accepted(), 1.0)
    (confirm,) = (action.request for action in call.derived(KEY, 1.0) if isinstance(action, Send))
    assert (
        ending(call.failed(confirm, TelegramError("CALL_ALREADY_DECLINED", 400), 1.0)).reason is EndReason.HANGUP_USER
    )


def test_a_confirmation_that_fails_does_not_leave_the_callee_waiting() -> None:
    call = outgoing()
    call.update(accepted(), 1.0)
    (confirm,) = (action.request for action in call.derived(KEY, 1.0) if isinstance(action, Send))
    refused = call.failed(confirm, TelegramError("INTERNAL", 500), 1.0)
    assert sent(refused) == [DiscardCall(peer=PEER, reason=DiscardReason.DISCONNECT)]


def test_errors_of_requests_that_do_not_matter_any_more_are_passed_over() -> None:
    call = established_outgoing()
    assert call.failed(DiscardCall(peer=PEER, reason=DiscardReason.HANGUP), TelegramError("X", 500), 3.0) == []
    assert incoming().failed(ReceivedCall(peer=PEER), TelegramError("X", 500), 3.0) == []


# Feedback


def test_the_server_gets_the_debug_text_and_the_rating_it_asks_for_once() -> None:
    call, _ = CallSignaling.outgoing(USER, CALLER_KEYS, CONFIG, 1, 0.0, rating=4)
    call.update(waiting(), 0.0)
    call.end(WE_HUNG_UP, 1.0)
    asked = PhoneCallDiscarded(id=77, need_debug=True, need_rating=True)
    assert sent(call.update(asked, 1.1)) == [SaveCallDebug(peer=PEER, debug="{}"), SetCallRating(peer=PEER, rating=4)]
    assert call.update(asked, 1.2) == []
    assert sent(established_outgoing().update(PhoneCallDiscarded(id=77, need_rating=True), 3.0)) == []


# Order

UPDATES: list[AnyPhoneCall] = [
    waiting(),
    waiting(1),
    requested(),
    accepted(),
    confirmed(g_a_or_b=G_B),
    PhoneCallDiscarded(id=77, reason=DiscardReason.HANGUP),
    PhoneCallEmpty(id=77),
]


@given(st.lists(st.sampled_from(UPDATES), max_size=12), st.booleans())
def test_no_order_of_updates_upsets_a_call_or_revives_it(updates: list[AnyPhoneCall], is_caller: bool) -> None:
    call = outgoing() if is_caller else accepting()
    overs = establishments = rings = 0
    for now, update in enumerate(updates):
        actions = call.update(update, float(now))
        for action in actions:
            if isinstance(action, DeriveKey):
                actions = [*actions, *call.derived(KEY, float(now))]
        overs += sum(isinstance(action, Over) for action in actions)
        establishments += sum(isinstance(action, Established) for action in actions)
        rings += sum(isinstance(action, Rang) for action in actions)
        assert overs == (call.stage is Stage.OVER)
    assert establishments <= 1
    assert rings <= 1


def test_every_update_twice_and_every_pair_swapped_still_connects() -> None:
    for doubled in itertools.product([1, 2], repeat=3):
        call = outgoing()
        steps: list[AnyPhoneCall] = [waiting(), waiting(1), accepted()]
        for update, times in zip(steps, doubled, strict=True):
            for _ in range(times):
                call.update(update, 1.0)
        call.derived(KEY, 1.0)
        assert [type(action) for action in call.update(confirmed(g_a_or_b=G_B), 2.0)] == [Established]
        assert call.update(confirmed(g_a_or_b=G_B), 2.1) == []
    late_ring = outgoing()
    late_ring.update(accepted(), 1.0)
    assert late_ring.update(waiting(1), 1.1) == []
    assert late_ring.stage is Stage.CONFIRMING
