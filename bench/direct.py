"""How long from dialing to sound, in private calls over a rendezvous, near and far."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.effort import Effort
from bench.ends.far_away import datagrams_late, late_proxy
from bench.result import OURS, Result, Target, median, quantile
from hullo.lines.direct.channel import Device
from hullo.lines.direct.leg import DirectLeg
from hullo.lines.direct.line import DirectLine
from hullo.lines.direct.private.book import ContactBook
from hullo.lines.direct.private.channel import PrivateChannel
from hullo.lines.direct.private.own_keys import OwnKeys
from hullo.lines.direct.private.sessions import Sessions
from hullo.lines.direct.private.vault import Vault
from hullo.lines.line import Ending, EndReason, Offer
from hullo.media.pcm import Pcm
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import PATH, RendezvousServer
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import IceOptions, IceServer

QUESTION = "Private calls: from dialing, with an answer at once, until each side hears the other"

DEADLINE = 20.0
DEAD_STUN = IceOptions(servers=(IceServer("stun:192.0.2.1:3478"),))
"""A server at an address that nobody has (RFC 5737)."""

BYE = Ending(EndReason.COMPLETED, "measured")


@dataclass(frozen=True)
class Case:
    """A network: its round trip in seconds, by UDP and through the rendezvous alike, and the ICE servers."""

    round_trip: float
    ice: IceOptions


CASES = {
    "lan": Case(0.0, IceOptions()),
    "lan_dead_stun": Case(0.0, DEAD_STUN),
    "rtt_80": Case(0.08, IceOptions()),
    "rtt_80_dead_stun": Case(0.08, DEAD_STUN),
}


@dataclass(frozen=True)
class SetUp:
    """Seconds from dialing: until each side hears the other, and until both have confirmed it to each other."""

    media: float
    confirmed: float


async def run(effort: Effort) -> Result:
    """Measure the cases in turns, so that whatever else the machine does meets all of them alike."""
    calls = 30 if effort.is_full else 5
    found: dict[str, list[SetUp]] = {name: [] for name in CASES}
    first: list[SetUp] = []
    for _ in range(calls // 5):
        for name, case in CASES.items():
            first_of_all, *others = await _calls(case, 6)
            found[name] += others
            if name == "rtt_80":
                first.append(first_of_all)
    cases = {name: _figures(set_ups) for name, set_ups in found.items()}
    cases["rtt_80_first_call_ever"] = _figures(first)
    for name in ("lan", "rtt_80"):
        dead, alive = cases[f"{name}_dead_stun"], cases[name]
        dead["adds_ms"] = dead["ring_to_media_ms"] - alive["ring_to_media_ms"]
    return Result(
        name="direct",
        question=QUESTION,
        measured={
            OURS: {f"{case}_{name}": value for case, figures in cases.items() for name, value in figures.items()}
        },
        ratios={},
        targets=[
            Target("ours_lan_ring_to_media_ms", most=100),
            Target("ours_rtt_80_ring_to_media_ms", most=400),
            Target("ours_lan_dead_stun_adds_ms", most=50),
            Target("ours_rtt_80_dead_stun_adds_ms", most=50),
        ],
        conditions={
            "calls": f"{calls} calls in each network, after a first one that begins the session",
            "ends": "caller, callee and rendezvous in one process; X3DH and Double Ratchet sessions on disk",
            "distance": "each datagram leaves half a round trip late, each byte to or from the rendezvous a quarter",
        },
    )


def _figures(set_ups: list[SetUp]) -> dict[str, float]:
    media, confirmed = [1000 * each.media for each in set_ups], [1000 * each.confirmed for each in set_ups]
    return {
        "ring_to_media_ms": median(media),
        "ring_to_media_p95_ms": quantile(media, 0.95),
        "ring_to_confirmed_ms": median(confirmed),
        "ring_to_confirmed_p95_ms": quantile(confirmed, 0.95),
    }


async def _calls(case: Case, count: int) -> list[SetUp]:
    """`count` calls between two who have never called before."""
    with tempfile.TemporaryDirectory() as folder, datagrams_late(case.round_trip / 2):
        async with _two(Path(folder), case) as (alice, offers):
            return [await call(alice, offers) for _ in range(count)]


async def call(alice: DirectLine, offers: "asyncio.Queue[Offer]", to: str = "bob") -> SetUp:
    """Call somebody who answers at once, and hang up when both have confirmed that they hear.

    Raises `CallFailed` and `TimeoutError`.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    dialing, ringing = asyncio.create_task(alice.dial(to, lambda: None)), asyncio.create_task(offers.get())
    async with AsyncExitStack() as legs, asyncio.timeout(DEADLINE):
        legs.push_async_callback(_given_up, dialing, ringing)
        await asyncio.wait((dialing, ringing), return_when=asyncio.FIRST_COMPLETED)
        if not ringing.done():
            await dialing  # which has failed
        offer = await ringing
        rang = loop.time() - began
        callee = await offer.accept()
        assert isinstance(callee, DirectLeg)
        legs.push_async_callback(callee.close, BYE)
        callee.open(_deaf, _silent)
        caller = await dialing
        legs.push_async_callback(caller.close, BYE)
        caller.open(_deaf, _silent)
        await asyncio.gather(caller.connected(), callee.connected())
        confirmed = loop.time() - began
        media = max(caller.report().stages["first_heard"], rang + callee.report().stages["first_heard"])
    return SetUp(media, confirmed)


async def _given_up(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _two(folder: Path, case: Case) -> AsyncIterator[tuple[DirectLine, "asyncio.Queue[Offer]"]]:
    """Alice's line, and the calls that reach Bob."""
    offers: asyncio.Queue[Offer] = asyncio.Queue()
    server = RendezvousServer(Node(LocalStore()))
    async with (
        MediaClock() as clock,
        server.serve("127.0.0.1", 0) as port,
        late_proxy(port, case.round_trip / 4) as far,
        AsyncExitStack() as stack,
    ):
        hers, his = (stack.enter_context(Vault(folder / name)) for name in ("alice", "bob"))
        lines = [
            line_of(vault, person, contact, [f"ws://127.0.0.1:{far}{PATH}"], case.ice, clock)
            for vault, person, contact in ((hers, "alice", "bob"), (his, "bob", "alice"))
        ]
        running = [asyncio.create_task(line.run(offers.put_nowait)) for line in lines]
        try:
            async with asyncio.timeout(DEADLINE):
                while not all(line.status().ready for line in lines):  # noqa: ASYNC110  # nothing tells
                    await asyncio.sleep(0.01)
            await asyncio.sleep(4 * case.round_trip)  # the prekeys are on their way
            yield lines[0], offers
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def line_of(
    vault: Vault, person: str, contact: str, urls: Sequence[str], ice: IceOptions, clock: MediaClock
) -> DirectLine:
    """The line of a new person with one contact, over a rendezvous at these addresses."""
    OwnKeys.create(vault, Device(person, "phone"))
    book = ContactBook(vault)
    book.add(contact)
    channel = PrivateChannel(urls, Sessions(vault, book), book)
    return DirectLine(channel, book, clock=clock, ice=ice)


def _deaf(pcm: Pcm, now: float) -> None: ...


def _silent(now: float) -> Pcm | None:
    """Silence is sent as sound is."""
    return None
