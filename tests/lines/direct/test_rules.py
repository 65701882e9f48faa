"""The rules of direct calls in virtual time, one test a situation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct import endings
from hullo.lines.direct.actions import Answered, Found, PeerReady, Selected, Send
from hullo.lines.direct.channel import Device
from hullo.lines.direct.messages import AnsweredElsewhere, Candidates, Decline, Hangup, MediaReady, Select
from hullo.lines.direct.rules import MAX_EARLY_MESSAGES, OFFERS_A_MINUTE
from hullo.lines.line import Ending, EndReason
from tests.lines.direct.samples import ALICE, BOB, BOB_DESK, CAROL, NONCE, call_id, offer
from tests.lines.direct.virtual import World

HUNG_UP = Ending(EndReason.HANGUP_BOT, "we hung up")
DECLINED = Ending(EndReason.DECLINED, "we declined the call")
FOUND = Candidates(call_id=call_id(1), candidates=("candidate:1 1 udp 1 192.0.2.1 9 typ host",))


def selected_by(number: int) -> Selected:
    """What the device that has the call hears."""
    return Selected(call_id(number), Select(call_id=call_id(number), nonce=NONCE))


def test_all_devices_ring_one_answers_and_the_others_are_told() -> None:
    world = World()
    alice, phone, desk = (world.device(each) for each in (ALICE, BOB, BOB_DESK))
    alice.dial("bob")
    world.settle()
    assert phone.rings()
    assert desk.rings()
    assert alice.heard_ringing == 1
    desk.answer()
    world.settle()
    assert alice.answered_by == ["desk"]
    assert phone.end() is EndReason.NO_ANSWER
    assert phone.missed == []
    assert selected_by(1) in desk.done
    desk.do(desk.rules.end(call_id(1), HUNG_UP))
    world.settle()
    assert alice.end() is EndReason.HANGUP_USER


def test_two_devices_answer_at_once_and_the_first_has_the_call() -> None:
    world = World()
    alice, phone, desk = (world.device(each) for each in (ALICE, BOB, BOB_DESK))
    alice.dial("bob")
    world.settle()
    phone.answer()
    desk.answer()
    world.settle()
    assert alice.answered_by == ["phone"]
    assert desk.end() is EndReason.NO_ANSWER
    assert phone.end() is alice.end() is None


@pytest.mark.parametrize(("ending", "seen"), [(DECLINED, EndReason.DECLINED), (endings.BUSY, EndReason.BUSY)])
def test_one_device_declines_for_all(ending: Ending, seen: EndReason) -> None:
    world = World()
    alice, phone, desk = (world.device(each) for each in (ALICE, BOB, BOB_DESK))
    alice.dial("bob")
    world.settle()
    phone.do(phone.rules.end(call_id(1), ending))
    world.settle()
    assert alice.end() is seen
    assert desk.end() is EndReason.NO_ANSWER
    assert desk.missed == []


def test_a_device_that_stops_leaves_the_call_to_the_others() -> None:
    world = World()
    alice, phone, desk = (world.device(each) for each in (ALICE, BOB, BOB_DESK))
    alice.dial("bob")
    world.settle()
    phone.do(phone.rules.end(call_id(1), HUNG_UP))
    world.settle()
    assert alice.end() is None
    assert desk.rings()


def test_a_person_in_a_call_is_busy_and_finds_a_missed_call() -> None:
    world = World()
    alice, bob, carol = (world.device(each) for each in (ALICE, BOB, CAROL))
    alice.dial("bob", 1)
    world.settle()
    bob.answer(1)
    world.settle()
    carol.dial("bob", 2)
    world.settle()
    assert carol.end(2) is EndReason.BUSY
    assert [(missed.person, missed.rang) for missed in bob.missed] == [("carol", False)]
    assert alice.end(1) is bob.end(1) is None


def test_an_agent_takes_as_many_calls_as_it_is_told() -> None:
    world = World()
    alice, bob, carol = world.device(ALICE), world.device(BOB, most_calls=2), world.device(CAROL)
    alice.dial("bob", 1)
    carol.dial("bob", 2)
    world.settle()
    assert bob.rings(1)
    assert bob.rings(2)


@pytest.mark.parametrize("order", [(0, 0), (1, 0)])
def test_both_call_at_once_and_the_lesser_call_id_counts(order: tuple[int, int]) -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB)
    alice.dial("bob", 1)
    bob.dial("alice", 2)
    for which in order:
        world.deliver(which)
    world.settle()
    assert bob.end(2) is EndReason.BUSY
    assert bob.rings(1)
    assert not any(isinstance(action, Answered) for action in alice.done)
    assert alice.end(1) is None
    assert alice.end(2) is None
    bob.answer(1)
    world.settle()
    assert alice.answered_by == ["phone"]


def test_glare_stops_the_other_devices_from_ringing_for_the_call_that_does_not_count() -> None:
    world = World()
    alice, bob, desk = (world.device(each) for each in (ALICE, BOB, BOB_DESK))
    alice.dial("bob", 2)
    world.settle()
    assert desk.rings(2)
    bob.do(bob.rules.end(call_id(2), HUNG_UP))
    bob.dial("alice", 1)
    world.settle()
    assert alice.end(2) is EndReason.BUSY
    assert alice.rings(1)
    assert not desk.rings(2)


def test_an_app_that_lost_its_call_may_call_again() -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB)
    alice.dial("bob", 1)
    world.settle()
    bob.answer(1)
    world.settle()
    bob.take(ALICE, offer(2, sent=world.wall))
    assert bob.end(1) is EndReason.FAILED
    assert bob.rings(2)


@pytest.mark.parametrize(("late", "rings"), [(0.0, True), (59.0, True), (61.0, False), (-3600.0, True)])
def test_an_offer_older_than_its_lifetime_does_not_ring_and_is_a_missed_call(late: float, rings: bool) -> None:
    world = World()
    bob = world.device(BOB)
    world.device(ALICE)
    bob.take(ALICE, offer(1, sent=world.wall - late))
    assert bob.rings() is rings
    assert [missed.rang for missed in bob.missed] == ([] if rings else [False])
    if not rings:
        bob.take(ALICE, offer(1, sent=world.wall))
        assert not bob.rings()


def test_a_late_offer_rings_only_for_what_is_left_of_its_lifetime() -> None:
    world = World()
    bob = world.device(BOB)
    world.device(ALICE)
    bob.take(ALICE, offer(1, sent=world.wall - 50))
    world.pass_time(9)
    assert bob.rings()
    world.pass_time(2)
    assert bob.end() is EndReason.NO_ANSWER
    assert [missed.person for missed in bob.missed] == ["alice"]


def test_nobody_answers() -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB)
    alice.dial("bob")
    world.settle()
    world.pass_time(60)
    assert alice.end() is EndReason.NO_ANSWER
    assert bob.end() is EndReason.NO_ANSWER
    assert len(bob.missed) == 1


def test_the_caller_gives_up_and_it_is_a_missed_call() -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB)
    alice.dial("bob")
    world.settle()
    alice.do(alice.rules.end(call_id(1), HUNG_UP))
    world.settle()
    assert bob.end() is EndReason.NO_ANSWER
    assert [missed.why for missed in bob.missed] == ["the caller gave up"]


def test_strangers_and_the_blocked_do_not_ring_and_hear_nothing() -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB, may_ring=lambda person: person != "alice")
    alice.dial("bob")
    world.settle()
    assert not bob.rings()
    assert bob.notices == ["stranger"]
    assert not any(isinstance(action, Send) for action in bob.done)
    assert alice.heard_ringing == 0


def test_a_contact_that_floods_is_named() -> None:
    world = World()
    bob = world.device(BOB)
    world.device(ALICE)
    for number in range(1, OFFERS_A_MINUTE + 4):
        bob.take(ALICE, offer(number, sent=world.wall))
    assert bob.notices == ["flood"] * 3
    world.pass_time(61)
    bob.take(ALICE, offer(99, sent=world.wall))
    assert bob.rings(99)


def test_messages_about_a_call_of_somebody_else_change_nothing_and_are_named() -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB)
    alice.dial("bob")
    world.settle()
    bob.take(CAROL, Hangup(call_id=call_id(1)))
    alice.take(CAROL, Decline(call_id=call_id(1)))
    assert bob.rings()
    assert alice.end() is None
    assert bob.notices == alice.notices == ["forged"]


def test_another_device_of_the_caller_cannot_end_the_call() -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB)
    alice.dial("bob")
    world.settle()
    bob.take(Device("alice", "laptop"), Hangup(call_id=call_id(1)))
    assert bob.rings()


def test_candidates_and_proofs_that_overtake_what_they_follow_wait_for_it() -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB)
    bob.take(ALICE, FOUND)
    alice.dial("bob")
    world.settle()
    assert FOUND not in [action.candidates for action in bob.done if isinstance(action, Found)]
    alice.take(BOB, FOUND)
    alice.take(BOB, MediaReady(call_id=call_id(1)))
    bob.answer()
    assert Found(call_id(1), FOUND) in bob.done
    world.settle()
    assert Found(call_id(1), FOUND) in alice.done
    assert PeerReady(call_id(1)) in alice.done


def test_a_hangup_that_overtakes_its_offer_is_a_missed_call() -> None:
    world = World()
    bob = world.device(BOB)
    world.device(ALICE)
    bob.take(ALICE, Hangup(call_id=call_id(1)))
    bob.take(ALICE, offer(1, sent=world.wall))
    assert bob.end() is EndReason.NO_ANSWER
    assert len(bob.missed) == 1


def test_candidates_wait_in_bounded_number() -> None:
    world = World()
    alice, bob = world.device(ALICE), world.device(BOB)
    alice.dial("bob")
    world.settle()
    for _ in range(100):
        bob.take(ALICE, FOUND)
    bob.answer()
    assert len([action for action in bob.done if isinstance(action, Found)]) == MAX_EARLY_MESSAGES


def test_who_has_not_answered_is_not_selected() -> None:
    world = World()
    bob = world.device(BOB)
    world.device(ALICE)
    bob.take(ALICE, offer(1, sent=world.wall))
    bob.take(ALICE, Select(call_id=call_id(1), nonce=NONCE))
    bob.take(ALICE, AnsweredElsewhere(call_id=call_id(1), device="phone"))
    assert bob.rings()
    assert not any(isinstance(action, Selected) for action in bob.done)


@given(st.data())
def test_whatever_order_loss_and_repetition_at_most_two_devices_talk_and_every_call_ends(data: st.DataObject) -> None:
    world = World()
    people = [world.device(each) for each in (ALICE, BOB, BOB_DESK, CAROL)]
    dials = {1: (people[0], "bob"), 2: (people[1], "alice"), 3: (people[3], "bob")}
    for number, (device, person) in dials.items():
        if data.draw(st.booleans()):
            device.dial(person, number)
    for _ in range(60):
        if not world.in_flight:
            break
        which = data.draw(st.integers(0, len(world.in_flight) - 1))
        match data.draw(st.sampled_from(["deliver", "deliver", "deliver", "lose", "repeat", "answer", "end"])):
            case "deliver":
                world.deliver(which)
            case "lose":
                world.in_flight.pop(which)
            case "repeat":
                world.in_flight.append(world.in_flight[which])
            case "answer":
                data.draw(st.sampled_from(people)).answer(data.draw(st.integers(1, 3)))
            case "end":
                device = data.draw(st.sampled_from(people))
                device.do(device.rules.end(call_id(data.draw(st.integers(1, 3))), HUNG_UP))
    world.settle()
    for number in dials:
        selected = [
            device
            for device in people
            for a in device.done
            if a == Selected(call_id(number), Select(call_id=call_id(number), nonce=NONCE))
        ]
        assert len(selected) <= 1
        caller = dials[number][0]
        assert len([a for a in caller.done if isinstance(a, Answered) and a.call_id == call_id(number)]) <= 1
    world.pass_time(61)
    for device in people:
        assert device.rules.deadline == float("inf")


def test_calls_with_a_device_that_its_person_removed_are_over() -> None:
    world = World()
    alice, phone, desk = (world.device(each) for each in (ALICE, BOB, BOB_DESK))
    alice.dial("bob")
    world.settle()
    desk.answer()
    world.settle()
    alice.do(alice.rules.removed("carol", ["desk"]) + alice.rules.removed("bob", ["phone"]))
    assert alice.end() is None
    alice.do(alice.rules.removed("bob", ["desk"]))
    assert alice.end() is EndReason.FAILED
    assert phone.end() is EndReason.NO_ANSWER
