"""The clock in virtual time: its rate, its figures of punctuality, and what a stall or a mistake of one member does."""

import asyncio
from types import SimpleNamespace

import pytest

from hullo.rtc.clock import MAX_CATCH_UP, MediaClock
from tests.virtual_time import VirtualTime, in_virtual_time


@pytest.fixture(autouse=True)
def time_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hullo.rtc.clock.time", SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time()))


class Counting:
    """Remembers its ticks, and may fail or stall at one of them."""

    def __init__(self, *, fails_at: int | None = None, stall: tuple[int, float] | None = None) -> None:
        self.ticks: list[tuple[float, int]] = []
        self._fails_at = fails_at
        self._stall = stall

    def tick(self, now: float, missed: int) -> None:
        self.ticks.append((now, missed))
        if len(self.ticks) == self._fails_at:
            raise ZeroDivisionError("a mistake of this member")
        if self._stall is not None and len(self.ticks) == self._stall[0]:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualTime)
            loop.pass_time(self._stall[1])  # the whole process stands still

    async def reached(self, ticks: int) -> None:
        while len(self.ticks) < ticks:
            await asyncio.sleep(0.005)


def fail(error: Exception) -> None:
    pytest.fail(f"no tick should have raised {error!r}")


@in_virtual_time
async def test_members_are_ticked_fifty_times_a_second_without_drift() -> None:
    member = Counting()
    async with MediaClock() as clock:
        clock.register(member, fail)
        await member.reached(26)
    first, last = member.ticks[0][0], member.ticks[25][0]
    assert last - first == pytest.approx(25 * 0.02)


@in_virtual_time
async def test_members_are_spread_over_the_period() -> None:
    members = [Counting() for _ in range(20)]
    async with MediaClock() as clock:
        for member in members:
            clock.register(member, fail)
        assert clock.stats().members == 20
        await members[-1].reached(3)
    phases = {round(member.ticks[0][0] % 0.02, 3) for member in members}
    assert len(phases) >= 5


@in_virtual_time
async def test_a_member_that_raises_is_dropped_and_the_others_go_on() -> None:
    bad, good = Counting(fails_at=2), Counting()
    errors: list[Exception] = []
    async with MediaClock() as clock:
        clock.register(bad, errors.append)
        clock.register(good, fail)
        await good.reached(6)
        assert clock.stats().members == 1
    assert len(bad.ticks) == 2
    assert [type(error) for error in errors] == [ZeroDivisionError]


@in_virtual_time
async def test_a_short_stall_is_made_up_for_at_once() -> None:
    member = Counting(stall=(2, 0.05))
    async with MediaClock() as clock:
        clock.register(member, fail)
        await member.reached(8)
        assert clock.stats().dropped == 0
    assert all(missed == 0 for _, missed in member.ticks)
    burst = [now for now, _ in member.ticks if now == member.ticks[2][0]]
    assert len(burst) >= 2


@in_virtual_time
async def test_after_a_long_stall_ticks_are_dropped_and_counted() -> None:
    member = Counting(stall=(2, 0.41))
    async with MediaClock() as clock:
        clock.register(member, fail)
        await member.reached(8)
        stats = clock.stats()
    times = [now for now, _ in member.ticks]
    assert max(times.count(now) for now in times) <= 1 + MAX_CATCH_UP
    dropped = sum(missed for _, missed in member.ticks)
    assert dropped == stats.dropped
    elapsed = times[-1] - times[0]
    assert len(times) - 1 + dropped == pytest.approx(elapsed / 0.02, abs=1.5)
    assert stats.max_late_ms > 300
    assert stats.late_20_ms >= 1


@in_virtual_time
async def test_a_cancelled_member_is_ticked_no_more_even_from_inside_its_tick() -> None:
    class Once(Counting):
        def tick(self, now: float, missed: int) -> None:
            super().tick(now, missed)
            registration.cancel()

    once, other = Once(), Counting()
    async with MediaClock() as clock:
        registration = clock.register(once, fail)
        clock.register(other, fail)
        await other.reached(4)
        registration.cancel()
        assert clock.stats().members == 1
    assert len(once.ticks) == 1


@in_virtual_time
async def test_nothing_is_ticked_after_the_clock_stopped() -> None:
    member = Counting()
    async with MediaClock() as clock:
        clock.register(member, fail)
        await member.reached(2)
    count = len(member.ticks)
    await asyncio.sleep(0.05)
    assert len(member.ticks) == count


@in_virtual_time
async def test_members_registered_before_the_start_are_ticked() -> None:
    clock, member = MediaClock(), Counting()
    clock.register(member, fail)
    async with clock:
        await member.reached(2)
