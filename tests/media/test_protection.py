"""From the peer's reports to the coding: guarded at once when something is lost, plain when nothing has been."""

from hullo.media.protection import Coding, LossProtection

GUARDED = Coding(10, clear=False)
CLEAR = Coding(0, clear=True)


def told(protection: LossProtection, begin: int, losses: list[float], trip: float | None = 0.05) -> list[Coding]:
    """One report a second."""
    return [protection.report(loss, trip, float(begin + second)) for second, loss in enumerate(losses)]


def test_reported_loss_raises_the_guard_at_once_and_lowers_it_slowly() -> None:
    codings = told(LossProtection(), 0, [0.0, 0.2, 0.0, 0.9, *[0.0] * 25])
    assert [coding.expected_loss for coding in codings[:5]] == [10, 20, 19, 30, 29]
    assert codings[-1] == GUARDED


def test_ten_lossless_seconds_make_the_way_clear_until_the_first_loss() -> None:
    codings = told(LossProtection(), 0, [*[0.0] * 11, 0.01, 0.0])
    assert codings == [*[GUARDED] * 10, CLEAR, GUARDED, GUARDED]


def test_a_way_that_does_not_bear_the_clear_coding_is_tried_less_and_less_often() -> None:
    protection = LossProtection()
    clear_at = []
    for second in range(1000):
        bears = not protection.coding.clear
        if protection.report(0.0 if bears else 0.02, 0.05, float(second)).clear:
            clear_at.append(second)
    assert clear_at == [10, 32, 74, 156, 318, 640, 962]


def test_a_way_that_stayed_clear_for_a_minute_is_tried_again_soon() -> None:
    protection = LossProtection()
    told(protection, 0, [*[0.0] * 11, 0.01])
    codings = told(protection, 12, [*[0.0] * 100, 0.01, *[0.0] * 12])
    assert codings[19:21] == [GUARDED, CLEAR]
    assert codings[100] == GUARDED
    assert codings[-2:] == [CLEAR, CLEAR]


def test_a_growing_queue_is_trouble_before_anything_is_lost() -> None:
    protection = LossProtection()
    assert told(protection, 0, [0.0] * 11, trip=0.05)[-1] == CLEAR
    assert told(protection, 11, [0.0], trip=0.19) == [CLEAR]
    assert told(protection, 12, [0.0], trip=0.25) == [GUARDED]


def test_a_peer_that_sends_no_times_is_judged_by_its_losses() -> None:
    assert told(LossProtection(), 0, [0.0] * 11, trip=None)[-1] == CLEAR
