"""A held key, as a terminal tells of it."""

from hullo.terminal.talk_key import FIRST_SECONDS, REPEAT_SECONDS, TalkKey


def test_a_tap_is_held_until_a_repeat_could_have_come() -> None:
    key = TalkKey()
    assert key.left(10.0) == 0
    assert key.pressed(10.0)
    assert key.left(10.0) == FIRST_SECONDS
    assert key.left(10.0 + FIRST_SECONDS) == 0


def test_a_held_key_is_held_until_shortly_after_its_last_repeat() -> None:
    key = TalkKey()
    assert key.pressed(10.0)
    repeats = [10.0 + 0.6 + number * 0.033 for number in range(90)]
    assert not any(key.pressed(now) for now in repeats)
    assert key.left(repeats[-1]) == REPEAT_SECONDS
    assert key.pressed(repeats[-1] + REPEAT_SECONDS + 0.1)


def test_an_early_repeat_does_not_shorten_the_first_wait() -> None:
    key = TalkKey()
    key.pressed(10.0)
    key.pressed(10.1)
    assert key.left(10.1) > REPEAT_SECONDS
