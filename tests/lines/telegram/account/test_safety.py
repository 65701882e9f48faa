"""Safety, flood waits and replays: rules and time, nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.telegram.account.errors import ENDED, Migrate, error_from
from hullo.lines.telegram.account.floods import FloodWaits
from hullo.lines.telegram.account.replays import Replays
from hullo.lines.telegram.account.safety import CallSafety, Incoming, SafetyRules
from hullo.lines.telegram.port import (
    DiscardReason,
    PhoneCallDiscarded,
    Safety,
    TelegramError,
    UpdatePhoneCall,
    UpdateSignalingData,
    User,
)

ANNA = User(id=1, access_hash=1, username="Anna", is_contact=True)
BERT = User(id=2, access_hash=2)
HELPER = User(id=3, access_hash=3, username="helper_bot", is_bot=True)


def safety(**rules: object) -> CallSafety:
    return CallSafety(SafetyRules(**rules))  # type: ignore[arg-type]


def as_the_line_sees_it(one: CallSafety) -> Safety:
    return one


def test_a_pause_between_calls_to_the_same_person() -> None:
    one = safety(same_person_pause=60.0)
    assert one.refuse_outgoing(ANNA, 0.0) is None
    one.outgoing(ANNA, 0.0)
    assert one.refuse_outgoing(ANNA, 59.0) == "@Anna was called just now: try again in 1 s"
    assert one.refuse_outgoing(BERT, 59.0) is None
    assert one.refuse_outgoing(ANNA, 60.0) is None


def test_calls_an_hour() -> None:
    one = safety(calls_per_hour=2, same_person_pause=0.0)
    one.outgoing(ANNA, 0.0)
    one.outgoing(BERT, 600.0)
    refusal = one.refuse_outgoing(ANNA, 1200.0)
    assert refusal is not None
    assert "try again in 40 min" in refusal
    assert one.describe(1200.0) == refusal
    assert one.refuse_outgoing(ANNA, 3600.0) is None
    one.outgoing(ANNA, 3600.0)
    assert one.refuse_outgoing(ANNA, 3700.0) is not None
    assert safety(calls_per_hour=0).refuse_outgoing(ANNA, 0.0) is not None


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 900)), max_size=60), st.integers(0, 5), st.floats(0, 300))
def test_no_order_of_calls_breaks_the_limits(attempts: list[tuple[int, float]], per_hour: int, pause: float) -> None:
    one = safety(calls_per_hour=per_hour, same_person_pause=pause)
    placed: list[tuple[float, int]] = []
    now = 0.0
    for person, wait in attempts:
        now += wait
        if one.refuse_outgoing(User(id=person, access_hash=0), now) is None:
            one.outgoing(User(id=person, access_hash=0), now)
            placed.append((now, person))
    for at, person in placed:
        assert sum(at <= other < at + 3600 for other, _ in placed) <= per_hour
        same = [other for other, who in placed if who == person and other > at]
        assert not same or same[0] - at >= pause * 0.999


def test_nobody_is_asked_again_who_does_not_want_to_be() -> None:
    one = safety(same_person_pause=0.0)
    one.failed(ANNA, TelegramError("USER_PRIVACY_RESTRICTED", 403), 0.0)
    refusal = one.refuse_outgoing(ANNA, 1e9)
    assert refusal is not None
    assert "add you to their contacts" in refusal
    assert one.refuse_outgoing(BERT, 0.0) is None


@pytest.mark.parametrize("name", ["PEER_FLOOD", "FROZEN_METHOD_INVALID", *ENDED])
def test_a_limited_account_calls_nobody(name: str) -> None:
    one = safety()
    one.failed(None, TelegramError(name, 400), 0.0)
    refusal = one.refuse_outgoing(ANNA, 1e9)
    assert refusal
    assert one.describe(1e9) == refusal


def test_a_flood_wait_holds_for_everybody() -> None:
    one = safety()
    one.failed(ANNA, TelegramError("FLOOD_WAIT", 420, 300.0), 10.0)
    assert one.refuse_outgoing(BERT, 10.0) == "Telegram asked for a pause: try again in 5 min"
    assert one.refuse_outgoing(BERT, 310.0) is None


def test_other_errors_change_nothing() -> None:
    one = safety()
    for name in ("CALL_OCCUPY_FAILED", "PARTICIPANT_VERSION_OUTDATED", "UNREACHABLE"):
        one.failed(ANNA, TelegramError(name, 500), 0.0)
    assert one.refuse_outgoing(ANNA, 0.0) is None
    assert one.describe(0.0) == ""


def test_bots_take_no_calls() -> None:
    assert safety().refuse_outgoing(HELPER, 0.0) == "@helper_bot is a bot, and bots take no calls"


@pytest.mark.parametrize(
    ("incoming", "allowed", "anna", "bert"),
    [
        (Incoming.CONTACTS, (), True, False),
        (Incoming.OPEN, (), True, True),
        (Incoming.OFF, (), False, False),
        (Incoming.ALLOWLIST, ("@aNNa",), True, False),
        (Incoming.ALLOWLIST, ("2",), False, True),
    ],
)
def test_who_may_ring(incoming: Incoming, allowed: tuple[str, ...], anna: bool, bert: bool) -> None:
    one = as_the_line_sees_it(safety(incoming=incoming, allowed=allowed))
    assert (one.refuse_incoming(ANNA, 0.0) is None) == anna
    assert (one.refuse_incoming(BERT, 0.0) is None) == bert


def test_numbers_in_error_names() -> None:
    flood = error_from("FLOOD_WAIT_42", 420)
    assert (flood.name, flood.code, flood.retry_after) == ("FLOOD_WAIT", 420, 42.0)
    move = error_from("PHONE_MIGRATE_4", 303)
    assert isinstance(move, Migrate)
    assert (move.name, move.dc) == ("PHONE_MIGRATE", 4)
    other = error_from("FILE_PART_7_MISSING_8", -400)
    assert (other.name, other.code, other.retry_after) == ("FILE_PART_7_MISSING_8", 400, None)


@given(st.text(), st.integers(-1000, 1000))
def test_any_error_message_is_an_error(message: str, code: int) -> None:
    assert message.startswith(error_from(message, code).name)


def test_waits_are_kept_by_method() -> None:
    waits = FloodWaits()
    waits.note("phone.requestCall", TelegramError("FLOOD_WAIT", 420, 30.0), 100.0)
    waits.note("phone.acceptCall", TelegramError("CALL_OCCUPY_FAILED", 500), 100.0)
    waits.check("phone.acceptCall", 100.0)
    with pytest.raises(TelegramError) as caught:
        waits.check("phone.requestCall", 120.0)
    assert caught.value.retry_after == 10.0
    assert waits.describe(120.0) == "Telegram asks to wait: phone.requestCall 10 s"
    waits.check("phone.requestCall", 130.0)
    assert waits.describe(130.0) == ""


def test_replays() -> None:
    replays = Replays()
    assert replays.is_new(UpdateSignalingData(1, b"a"))
    assert not replays.is_new(UpdateSignalingData(1, b"a"))
    assert replays.is_new(UpdateSignalingData(2, b"a"))
    ended = UpdatePhoneCall(PhoneCallDiscarded(id=1, reason=DiscardReason.BUSY))
    assert replays.is_new(ended)
    assert not replays.is_new(UpdatePhoneCall(PhoneCallDiscarded(id=1, reason=DiscardReason.BUSY)))
    assert replays.dropped == 2
    for number in range(5000):
        replays.is_new(UpdateSignalingData(3, number.to_bytes(4, "big")))
    assert replays.is_new(UpdateSignalingData(1, b"a"))  # long forgotten
