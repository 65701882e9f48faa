"""Reports between two ends in virtual time: what one says of the network, the other learns."""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from hullo.media.netsim import Network, NetworkProfile
from hullo.media.pcm import Pcm
from hullo.media.receiver import Receiver
from hullo.media.reporting import Reporter
from hullo.media.rtcp import Goodbye, ReceiverReport, SenderReport, SourceDescription, is_rtcp, parse_compound
from hullo.media.sender import Sender

NOISE: Pcm = (np.random.default_rng(1).normal(size=960) * 3000).astype(np.int16)


@dataclass
class End:
    """One end of a call: everything that media does, without any network."""

    ssrc: int
    clock: float
    sender: Sender = field(init=False)
    receiver: Receiver = field(init=False)
    reporter: Reporter = field(init=False)
    sent_reports: list[tuple[float, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender = Sender(ssrc=self.ssrc, first_sequence=65530)
        self.receiver = Receiver()
        self.reporter = Reporter(
            self.sender,
            self.receiver,
            cname=f"end-{self.ssrc}",
            wall_offset=1.8e9 - self.clock,
            rng=random.Random(self.ssrc),
        )

    def take(self, data: bytes, now: float) -> None:
        if is_rtcp(data):
            self.reporter.feed(data, now + self.clock)
        else:
            self.receiver.feed(data, now + self.clock)

    def tick(self, now: float, *, talks: bool = True) -> list[bytes]:
        self.receiver.pull(now + self.clock)
        packet = self.sender.push(NOISE if talks else None, now + self.clock)
        report = self.reporter.poll(now + self.clock)
        if report:
            self.sent_reports.append((now, report))
        return [data for data in (packet, report) if data]


def talk(
    left: End,
    right: End,
    forth: Network,
    back: Network,
    seconds: float,
    *,
    right_talks: bool = True,
    start: float = 0.0,
) -> None:
    for i in range(round(seconds / 0.02)):
        now = start + i * 0.02
        for arrival, data in forth.receive(now):
            right.take(data, arrival)
        for arrival, data in back.receive(now):
            left.take(data, arrival)
        for data in left.tick(now):
            forth.send(data, now)
        for data in right.tick(now, talks=right_talks):
            back.send(data, now)


def test_each_end_learns_the_round_trip_whatever_its_clock_says() -> None:
    left, right = End(1, clock=0.0), End(2, clock=5000.0)
    talk(left, right, Network(NetworkProfile(delay=0.03), seed=1), Network(NetworkProfile(delay=0.05), seed=2), 8)
    for end in (left, right):
        assert end.reporter.remote is not None
        assert end.reporter.remote.round_trip == pytest.approx(0.08, abs=0.001)
        assert end.reporter.remote.fraction_lost == 0
        assert end.reporter.remote.packets_lost == 0


def test_loss_and_jitter_of_one_direction_are_learnt_by_its_sender() -> None:
    left, right = End(1, clock=0.0), End(2, clock=10.0)
    talk(
        left,
        right,
        Network(NetworkProfile(delay=0.05, jitter=0.01, loss=0.2), seed=3),
        Network(NetworkProfile(), seed=4),
        30,
    )
    remote = left.reporter.remote
    assert remote is not None
    assert remote.packets_lost == pytest.approx(300, abs=60)
    assert 0.003 < remote.jitter < 0.02
    assert left.sender.stats().expected_loss > 10
    assert right.reporter.remote is not None
    assert right.reporter.remote.packets_lost == 0
    assert right.sender.stats().expected_loss == 0


def test_the_highest_sequence_number_says_what_has_been_received() -> None:
    left, right = End(1, clock=0.0), End(2, clock=0.0)
    forth = Network(NetworkProfile(outages=((5.0, 100.0),)), seed=1)
    talk(left, right, forth, Network(NetworkProfile(), seed=2), 12)
    remote = left.reporter.remote
    assert remote is not None
    assert remote.highest_sequence == 65530 + 249
    assert remote.at > 9.0


def test_the_first_report_follows_the_first_packet_and_the_others_come_every_second_or_two() -> None:
    left, right = End(1, clock=0.0), End(2, clock=0.0)
    talk(left, right, Network(NetworkProfile(delay=0.03), seed=1), Network(NetworkProfile(delay=0.03), seed=2), 30)
    times = [at for at, _ in left.sent_reports]
    assert times[0] <= 0.06
    gaps = np.diff(times)
    assert gaps.min() >= 1.0
    assert gaps.max() <= 2.53
    assert gaps.max() - gaps.min() > 0.5


def test_nothing_is_reported_before_anything_flows() -> None:
    end = End(1, clock=0.0)
    assert all(end.reporter.poll(i * 0.02) is None for i in range(500))


def test_a_sender_that_hears_nothing_still_reports() -> None:
    end = End(1, clock=0.0)
    for i in range(100):
        end.tick(i * 0.02)
    first = parse_compound(end.sent_reports[0][1])[0]
    assert isinstance(first, SenderReport)
    assert first.reports == ()


def test_who_is_muted_sends_receiver_reports() -> None:
    left, right = End(1, clock=0.0), End(2, clock=0.0)
    talk(left, right, Network(NetworkProfile(), seed=1), Network(NetworkProfile(), seed=2), 10, right_talks=False)
    kinds = [[type(packet) for packet in parse_compound(data)] for _, data in right.sent_reports]
    assert kinds
    assert all(kind == [ReceiverReport, SourceDescription] for kind in kinds)
    assert all(isinstance(parse_compound(data)[0], SenderReport) for _, data in left.sent_reports)


def test_a_report_that_came_after_the_moment_of_ours_was_kept_for_no_time() -> None:
    left, right = End(1, clock=0.0), End(2, clock=0.0)
    for tick in range(75):
        for data in left.tick(tick * 0.02):
            right.take(data, 1.5)
    answer = parse_compound(right.reporter.poll(1.499) or b"")[0]
    assert isinstance(answer, ReceiverReport)
    assert answer.reports[0].last_sr != 0
    assert answer.reports[0].delay_since_last_sr == 0


def test_a_goodbye_is_noted_and_sound_may_follow() -> None:
    left, right = End(1, clock=0.0), End(2, clock=0.0)
    forth, back = Network(NetworkProfile(), seed=1), Network(NetworkProfile(), seed=2)
    talk(left, right, forth, back, 1)
    goodbye = left.reporter.bye(1.0)
    assert parse_compound(goodbye)[-1] == Goodbye(sources=(1,))
    right.take(goodbye, 1.0)
    assert right.reporter.bye_at == 1.0
    before = right.receiver.stats().played_ms
    talk(left, right, forth, back, 1, start=1.0)
    assert right.receiver.stats().played_ms > before + 900


def test_garbage_is_counted_and_changes_nothing() -> None:
    end = End(1, clock=0.0)
    rng = random.Random(9)
    for _ in range(1000):
        end.reporter.feed(rng.randbytes(rng.randrange(60)), 1.0)
    assert end.reporter.malformed == 1000
    assert end.reporter.remote is None
