"""Token buckets in virtual time."""

import pytest

from hullo.rendezvous.limits import Buckets, customer


def test_a_burst_then_the_rate_and_others_are_not_touched() -> None:
    buckets = Buckets(rate=2.0, burst=5.0)
    assert [buckets.take("a", 10.0) for _ in range(6)] == [True] * 5 + [False]
    assert buckets.take("b", 10.0)
    assert not buckets.take("a", 10.4)
    assert buckets.take("a", 10.5)
    assert not buckets.take("a", 10.5)
    assert not buckets.take("c", 10.0, amount=6)


def test_only_so_many_keys_are_remembered() -> None:
    buckets = Buckets(rate=1.0, burst=1.0, most_keys=2)
    for key in "abc":
        assert buckets.take(key, 0.0)
    assert not buckets.take("c", 0.0)
    assert buckets.take("a", 0.0)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("a proxy's idea of one", "a proxy's idea of one"),
        ("", ""),
    ],
)
def test_all_addresses_of_one_customer_count_as_one(address: str, counted: str) -> None:
    assert customer(address) == counted
