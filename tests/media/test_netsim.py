"""The network model does what its profile says, and the same again for the same seed."""

import statistics

import pytest

from hullo.media.netsim import PROFILES, Network, NetworkProfile


def journey(profile: NetworkProfile, seed: int = 1, packets: int = 5000) -> list[tuple[float, int]]:
    """(arrival, number) of datagrams sent each 20 ms."""
    network = Network(profile, seed=seed)
    for i in range(packets):
        network.send(i.to_bytes(4), i * 0.02)
    return [(arrival, int.from_bytes(data)) for arrival, data in network.receive(float("inf"))]


def delays(arrived: list[tuple[float, int]]) -> list[float]:
    return [arrival - number * 0.02 for arrival, number in arrived]


def test_the_same_seed_gives_the_same_network() -> None:
    for profile in PROFILES.values():
        assert journey(profile, seed=5) == journey(profile, seed=5)
    assert journey(PROFILES["rough"], seed=5) != journey(PROFILES["rough"], seed=6)


def test_a_perfect_network_changes_nothing() -> None:
    assert journey(NetworkProfile(), packets=10) == [(i * 0.02, i) for i in range(10)]


def test_uniform_jitter_stays_in_its_bounds_and_reorders() -> None:
    arrived = journey(NetworkProfile(delay=0.1, jitter=0.03))
    assert 0.07 <= min(delays(arrived)) < 0.071
    assert 0.129 < max(delays(arrived)) <= 0.13
    numbers = [number for _, number in arrived]
    assert numbers != sorted(numbers)


def test_normal_jitter_has_its_deviation() -> None:
    arrived = journey(NetworkProfile(delay=0.2, jitter=0.02, distribution="normal"))
    assert statistics.stdev(delays(arrived)) == pytest.approx(0.02, rel=0.05)


def test_without_reordering_nothing_overtakes() -> None:
    arrived = journey(NetworkProfile(delay=0.1, jitter=0.05, reordering=False))
    assert [number for _, number in arrived] == list(range(5000))
    assert [arrival for arrival, _ in arrived] == sorted(arrival for arrival, _ in arrived)


@pytest.mark.parametrize("burst", [1.0, 4.0])
def test_loss_has_its_rate_and_its_bursts(burst: float) -> None:
    arrived = {number for _, number in journey(NetworkProfile(loss=0.1, burst=burst), packets=40_000)}
    lost = [i not in arrived for i in range(40_000)]
    assert sum(lost) / len(lost) == pytest.approx(0.1, rel=0.1)
    bursts = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    expected = burst if burst > 1 else 1 / 0.9
    assert sum(lost) / bursts == pytest.approx(expected, rel=0.1)


def test_duplication_gives_some_datagrams_twice() -> None:
    assert len(journey(NetworkProfile(duplication=0.2))) == pytest.approx(6000, rel=0.02)


def test_an_outage_loses_and_a_stall_delays() -> None:
    arrived = journey(NetworkProfile(outages=((1.0, 0.5),), stalls=((3.0, 0.5),)), packets=300)
    assert set(range(300)) - {number for _, number in arrived} == set(range(50, 75))
    late = [number for arrival, number in arrived if arrival == 3.5]
    assert late == list(range(150, 176))


def test_what_is_under_way_arrives_in_its_time() -> None:
    network = Network(NetworkProfile(delay=0.05), seed=1)
    assert network.next_arrival is None
    network.send(b"a", 1.0)
    assert network.receive(1.04) == []
    assert network.next_arrival == pytest.approx(1.05)
    assert network.receive(1.06) == [(1.0 + 0.05, b"a")]
    assert network.receive(1.07) == []


def test_a_network_may_change_its_route() -> None:
    network = Network(NetworkProfile(delay=0.02), seed=1)
    network.send(b"a", 0.0)
    network.profile = NetworkProfile(delay=0.10)
    network.send(b"b", 0.02)
    assert [round(arrival, 6) for arrival, _ in network.receive(1.0)] == [0.02, 0.12]


WRONG: list[dict[str, float]] = [
    {"loss": 1.1},
    {"burst": 0.5},
    {"delay": -1},
    {"jitter": -1},
    {"duplication": -0.1},
    {"loss": 1, "burst": 2},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_networks_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"delay|loss|everything"):
        NetworkProfile(**wrong)  # type: ignore[arg-type]
