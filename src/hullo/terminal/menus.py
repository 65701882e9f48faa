"""What can be done, as lists of choices and lines of keys. Pure."""

from dataclasses import dataclass
from typing import Final

from hullo.terminal.state import Contact, PhoneState
from hullo.terminal.wording import contact_words, message_line


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu: `action` is what the chooser is told, `text` what the person reads."""

    action: str
    text: str


KEYS: Final = (
    ("Enter", "call the contact or the past call that is marked"),
    ("Tab", "go from contacts to history and back"),
    ("c", "call somebody else: a name, @name, +number or http:// address"),
    ("a", "answer"),
    ("d", "decline"),
    ("h", "hang up"),
    ("m", "mute, and be heard again; muted, nothing at all is sent"),
    ("t", "push-to-talk on or off"),
    ("Space", "talk, as long as it is held, while push-to-talk is on"),
    ("l", "live captions of what they say, on or off (needs [speech])"),
    ("r", "call again whom you called last, or who called"),
    ("v", "the card of a contact: safety number, verify, block, remove"),
    ("+", "add a contact by an invite or a name"),
    ("i", "your own invite, to hand to a friend"),
    ("p", "voice messages: hear them; to send one: v, then Record"),
    ("s", "sound: microphone and speaker, their levels, and tests of them"),
    ("x", "forget the history"),
    ("?", "this list"),
    ("q", "quit; Ctrl-C quits at once"),
)

HELP: Final = "\n".join(f"{key:<6} {what}" for key, what in KEYS)


def key_line(state: PhoneState) -> str:
    """The keys that matter now, for a line of 80."""
    if state.ringing is not None and state.shown is state.ringing:
        keys = ["a answer", "d decline"]
    elif state.shown is not None:
        talk = ["Space talk", "t push-to-talk off"] if state.push_to_talk else ["m mute", "t push-to-talk"]
        waiting = ["d decline"] if state.ringing is not None else []
        keys = ["h hang up", *waiting, *talk]
    else:
        keys = ["Enter call", "c other", "r again", "+ add", "i invite"]
    return "  ".join([*keys, "v card", "s sound", "? keys", "q quit"])


def card_text(contact: Contact) -> str:
    """What a contact's card says above its choices."""
    lines = [f"{contact.person}: {contact_words(contact)}"]
    if contact.key_changed:
        lines += [
            "",
            f"{contact.person} shows another key than before: a new device, or",
            "somebody in between. Ask them over another channel first.",
        ]
    if contact.safety_number is None:
        return "\n".join([*lines, "", "No key has been seen yet: call each other once."])
    groups = contact.safety_number.split(" ")
    rows = [" ".join(groups[at : at + 4]) for at in range(0, len(groups), 4)]
    return "\n".join(
        [
            *lines,
            "",
            "Safety number, the same at both ends if nobody is in",
            "between; compare it over another channel:",
            "",
        ]
        + [f"    {row}" for row in rows]
    )


def card_choices(contact: Contact) -> list[Choice]:
    """What can be done with a contact."""
    choices = [Choice("call", f"Call {contact.person}")] if contact.contact and not contact.blocked else []
    if choices:
        choices.append(Choice("record", "Record a voice message for them"))
    if not contact.contact:
        choices.append(Choice("add", "Make them a contact, so that they may ring"))
    if contact.key_changed:
        choices.append(Choice("trust", "I asked them: take their new key"))
    if contact.safety_number is not None:
        verified = Choice("unverify", "Take the verification back")
        choices.append(verified if contact.verified else Choice("verify", "The numbers are the same: verified"))
    blocked = Choice("unblock", "Let them ring again")
    choices.append(blocked if contact.blocked else Choice("block", "Block: nothing of theirs rings, untold"))
    return [*choices, Choice("remove", "Forget them and their key"), Choice("", "Close")]


INVITED_BY: Final = (
    Choice("verified", "They gave it to me themselves, in person or over a channel I trust"),
    Choice("unverified", "I found it, or am not sure: compare the safety number later"),
    Choice("", "Don't add them"),
)


SEND: Final = (Choice("send", "Send it"), Choice("", "Throw it away"))


def message_choices(state: PhoneState, now: float) -> list[Choice]:
    """All voice messages; the action of each is its id."""
    return [*(Choice(each.message_id, message_line(each, now, 68)) for each in state.messages), Choice("", "Close")]


def sound_choices(state: PhoneState) -> list[Choice]:
    """All devices, the system's preference first, and the tests. Actions are `microphone:ID`, `test:microphone` ..."""
    choices: list[Choice] = []
    if state.shown is not None and state.sound.call_id != state.shown.call_id:
        choices.append(Choice("take:", "    put this call on the microphone and speaker here"))
    for kind, side in (("microphone", state.sound.microphone), ("speaker", state.sound.speaker)):
        default = next((device.name for device in side.devices if device.default), "none")
        choices.append(Choice(f"{kind}:", f"{_mark(side.chosen is None)} {kind}: the system's ({default})"))
        choices += [
            Choice(f"{kind}:{device.device_id}", f"{_mark(device.device_id == side.chosen)} {kind}: {device.name}")
            for device in side.devices
        ]
    tests = [Choice("test:microphone", "    listen to the microphone"), Choice("test:speaker", "    play a tone")]
    return [*choices, *tests, Choice("", "    close")]


def _mark(chosen: bool) -> str:
    return "[x]" if chosen else "[ ]"
