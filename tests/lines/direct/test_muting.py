"""What two ends know of each other's mutes, over a channel that loses, repeats and reorders."""

import asyncio
import random
from collections.abc import Callable

from hullo.lines.direct.messages import Mute
from hullo.lines.direct.muting import MuteMessage, Muting
from tests.lines.direct.samples import call_id
from tests.rtc.test_connection import until

OFTEN = (0.005, 0.01)


def end(tell: Callable[[MuteMessage], None], *, peer_tells: bool = True) -> Muting:
    return Muting(call_id=call_id(1), peer_tells=peer_tells, tell=tell, repeat=OFTEN)


async def test_each_change_arrives_over_a_bad_channel_and_is_repeated_until_it_was_seen() -> None:
    rng, told = random.Random(3), list[MuteMessage]()

    def badly(receiver: Muting) -> Callable[[MuteMessage], None]:
        def tell(message: MuteMessage) -> None:
            told.append(message)
            for _ in range(rng.choice((0, 0, 1, 2))):
                asyncio.get_running_loop().call_later(rng.uniform(0, 0.01), receiver.take, message)

        return tell

    alice, bob = end(told.append), end(told.append)
    alice._tell, bob._tell = badly(bob), badly(alice)
    seen: list[bool] = []
    bob.on_peer_muted = seen.append
    running = [asyncio.create_task(each.run()) for each in (alice, bob)]
    for muted in (True, False, True):
        alice.set_muted(muted)
        alice.set_muted(muted)
        await until(lambda muted=muted: bob.peer_muted is muted)  # type: ignore[misc]
    assert seen == [True, False, True]
    assert alice.peer_muted is False
    await until(lambda: alice.settled)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def test_what_comes_late_does_not_count_and_is_acknowledged_all_the_same() -> None:
    told: list[MuteMessage] = []
    bob = end(told.append)
    bob.take(Mute(call_id=call_id(1), muted=False, number=2))
    bob.take(Mute(call_id=call_id(1), muted=True, number=1))
    assert bob.peer_muted is False
    assert [message.number for message in told] == [2, 1]


async def test_an_app_that_does_not_know_mutes_is_told_nothing() -> None:
    told: list[MuteMessage] = []
    alice = end(told.append, peer_tells=False)
    alice.set_muted(True)
    await alice.run()
    assert alice.peer_muted is None
    assert told == []
