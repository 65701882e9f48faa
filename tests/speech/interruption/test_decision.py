"""The decision alone, in virtual time: 20 ms of the peer after the other."""

import pytest

from hullo.speech.interruption.decision import Action, InterruptionDetector, InterruptionSettings


class Peer:
    """Feeds a detector; a letter for 20 ms: `v` a voice, `n` another sound, `.` nothing."""

    def __init__(self, **settings: float) -> None:
        self.detector = InterruptionDetector(InterruptionSettings(**settings))  # type: ignore[arg-type]
        self.now = 100.0
        self.actions: list[tuple[Action, int]] = []
        """What was decided, and after how many milliseconds."""

    def does(self, sounds: str) -> None:
        for sound in sounds:
            self.now += 0.02
            action = self.detector.feed(loud=sound != ".", voiced=sound == "v", now=self.now)
            if action is not Action.NOTHING:
                self.actions.append((action, round((self.now - 100) * 1000)))
            if action is Action.INTERRUPT:
                return

    def kinds(self) -> list[Action]:
        return [action for action, _ in self.actions]


def test_a_voice_pauses_at_once_and_interrupts_when_it_goes_on() -> None:
    peer = Peer()
    peer.does("v" * 100)
    assert peer.actions[0] == (Action.PAUSE, 60)
    assert peer.actions[1][0] is Action.INTERRUPT
    assert peer.actions[1][1] == pytest.approx(1200, abs=40)


def test_in_haste_less_of_a_voice_must_do() -> None:
    peer = Peer()
    peer.detector.in_haste = True
    peer.does("vvv")
    assert peer.actions == [(Action.PAUSE, 40)]


def test_a_sentence_with_pauses_in_it_is_one_interruption() -> None:
    peer = Peer()
    peer.does(("v" * 15 + "." * 8) * 4)
    assert peer.kinds() == [Action.PAUSE, Action.INTERRUPT]


def test_a_short_word_pauses_and_is_forgiven() -> None:
    peer = Peer()
    peer.does("v" * 25 + "." * 40)
    assert peer.kinds() == [Action.PAUSE, Action.RESUME]
    assert peer.actions[1][1] == pytest.approx(500 + 200, abs=20)


def test_behind_a_longer_phrase_somebody_may_draw_breath() -> None:
    peer = Peer()
    peer.does("v" * 40 + "." * 15 + "v" * 20)
    assert peer.kinds() == [Action.PAUSE, Action.INTERRUPT]


def test_a_noise_is_nothing_however_long() -> None:
    peer = Peer()
    peer.does("n" * 100 + "..." + "nnnn" * 20)
    assert peer.actions == []


def test_a_voice_out_of_a_noise_pauses() -> None:
    peer = Peer()
    peer.does("n" * 10 + "v")
    assert peer.actions == [(Action.PAUSE, 220)]


def test_a_click_is_nothing() -> None:
    peer = Peer()
    peer.does("vv...v...vvnn.....")
    assert peer.actions == []


AGREES = "v" * 15 + "." * 35


def test_who_agrees_again_and_again_pauses_us_once() -> None:
    peer = Peer()
    peer.does(AGREES * 20)
    assert peer.kinds() == [Action.PAUSE, Action.RESUME, *[Action.SPEAK_LOWER, Action.SPEAK_UP] * 19]


def test_who_has_agreed_may_still_interrupt() -> None:
    peer = Peer()
    peer.does(AGREES + "v" * 100)
    assert peer.kinds()[2:] == [Action.SPEAK_LOWER, Action.PAUSE, Action.INTERRUPT]
    assert [after - 1000 for _, after in peer.actions[2:4]] == [120, 600]


def test_who_has_interrupted_is_heard_at_once_the_next_time() -> None:
    peer = Peer()
    peer.does(AGREES + "v" * 100)
    before = len(peer.actions)
    peer.does("." * 50 + "v" * 10)
    assert peer.kinds()[before:] == [Action.PAUSE]


def test_that_somebody_agreed_is_forgotten_after_a_while() -> None:
    peer = Peer()
    peer.does(AGREES + "." * 50 * 60 + "v" * 10)
    assert peer.kinds()[2:] == [Action.PAUSE]


def test_who_agrees_within_the_time_that_was_asked_for_is_not_waited_for_less() -> None:
    peer = Peer(stop=0.8)
    peer.does("v" * 45 + "." * 50 + "v" * 35 + "." * 50)
    assert peer.kinds() == [Action.SPEAK_LOWER, Action.PAUSE, Action.RESUME, Action.SPEAK_LOWER, Action.SPEAK_UP]


def test_who_wants_fewer_pauses_is_lower_first() -> None:
    peer = Peer(stop=0.4)
    peer.does("v" * 10 + "." * 4 + "v" * 20)
    assert peer.actions == [(Action.SPEAK_LOWER, 60), (Action.PAUSE, 400 - 20 + 20)]


def test_a_word_that_is_shorter_than_that_stops_nobody() -> None:
    peer = Peer(stop=0.4)
    peer.does("v" * 15 + "." * 20)
    assert peer.kinds() == [Action.SPEAK_LOWER, Action.SPEAK_UP]
    assert peer.actions[1][1] == pytest.approx(300 + 200, abs=20)


def test_words_interrupt_also_after_a_short_sound_was_forgiven() -> None:
    peer = Peer()
    peer.does("v" * 20 + "." * 40)
    assert peer.detector.understood("mm-hm, yeah", peer.now) is Action.NOTHING
    assert peer.detector.understood("stop", peer.now + 10.0) is Action.NOTHING, "that was about something else"
    assert peer.detector.understood("stop", peer.now) is Action.INTERRUPT


def test_words_interrupt_that_were_taken_for_a_noise() -> None:
    peer = Peer()
    peer.does("n" * 20 + "." * 40)
    assert peer.detector.understood("stop", peer.now) is Action.INTERRUPT


def test_words_in_a_pause_decide_it() -> None:
    peer = Peer()
    peer.does("v" * 20)
    assert peer.detector.paused
    assert peer.detector.understood("what about", peer.now) is Action.INTERRUPT
    assert not peer.detector.paused


def test_words_without_any_sound_while_we_spoke_are_an_ordinary_turn() -> None:
    assert Peer().detector.understood("stop it now", 100.0) is Action.NOTHING


@pytest.mark.parametrize("settings", [{"stop": 0.01}, {"stop": 2.0}, {"release": 9.0}, {"interrupt": 11.0}])
def test_settings_that_cannot_be_are_named(settings: dict[str, float]) -> None:
    [name] = settings
    with pytest.raises(ValueError, match=rf"\({name}"):
        InterruptionSettings(**settings)  # type: ignore[arg-type]
