"""How much to take out or to put in, and how fast."""

import pytest

from hullo.media.pace import Pace, PullLine, samples_to_lose


def test_pulls_lie_on_the_line_of_the_earliest() -> None:
    line = PullLine()
    due = [line.pulled(now) for now in (1.0, 1.025, 1.04, 1.069, 1.08)]
    assert due == pytest.approx([1.0, 1.02, 1.04, 1.06, 1.08])


def test_a_consumer_that_stalled_is_on_a_new_line_soon() -> None:
    line = PullLine()
    for i in range(10):
        line.pulled(i * 0.02)
    due = [line.pulled(0.6 + i * 0.02) for i in range(10)]
    assert due[0] == pytest.approx(0.2)
    assert due[-1] == pytest.approx(0.78)


def test_less_than_a_frame_of_slack_is_not_worth_having() -> None:
    assert samples_to_lose(0.019, 0.001, 0, 960) == 0
    assert samples_to_lose(0.0215, 0.001, 0, 960) == 0
    assert samples_to_lose(0.0230, 0.001, 0, 960) == 960
    assert samples_to_lose(0.450, 0.001, 0, 960) == 22 * 960


def test_what_is_left_over_buys_no_slack_and_goes() -> None:
    assert samples_to_lose(0.010, 0.001, 500, 960) == 500
    assert samples_to_lose(0.030, 0.001, 500, 960) == 1460


def test_too_little_slack_is_made_up_by_whole_frames_less_what_is_left_over() -> None:
    assert samples_to_lose(0.010, 0.012, 0, 960) == -960
    assert samples_to_lose(0.010, 0.012, 300, 960) == -660
    assert samples_to_lose(0.010, 0.045, 0, 960) == -2 * 960
    assert samples_to_lose(0.010, 0.012, 950, 960) == -120


def play(samples: int) -> list[int]:
    """What is lost at each pull, when all that is due is done."""
    pace = Pace()
    lost: list[int] = []
    while abs(samples) >= 24 and len(lost) < 1000:
        due = pace.due(samples)
        if due:
            pace.done(due)
        samples -= due
        lost.append(due)
    return lost


def test_a_second_too_much_is_gone_within_two() -> None:
    lost = play(48_000)
    assert len(lost) < 100
    assert max(lost) <= 1200
    assert sum(lost) == pytest.approx(48_000, abs=24)


@pytest.mark.parametrize("samples", [960, -960, 300, -240])
def test_a_frame_is_gone_or_made_within_half_a_second_and_not_at_once(samples: int) -> None:
    changes = play(samples)
    assert 2 < len(changes) < 25
    assert sum(changes) == pytest.approx(samples, abs=24)


def test_stretching_is_gentler_than_accelerating() -> None:
    assert len(play(-9600)) > len(play(9600))


def test_nothing_is_done_for_less_than_can_be_heard() -> None:
    pace = Pace()
    assert [pace.due(20) for _ in range(100)] == [0] * 100


def test_after_a_refusal_it_rests_and_asks_for_less() -> None:
    pace = Pace()
    while not pace.due(960):
        pass
    before = pace.similarity(960)
    pace.refused()
    assert pace.due(960) == 0
    assert pace.similarity(960) < before
    pace.done(480)
    assert pace.similarity(960) == before


def test_the_more_is_to_do_the_less_alike_sounds_must_be() -> None:
    pace = Pace()
    assert pace.similarity(960) > pace.similarity(4800) > pace.similarity(9600)
    assert pace.similarity(-4800) == pace.similarity(4800)
