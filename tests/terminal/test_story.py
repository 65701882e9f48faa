"""What the phone knows after what happened: situations, each a list of events and what is true afterwards."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hullo.terminal import story
from hullo.terminal.state import CallView, Caption, Contact, Notice, Outcome, PhoneState, Playing, Quality, Recording

Event = tuple[str, dict[str, Any]]

STATS = {"packets_received": 100, "packets_lost": 0, "bytes_sent": 1000, "remote_loss": None, "round_trip_ms": None}


def incoming(call_id: str = "1", peer: str = "bob") -> Event:
    return "call.incoming", {"call_id": call_id, "peer": peer, "line": "direct"}


def ringing(call_id: str = "1") -> Event:
    return "call.ringing", {"call_id": call_id, "peer": "bob", "line": "direct"}


def connected(verified: bool | None = True) -> Event:
    return "call.connected", {"call_id": "1", "emoji": ["🐌", "🦊"], "verified": verified}


def quality(at: int, **stats: Any) -> Event:
    return "call.quality", {"call_id": "1", "timestamp": at, "stats": {**STATS, **stats}}


def speech(name: str, text: str = "") -> Event:
    return name, {"call_id": "1", "text": text}


def ended(detail: str, reason: str = "no-answer", call_id: str = "1") -> Event:
    return "call.ended", {"call_id": call_id, "reason": reason, "detail": detail, "duration": 5.0}


def status(**changed: Any) -> dict[str, Any]:
    """A call as `call.status` has it."""
    call = {"call_id": "1", "peer": "bob", "line": "direct", "direction": "outgoing", "status": "dialing"}
    more = {"duration": 0.0, "leg": {"emoji": None}, "verified": None, "muted": False, "peer_muted": None}
    return {**call, **more, **changed}


def after(*events: Event, state: PhoneState | None = None) -> PhoneState:
    """The state after events, one a second from second 100 on."""
    state = state or PhoneState()
    for second, (name, fields) in enumerate(events, 100):
        state = story.told(state, name, fields, float(second))
    return state


def shown(*events: Event) -> CallView:
    call = after(*events).shown
    assert call is not None
    return call


SITUATIONS: list[tuple[str, list[Event], Callable[[PhoneState], object], object]] = [
    ("nothing", [], lambda state: (state.shown, state.ringing, state.last), (None, None, None)),
    ("it rings here", [incoming()], lambda state: state.ringing and state.ringing.status, "incoming"),
    ("told twice, it rings once", [incoming(), incoming()], lambda state: len(state.calls), 1),
    (
        "ours rings there",
        [ringing()],
        lambda state: (state.shown and state.shown.status, state.ringing),
        ("ringing", None),
    ),
    ("events of a call that nobody told of", [connected(), ended("x")], lambda state: state, PhoneState()),
    (
        "a late ringing changes no talk",
        [ringing(), connected(), ringing()],
        lambda s: s.shown and s.shown.status,
        "active",
    ),
    ("it begins to talk", [incoming(), connected()], lambda s: s.shown and s.shown.connected_at, 101.0),
    ("emoji", [incoming(), connected()], lambda s: s.shown and s.shown.emoji, ("🐌", "🦊")),
    (
        "the path is lost",
        [incoming(), connected(), ("call.reconnecting", {"call_id": "1"})],
        lambda s: s.shown and (s.shown.status, s.shown.talks),
        ("reconnecting", True),
    ),
    (
        "and is back, the time goes on",
        [incoming(), connected(), ("call.reconnecting", {"call_id": "1"}), ("call.reconnected", {"call_id": "1"})],
        lambda s: s.shown and (s.shown.status, s.shown.connected_at),
        ("active", 101.0),
    ),
    (
        "they mute",
        [incoming(), connected(), ("call.peer_muted", {"call_id": "1", "muted": True})],
        lambda s: s.shown and s.shown.peer_muted,
        True,
    ),
    (
        "it is over",
        [incoming(), connected(), ended("the peer hung up")],
        lambda s: (s.shown, s.last and (s.last.ending, s.last.talked)),
        (None, ("they hung up", 5.0)),
    ),
    ("over without words", [incoming(), ended("", "failed")], lambda s: s.last and s.last.ending, "failed"),
    ("the next call replaces the last", [incoming(), ended("x"), incoming("2")], lambda s: s.last, None),
    (
        "another one rings meanwhile",
        [incoming(), connected(), incoming("2", "carol")],
        lambda s: (s.shown and s.shown.peer, s.ringing and s.ringing.peer),
        ("bob", "carol"),
    ),
    (
        "the one that rings is shown when the other is over",
        [incoming(), connected(), incoming("2", "carol"), ended("x")],
        lambda s: s.shown and s.shown.peer,
        "carol",
    ),
    (
        "a key has changed",
        [("line.notice", {"kind": "key-changed", "detail": "bob shows another key"})],
        lambda s: s.notice,
        Notice("bob shows another key", 100.0, urgent=True),
    ),
    (
        "a missed call is no alarm",
        [("line.notice", {"kind": "missed-call", "detail": "bob called"})],
        lambda s: s.notice.urgent,
        False,
    ),
    (
        "something failed for good",
        [incoming(), ("call.error", {"call_id": "1", "component": "voice", "error": "is down", "retryable": False})],
        lambda s: s.notice,
        Notice("voice: is down", 101.0, urgent=True),
    ),
    (
        "a message came",
        [("message.received", {"peer": "bob"})],
        lambda s: s.notice.text,
        "a voice message from bob: p plays it",
    ),
    (
        "a message was not sent",
        [("message.failed", {"peer": "bob", "detail": "no room"})],
        lambda s: s.notice,
        Notice("voice message, bob: no room", 100.0, urgent=True),
    ),
    (
        "a headset came",
        [("audio.changed", {"detail": "microphone: Headset"})],
        lambda s: s.notice.text,
        "microphone: Headset",
    ),
    (
        "levels",
        [("audio.levels", {"microphone_dbfs": -20.0, "speaker_dbfs": -30.0})],
        lambda s: (s.sound.microphone.level_dbfs, s.sound.speaker.level_dbfs),
        (-20.0, -30.0),
    ),
]


@pytest.mark.parametrize(
    ("events", "look", "found"), [one[1:] for one in SITUATIONS], ids=[one[0] for one in SITUATIONS]
)
def test_situations(events: list[Event], look: Callable[[PhoneState], object], found: object) -> None:
    assert look(after(*events)) == found


@pytest.mark.parametrize(
    ("events", "captions"),
    [
        ([speech("call.partial", "hel")], [Caption("they", "hel", final=False)]),
        ([speech("call.partial", "hel"), speech("call.partial", "hello")], [Caption("they", "hello", final=False)]),
        ([speech("call.partial", "hel"), speech("call.speech", "hello")], [Caption("they", "hello")]),
        ([speech("call.partial", "hel"), speech("call.unclear")], []),
        ([speech("call.speech", "a"), speech("call.speaking", "b")], [Caption("they", "a"), Caption("we", "b")]),
        ([speech("call.partial", "hel"), speech("call.speech_ended")], [Caption("they", "hel", final=False)]),
    ],
)
def test_captions_settle(events: list[Event], captions: list[Caption]) -> None:
    assert list(shown(incoming(), connected(), *events).captions) == captions


def test_captions_are_bounded() -> None:
    call = shown(incoming(), *(speech("call.speech", str(number)) for number in range(200)))
    assert (len(call.captions), call.captions[-1].text) == (story.MAX_CAPTIONS, "199")


def test_quality_is_that_since_the_reading_before() -> None:
    first = quality(10_000, packets_received=95, packets_lost=5)
    second = quality(
        15_000, packets_received=195, packets_lost=5, bytes_sent=21_000, remote_loss=0.25, round_trip_ms=24.0
    )
    assert shown(incoming(), first).quality == Quality(loss_percent=5.0)
    assert shown(incoming(), first, second).quality == Quality(
        loss_percent=0.0, their_loss_percent=25.0, round_trip_ms=24.0, kbit_per_second=32.0
    )


def test_a_clock_that_was_set_back_costs_the_bit_rate_of_one_reading() -> None:
    for at in (10_000, 5_000):
        call = shown(incoming(), quality(10_000), quality(at, bytes_sent=2000))
        assert call.quality == Quality()


def test_quality_without_a_packet_or_with_late_ones_is_no_loss() -> None:
    assert shown(incoming(), quality(10_000, packets_received=0)).quality == Quality(loss_percent=0.0)
    late = shown(incoming(), quality(10_000, packets_lost=5), quality(15_000, packets_received=200, packets_lost=2))
    assert late.quality is not None
    assert late.quality.loss_percent == 0.0


def test_a_call_that_is_on_when_the_phone_starts_is_shown_as_it_stands() -> None:
    found = status(status="active", duration=30.0, leg={"emoji": ["🐌"]}, verified=False, muted=True, peer_muted=True)
    call = story.began(PhoneState(), found, 100.0).shown
    assert call is not None
    assert (call.status, call.connected_at, call.emoji, call.verified) == ("active", 70.0, ("🐌",), False)
    assert (call.muted, call.peer_muted) == (True, True)
    assert story.began(PhoneState(), status(status="ended"), 100.0) == PhoneState()


def test_the_status_may_come_before_or_after_the_events() -> None:
    before = after(ringing(), connected(), state=story.began(PhoneState(), status(), 99.0))
    behind = story.began(after(ringing()), status(status="ringing"), 101.0)
    assert before.shown is not None
    assert before.shown.status == "active"
    assert behind.shown is not None
    assert (len(behind.calls), behind.shown.status) == (1, "ringing")


def test_mute() -> None:
    state = story.muted(after(incoming(), connected()), "1", True)
    assert state.shown is not None
    assert state.shown.muted
    assert story.muted(PhoneState(), "1", True) == PhoneState()


def test_a_daemon_that_is_lost_takes_its_calls_with_it() -> None:
    state = story.daemon_lost(after(incoming(), connected()), "the daemon was killed", 111.0)
    assert (state.calls, state.link) == ((), "the daemon was killed")
    assert state.last is not None
    assert (state.last.ending, state.last.talked) == ("the daemon was killed, and the call with it", 10.0)
    assert state.notice == Notice("the daemon was killed", 111.0, urgent=True)
    again = story.daemon_lost(state, "and again", 112.0)
    assert again.last == state.last


def past(**changed: Any) -> dict[str, Any]:
    call = {"peer": "bob", "line": "direct", "direction": "incoming", "at": 10.0, "duration": 0.0}
    return {**call, "reason": "no-answer", "detail": "", "missed": False, **changed}


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (past(missed=True), Outcome.MISSED),
        (past(duration=3.0), Outcome.IN),
        (past(duration=3.0, direction="outgoing"), Outcome.OUT),
        (past(direction="outgoing"), Outcome.NOT_REACHED),
        (past(reason="declined"), Outcome.DECLINED),
        (past(), Outcome.NOT_TAKEN),
    ],
)
def test_what_became_of_past_calls(call: dict[str, Any], outcome: Outcome) -> None:
    assert [each.outcome for each in story.history_as([call], [])] == [outcome]


def test_the_history_has_calls_that_never_rang_once_and_the_latest_first() -> None:
    missed = [{"person": "carol", "at": 20.0, "why": "we were in another call", "rang": False}]
    rang = [{"person": "bob", "at": 11.0, "why": "the caller gave up", "rang": True}]
    found = story.history_as([past(missed=True), past(at=30.0, duration=1.0)], missed + rang)
    assert [(call.peer, call.outcome) for call in found] == [
        ("bob", Outcome.IN),
        ("carol", Outcome.MISSED),
        ("bob", Outcome.MISSED),
    ]


def test_people() -> None:
    contact = {"person": "bob", "contact": True, "blocked": False, "verified": True}
    people = {
        "own": {"person": "alice", "device": "laptop", "key": "00", "invite": None},
        "contacts": [{**contact, "key_changed": False, "safety_number": "1 2"}],
        "missed": [],
    }
    state = story.people_as(PhoneState(), people, [])
    assert state.contacts == (Contact(person="bob", verified=True, safety_number="1 2"),)
    assert (state.own.person, state.own.invite) == ("alice", "")
    assert state.contact("bob") is state.contacts[0]
    assert story.people_as(state, {}, []) == replace(PhoneState(), history=())


def test_voice_messages_the_latest_first_and_without_drafts() -> None:
    message = {"message_id": "1", "peer": "bob", "direction": "received", "created": "2026-11-21T10:00:00Z"}
    more = {"duration": 2.0, "heard": False, "delivery": None, "transcript": None}
    sent = {"message_id": "2", "direction": "sent", "created": "2026-11-21T11:00:00Z", "delivery": "delivered"}
    draft = {"message_id": "3", "direction": "recorded", "peer": None}
    found = story.messages_as([{**message, **more}, {**message, **more, **sent}, {**message, **more, **draft}])
    assert [(each.message_id, each.is_new, each.delivery) for each in found] == [
        ("2", False, "delivered"),
        ("1", True, ""),
    ]


def test_a_recording_and_what_plays() -> None:
    levels = {"state": "recording", "elapsed": 1.0, "remaining": 299.0, "level_dbfs": -20.0, "detail": None}
    recording = ("message.recording", {"recording_id": "r", **levels})
    playing = ("message.playing", {"message_id": "m", "position": 1.0, "duration": 2.0})
    state = after(recording, playing)
    assert state.recording == Recording(state="recording", elapsed=1.0, remaining=299.0, level_dbfs=-20.0)
    assert state.playing == Playing("m", 1.0)
    over = after(("message.played", {"message_id": "m", "to_the_end": False, "detail": "damaged"}), state=state)
    assert (over.playing, over.notice.text) == (None, "damaged")


def test_lines_that_are_not_ready_are_named() -> None:
    lines = [
        {"name": "direct", "ready": False, "detail": "the rendezvous can't be reached"},
        {"name": "browser", "ready": True, "detail": "ready"},
    ]
    assert story.line_problem(lines) == "direct: the rendezvous can't be reached"
    assert story.line_problem(lines[1:]) == ""
    assert "nobody can call" in story.line_problem([])


def test_sound() -> None:
    device = {"id": "m", "name": "Headset", "kind": "microphone", "default": True}
    devices = {"microphones": [device], "speakers": [], "chosen": {"microphone": "m", "speaker": None}}
    side = {"device": device, "detail": None}
    sound = story.sound_as(
        devices, {"call_id": "1", "microphone": side, "speaker": {"device": None, "detail": "no speaker is there"}}
    )
    assert (sound.microphone.used, sound.microphone.chosen, sound.call_id) == ("m", "m", "1")
    assert (sound.speaker.used, sound.problem) == (None, "no speaker is there")
