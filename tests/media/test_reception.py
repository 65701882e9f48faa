"""Order, loss and jitter of one source, against RFC 3550's own formulas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.media.reception import Order, Reception


def take(reception: Reception, sequences: list[int]) -> list[Order]:
    return [reception.take(sequence % 65536).order for sequence in sequences]


def test_packets_in_order() -> None:
    reception = Reception(7)
    assert set(take(reception, list(range(65530, 65550)))) == {Order.NEW}
    assert (reception.received, reception.expected, reception.lost, reception.duplicates) == (20, 20, 0, 0)
    block = reception.report_block()
    assert (block.ssrc, block.highest_sequence, block.fraction_lost, block.jitter) == (7, 65549, 0, 0)


def test_duplicates_and_late_ones_are_told_apart() -> None:
    reception = Reception(1)
    orders = take(reception, [10, 12, 11, 12, 10, 13])
    assert orders == [Order.NEW, Order.NEW, Order.NEW, Order.DUPLICATE, Order.DUPLICATE, Order.NEW]
    assert (reception.lost, reception.duplicates) == (0, 2)


def test_one_from_before_the_first_counts() -> None:
    reception = Reception(1)
    take(reception, [10, 9, 11])
    assert (reception.expected, reception.lost) == (3, 0)


def test_the_fraction_lost_is_that_since_the_last_report() -> None:
    reception = Reception(1)
    take(reception, [i for i in range(100) if i % 4])
    take(reception, [100])
    first = reception.report_block()
    assert first.packets_lost == 24
    assert first.fraction_lost == 256 * 24 // 100
    take(reception, list(range(101, 200)))
    second = reception.report_block()
    assert (second.packets_lost, second.fraction_lost) == (24, 0)
    assert reception.report_block().fraction_lost == 0


def test_what_comes_late_takes_back_a_loss() -> None:
    reception = Reception(1)
    take(reception, [0, 1, 3, 4])
    assert reception.report_block().packets_lost == 1
    take(reception, [2])
    block = reception.report_block()
    assert (block.packets_lost, block.fraction_lost) == (0, 0)


def test_jitter_follows_the_formula() -> None:
    reception = Reception(1)
    expected = 0.0
    transits = [0.0, 0.016, 0.0, 0.032, 0.032]
    for i, transit in enumerate(transits):
        reception.measure_jitter(5.0 + transit)
        if i:
            expected += (abs(transit - transits[i - 1]) - expected) / 16
    assert reception.jitter == pytest.approx(expected)
    reception.take(0)
    assert reception.report_block().jitter == round(expected * 48_000)


def test_a_pause_is_no_jitter() -> None:
    reception = Reception(1)
    reception.measure_jitter(0.0)
    reception.measure_jitter(60.0)
    assert reception.jitter == 0.0


def test_a_jump_is_believed_when_it_goes_on() -> None:
    reception = Reception(1)
    take(reception, [0, 1, 2])
    assert take(reception, [40_000, 3]) == [Order.IMPLAUSIBLE, Order.NEW]
    assert take(reception, [40_000, 40_001, 40_002]) == [Order.IMPLAUSIBLE, Order.RESTARTED, Order.NEW]
    assert reception.lost == 0
    assert reception.report_block().highest_sequence == 40_002


@given(st.lists(st.integers(0, 65535), max_size=200))
def test_any_numbers_are_counted_consistently(sequences: list[int]) -> None:
    reception = Reception(1)
    for sequence in sequences:
        reception.take(sequence)
    assert reception.received == len(sequences)
    assert reception.lost >= 0
    if sequences:
        block = reception.report_block()
        assert 0 <= block.fraction_lost <= 255
        assert 0 <= block.highest_sequence < 2**32


def test_a_duplicate_from_long_ago_is_forgotten_and_does_no_harm() -> None:
    reception = Reception(1)
    take(reception, list(range(3000)))
    assert take(reception, [2950]) == [Order.DUPLICATE]
    assert take(reception, [100]) == [Order.IMPLAUSIBLE]
