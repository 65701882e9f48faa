"""Lines on the screen: what they say, that they fit, and that nobody else can draw on it."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.lines.direct.sas import EMOJI
from hullo.terminal import wording
from hullo.terminal.state import (
    CallView,
    Caption,
    Contact,
    Device,
    Notice,
    Outcome,
    Own,
    PastCall,
    PhoneState,
    Playing,
    Quality,
    Recording,
    Side,
    Sound,
    VoiceMessage,
)

CALL = CallView(call_id="1", peer="bob", line="direct", incoming=True, status="active", connected_at=100.0)
HEADSET = Side(devices=(Device(device_id="h", name="Headset", default=True),), used="h")
READY = PhoneState(link="", own=Own(person="alice"), contacts=(Contact(person="bob"),))
TALKING = replace(READY, calls=(CALL,), sound=Sound(microphone=HEADSET, speaker=HEADSET, call_id="1"))


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (3725, "1:02:05")])
def test_durations(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_today_is_a_time_and_another_day_a_day() -> None:
    now = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
    assert wording.when(now - 3600, now) == "11:00"
    assert wording.when(now - 86_400, now) == "20 Nov"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (PhoneState(), "no name yet | reaching"),
        (READY, "alice | can be called"),
        (replace(READY, line_problem="direct: not connected"), "alice | direct: not connected"),
    ],
)
def test_the_header_says_whether_we_can_be_reached(state: PhoneState, text: str) -> None:
    assert text in wording.header(state)


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        (READY, ["no call", "Enter calls"]),
        (replace(READY, contacts=()), ["i shows your invite", "+ adds a friend"]),
        (replace(TALKING, calls=(replace(CALL, status="incoming"),)), ["from bob", "CALLS YOU"]),
        (TALKING, ["talking, 0:05"]),
        (replace(TALKING, calls=(replace(CALL, status="reconnecting"),)), ["Reconnecting ..."]),
        (replace(TALKING, calls=(replace(CALL, verified=True),)), ["(direct), verified"]),
        (replace(TALKING, calls=(replace(CALL, verified=False),)), ["not verified: v compares"]),
        (replace(TALKING, calls=(replace(CALL, emoji=("🐌", "🐼")),)), ["🐌 🐼", "snail, panda"]),
        (replace(TALKING, calls=(CALL, replace(CALL, peer="carol", status="incoming"))), ["carol CALLS YOU too"]),
        (replace(READY, last=replace(CALL, status="ended", ending="they hung up", talked=5)), ["they hung up, 0:05"]),
        (replace(READY, last=replace(CALL, status="ended", ending="busy", incoming=False)), ["to bob", "over: busy"]),
    ],
)
def test_the_call(state: PhoneState, lines: list[str]) -> None:
    found = "\n".join(wording.call_lines(state, 105.0))
    assert [line for line in lines if line not in found] == []


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (TALKING, "they hear you | you hear them"),
        (replace(TALKING, calls=(replace(CALL, muted=True),)), "you are MUTED"),
        (replace(TALKING, calls=(replace(CALL, peer_muted=True),)), "THEY MUTED THEMSELVES"),
        (replace(TALKING, push_to_talk=True), "hold Space"),
        (replace(TALKING, push_to_talk=True, talking=True), "you TALK"),
        (replace(TALKING, sound=Sound(call_id="1", speaker=HEADSET)), "they hear NOTHING: no microphone"),
        (replace(TALKING, sound=Sound(call_id="1", microphone=HEADSET)), "you hear NOTHING: no speaker"),
        (replace(TALKING, sound=Sound(problem="there is no sound here")), "NO SOUND here"),
    ],
)
def test_who_hears_whom_is_never_claimed_but_known(state: PhoneState, text: str) -> None:
    assert text in wording.sound_lines(state, 50)[0]


def test_while_there_is_no_path_nothing_is_said_of_its_quality() -> None:
    lost = replace(TALKING, calls=(replace(CALL, status="reconnecting", quality=Quality()),))
    assert [line for line in wording.sound_lines(lost, 50) if "lost" in line or "hear" in line] == []


@pytest.mark.parametrize(
    ("quality", "text"),
    [
        (None, "quality: measuring ..."),
        (Quality(loss_percent=1.25), "lost 1.2 %"),
        (
            Quality(loss_percent=1, their_loss_percent=2, round_trip_ms=24.4, kbit_per_second=31.6),
            "lost 1.0/2.0 %, round trip 24 ms, Opus 32 kbit/s",
        ),
    ],
)
def test_quality(quality: Quality | None, text: str) -> None:
    assert wording.quality_line(quality) == text
    assert len(text) <= 48


@pytest.mark.parametrize(
    ("level", "text"),
    [(None, ""), (-96.3, "[..........] silent"), (-60, "[..........] -60 dB"), (-30, "[#####.....] -30 dB"),
     (0, "[##########]   0 dB"), (3, "[##########]   3 dB")],
)  # fmt: skip
def test_meters(level: float | None, text: str) -> None:
    assert wording.meter(level, 10) == text


@pytest.mark.parametrize(
    ("side", "text"),
    [
        (Side(), "mic     none found"),
        (replace(HEADSET, used=None), "mic     Headset"),
        (replace(HEADSET, used=None, chosen="gone"), "mic     the chosen one is missing"),
        (replace(HEADSET, level_dbfs=-30.0), "mic     [#####.....] -30 dB Headset"),
        (replace(HEADSET, used=None, level_dbfs=-30.0), "mic     Headset"),
    ],
)
def test_devices(side: Side, text: str) -> None:
    assert wording.side_line("mic", side, 50) == text


def test_a_long_name_of_a_device_is_cut() -> None:
    side = Side(devices=(Device(device_id="h", name="Headset " * 20),), used="h", level_dbfs=-30.0)
    assert len(wording.side_line("speaker", side, 40)) == 40


def test_every_emoji_has_a_name_to_say_aloud() -> None:
    names = [wording.emoji_name(emoji) for emoji in EMOJI]
    assert len(set(names)) == len(EMOJI)
    assert all(name.replace(" ", "").replace("-", "").isalpha() for name in names), names


@pytest.mark.parametrize(
    ("contact", "text"),
    [
        (Contact(person="bob"), "bob     not verified"),
        (Contact(person="bob", verified=True), "bob         verified"),
        (Contact(person="bob", verified=True, blocked=True), "bob          blocked"),
        (Contact(person="bob", verified=True, key_changed=True), "bob      KEY CHANGED"),
        (Contact(person="bob", contact=False), "bob         stranger"),
        (Contact(person="b" * 32), "bbbbb.. not verified"),
    ],
)
def test_contacts(contact: Contact, text: str) -> None:
    assert wording.contact_line(contact, 20) == text


def test_past_calls() -> None:
    now = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
    call = PastCall(peer="bob", line="direct", outcome=Outcome.MISSED, at=now)
    assert wording.past_call_line(call, now, 28) == "missed bob             12:00"
    talked = replace(call, outcome=Outcome.OUT, duration=65.0)
    assert wording.past_call_line(talked, now, 28) == "to bob            1:05 12:00"


def test_captions_are_read_from_the_latest_back() -> None:
    call = replace(CALL, captions=(Caption("they", "hello"), Caption("they", "how a", final=False)))
    assert wording.captions_text(replace(READY, calls=(call,))) == "they: how a ...\nthey: hello"
    assert wording.captions_text(READY) == ""
    assert "l writes down" in wording.captions_text(TALKING)
    assert "listening" in wording.captions_text(replace(TALKING, calls=(replace(CALL, captioned=True),)))


MESSAGE = VoiceMessage(message_id="m", peer="bob", received=True, at=0.0, duration=65.0, transcript="call me back")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (MESSAGE, 'from bob 1:05, NEW "call me back"'),
        (replace(MESSAGE, heard=True, transcript=""), "from bob 1:05, heard "),
        (replace(MESSAGE, received=False, delivery="delivered", transcript=""), "to bob 1:05, delivered "),
    ],
)
def test_voice_messages(message: VoiceMessage, text: str) -> None:
    line = wording.message_line(message, 0.0, 60)
    assert line.startswith(text)
    assert len(line) == 60
    assert wording.header(replace(READY, messages=(MESSAGE,))).endswith("1 new voice message: p")


def test_what_plays() -> None:
    playing = replace(READY, messages=(MESSAGE,), playing=Playing("m", 12.0))
    assert wording.playing_line(playing) == "playing bob, 0:12 of 1:05"
    assert "Enter plays" in wording.playing_line(replace(playing, playing=None))
    assert "sends one" in wording.playing_line(READY)


@pytest.mark.parametrize(
    ("recording", "text"),
    [
        (None, "opening the microphone ..."),
        (Recording(state="recording", elapsed=5, remaining=200, level_dbfs=-30), "recording, 0:05  [####"),
        (Recording(state="recording", elapsed=5, remaining=20, level_dbfs=-30), "recording, 0:05, 20 s left"),
        (
            Recording(state="waiting", elapsed=5, remaining=9, level_dbfs=-96, problem="no microphone"),
            "waiting, 0:05: no",
        ),
    ],
)
def test_recordings(recording: Recording | None, text: str) -> None:
    assert wording.recording_line(recording).startswith(text)


@pytest.mark.parametrize(
    ("notice", "age", "text"),
    [
        (Notice("news", 100.0), 1, "news"),
        (Notice("news", 100.0), 30, ""),
        (Notice("alarm", 100.0, urgent=True), 30, "! alarm"),
        (Notice("alarm", 100.0, urgent=True), 300, ""),
    ],
)
def test_news_is_shown_as_long_as_it_is_news(notice: Notice, age: float, text: str) -> None:
    assert wording.notice_line(notice, 100.0 + age) == text


@given(st.text(), st.integers(0, 100))
def test_a_text_never_takes_more_room_than_it_has(text: str, width: int) -> None:
    assert len(wording.shortened(text, width)) <= width


def test_nobody_else_moves_the_cursor() -> None:
    assert wording.printable("bob\x1b[2J\r\x07\u202e") == "bob�[2J���"
