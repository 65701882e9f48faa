"""What can be done when: choices and keys."""

from dataclasses import replace

import pytest

from hullo.terminal import menus
from hullo.terminal.state import CallView, Contact, Device, PhoneState, Side, Sound, VoiceMessage

BOB = Contact(person="bob", safety_number=" ".join(["12345"] * 12))
CALL = CallView(call_id="1", peer="bob", line="direct", incoming=True, status="active")
WAITING = replace(CALL, call_id="2", status="incoming")


@pytest.mark.parametrize(
    ("state", "there", "missing"),
    [
        (PhoneState(), ["Enter call", "+ add"], ["h hang up", "a answer"]),
        (PhoneState(calls=(WAITING,)), ["a answer", "d decline"], ["h hang up"]),
        (PhoneState(calls=(CALL,)), ["h hang up", "m mute"], ["a answer", "d decline"]),
        (PhoneState(calls=(CALL, WAITING)), ["h hang up", "d decline"], ["a answer"]),
        (PhoneState(calls=(CALL,), push_to_talk=True), ["Space talk"], ["m mute"]),
    ],
)
def test_the_keys_that_matter_now_fit_a_line(state: PhoneState, there: list[str], missing: list[str]) -> None:
    line = menus.key_line(state)
    assert all(key in line for key in ["? keys", "q quit", *there])
    assert not any(key in line for key in missing)
    assert len(line) <= 78


def test_the_help_fits_a_window_of_a_small_terminal() -> None:
    assert max(map(len, menus.HELP.splitlines())) <= 70
    assert len(menus.HELP.splitlines()) <= 19


@pytest.mark.parametrize(
    ("contact", "actions"),
    [
        (BOB, ["call", "record", "verify", "block", "remove", ""]),
        (replace(BOB, verified=True), ["call", "record", "unverify", "block", "remove", ""]),
        (replace(BOB, blocked=True), ["verify", "unblock", "remove", ""]),
        (replace(BOB, key_changed=True), ["call", "record", "trust", "verify", "block", "remove", ""]),
        (replace(BOB, contact=False), ["add", "verify", "block", "remove", ""]),
        (Contact(person="bob"), ["call", "record", "block", "remove", ""]),
    ],
)
def test_what_a_card_offers(contact: Contact, actions: list[str]) -> None:
    assert [choice.action for choice in menus.card_choices(contact)] == actions


@pytest.mark.parametrize(
    ("contact", "text"),
    [
        (BOB, "12345 12345 12345 12345\n"),
        (Contact(person="bob"), "call each other once"),
        (replace(BOB, key_changed=True), "somebody in between"),
    ],
)
def test_what_a_card_says(contact: Contact, text: str) -> None:
    card = menus.card_text(contact)
    assert text in card
    assert max(map(len, card.splitlines())) <= 70


def test_voice_messages_are_chosen_by_their_ids() -> None:
    message = VoiceMessage(message_id="m", peer="bob", received=True, at=0.0, duration=65.0)
    assert [choice.action for choice in menus.message_choices(PhoneState(messages=(message,)), 0.0)] == ["m", ""]


def test_devices_can_be_chosen_and_the_choice_is_marked_without_colour() -> None:
    headset, laptop = Device(device_id="h", name="Headset"), Device(device_id="l", name="Laptop", default=True)
    state = PhoneState(sound=Sound(microphone=Side(devices=(headset, laptop), chosen="h"), speaker=Side()))
    choices = {choice.action: choice.text for choice in menus.sound_choices(state)}
    assert choices["microphone:"] == "[ ] microphone: the system's (Laptop)"
    assert choices["microphone:h"] == "[x] microphone: Headset"
    assert choices["speaker:"] == "[x] speaker: the system's (none)"
    assert "take:" not in choices
    assert menus.sound_choices(replace(state, calls=(CALL,)))[0].action == "take:"
