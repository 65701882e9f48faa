"""The network changes in the middle of a private call."""

import asyncio
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from hullo.call import events
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.lines.direct.channel import Device
from hullo.lines.direct.leg import DirectLeg
from hullo.lines.direct.line import DirectLine
from hullo.lines.direct.messages import AnyMessage, Restart, RestartAnswer
from hullo.lines.direct.people import Contacts
from hullo.rendezvous.local_store import LocalStore
from hullo.rendezvous.node import Node
from hullo.rendezvous.server import PATH, RendezvousServer
from hullo.rtc.clock import MediaClock
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import Consent, IceOptions
from tests.lines.direct.memory_channel import (
    BYE,
    DEADLINE,
    Meddle,
    MemoryChannel,
    MemoryMessenger,
    answered,
    connect,
    sides,
)
from tests.lines.direct.rendezvous import address, people
from tests.lines.direct.samples import ALICE, BOB
from tests.rtc.networks import Elsewhere, in_two_networks
from tests.rtc.test_connection import until
from tests.rtc.tones import Listener, Tone

OTHER_CERTIFICATE = ":".join(["0F"] * 32)
PATIENT = IceOptions(consent=Consent(expiry=30.0))


class Ends:
    """Both ends of a call that is under way, and what each hears."""

    def __init__(self, caller: DirectLeg, callee: DirectLeg, listeners: tuple[Listener, Listener]) -> None:
        self.legs = (caller, callee)
        self.listeners = listeners

    async def hear_each_other(self) -> None:
        """Each hears the other's tone now."""
        for listener in self.listeners:
            listener.forget()
        await asyncio.gather(self.listeners[0].hears(1000), self.listeners[1].hears(440))


@asynccontextmanager
async def a_call(meddle: Meddle = lambda sender, receiver, message: [message]) -> AsyncIterator[Ends]:
    """Alice has called Bob, and they hear each other."""
    async with sides(MemoryMessenger(meddle=meddle), ALICE, BOB, ice=PATIENT) as (alice, bob):
        legs = await answered(alice, bob)
        ends = Ends(*legs, (Listener(), Listener()))
        for leg, listener, hertz in zip(legs, ends.listeners, (440, 1000), strict=True):
            leg.open(listener, Tone(hertz))
        await connect(*legs)
        await ends.hear_each_other()
        yield ends
        await asyncio.gather(*(leg.close(BYE) for leg in legs))


def break_path(connection: RtcConnection) -> None:
    """Nothing leaves by the chosen path any more, and nothing of it is heard, as behind a gate that was shut."""
    pair = connection._agent._nominated[1]
    pair.protocol.transport.sendto = lambda data, addr=None: None  # type: ignore[method-assign]
    pair.protocol.datagram_arrived = lambda data, addr, arrival: None  # type: ignore[attr-defined]


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


@pytest.mark.parametrize(
    "shut",
    [
        pytest.param((0,), id="at the caller's", marks=pytest.mark.peer),  # for its time only
        pytest.param((1,), id="at the callee's", marks=pytest.mark.peer),
        pytest.param((0, 1), id="at both"),
    ],
)
async def test_a_path_that_is_shut_is_left_for_another(shut: tuple[int, ...]) -> None:
    async with a_call() as ends:
        for end in shut:
            break_path(ends.legs[end]._connection)
        await until(lambda: any(leg.reconnecting for leg in ends.legs))
        await until(lambda: not any(leg.reconnecting for leg in ends.legs))
        await ends.hear_each_other()


async def test_a_socket_or_relay_that_is_lost_is_not_the_end() -> None:
    async with a_call() as ends:
        connection = ends.legs[0]._connection
        connection._agent._nominated[1].protocol.transport.close()
        await until(lambda: all("moved" in leg.report().stages for leg in ends.legs))
        await ends.hear_each_other()


@pytest.mark.peer
async def test_offers_and_answers_that_are_lost_are_sent_again() -> None:
    lost: set[type[AnyMessage]] = set()

    def forgetful(sender: object, receiver: object, message: AnyMessage) -> list[AnyMessage]:
        if isinstance(message, Restart | RestartAnswer) and type(message) not in lost:
            lost.add(type(message))
            return []
        return [message]

    async with a_call(forgetful) as ends:
        break_path(ends.legs[0]._connection)
        await until(lambda: lost == {Restart, RestartAnswer} and not any(leg.reconnecting for leg in ends.legs))
        await ends.hear_each_other()


@pytest.mark.peer
async def test_a_restart_with_another_certificate_moves_nobody() -> None:
    forged: list[Restart] = []

    def forging(sender: object, receiver: object, message: AnyMessage) -> list[AnyMessage]:
        if not isinstance(message, Restart):
            return [message]
        transport = msgspec.structs.replace(message.transport, fingerprint=OTHER_CERTIFICATE)
        forged.append(msgspec.structs.replace(message, transport=transport))
        return [forged[-1]]

    async with a_call(forging) as ends:
        for leg in ends.legs:
            break_path(leg._connection)
        await until(lambda: len(forged) >= 4)
        assert all(leg.reconnecting for leg in ends.legs)
        assert not any("moved" in leg.report().stages for leg in ends.legs)


@pytest.mark.net
@pytest.mark.parametrize("what", ["link set wifi down", "link delete wifi"], ids=["goes down", "is pulled out"])
def test_the_call_goes_on_over_the_other_interface_when_the_one_it_uses(what: str) -> None:
    gaps: list[float] = []

    async def scenario(other: Elsewhere) -> None:
        messenger = Between({ALICE: asyncio.get_running_loop(), BOB: other.loop})
        ready, over = threading.Event(), threading.Event()
        there = asyncio.wrap_future(other.start(callee(messenger, ready, over)))
        await asyncio.to_thread(ready.wait, DEADLINE)
        async with sides(messenger, ALICE, ice=PATIENT) as (alice,):
            alice.contacts.verify("bob")
            leg = await alice.dial("bob")
            listener = Listener()
            leg.open(listener, Tone(440))
            await connect(leg)
            await listener.hears(1000)
            assert leg._connection._agent.chosen_socket()[0] == "10.98.1.1"
            ip(what)
            began = time.monotonic()
            listener.forget()
            await until(lambda: leg._connection._agent.chosen_socket()[0] == "10.98.2.1")
            listener.forget()
            await listener.hears(1000, seconds=0.1)
            gaps.append(time.monotonic() - began - 0.1)
            await until(lambda: not leg.reconnecting)
            over.set()
            await there
            await leg.close(BYE)

    in_two_networks(scenario, {"wifi": "10.98.1", "lte": "10.98.2"})
    print(f"audio back after {gaps[0]:.2f} s")  # noqa: T201


RENDEZVOUS = "10.98.9.9"


@pytest.mark.net
def test_the_rendezvous_is_lost_with_the_interface_and_the_call_goes_on_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()

    async def scenario(other: Elsewhere) -> None:
        await asyncio.wrap_future(other.start(own_address(f"{RENDEZVOUS}/32")))
        for metric, gateway in enumerate(("10.98.1.2", "10.98.2.2"), 1):
            ip(f"route add {RENDEZVOUS} via {gateway} metric {metric}")
        port: Future[int] = Future()
        over = threading.Event()
        there = asyncio.wrap_future(other.start(rendezvous_and_callee(tmp_path / "there", port, over)))
        number = await asyncio.wrap_future(port)
        async with people([f"ws://{RENDEZVOUS}:{number}{PATH}"], tmp_path, PATIENT) as here:
            alice = await here.join(ALICE, "bob")
            leg = await alice.dial("bob")
            listener = Listener()
            leg.open(listener, Tone(440))
            await connect(leg)
            await listener.hears(1000)
            ip("link set wifi down")
            began = time.monotonic()
            await until(lambda: leg._connection._agent.chosen_socket()[0] == "10.98.2.1")
            listener.forget()
            await listener.hears(1000, seconds=0.1)
            print(f"audio back after {time.monotonic() - began - 0.1:.2f} s")  # noqa: T201
            over.set()
            await there
            await leg.close(BYE)

    in_two_networks(scenario, {"wifi": "10.98.1", "lte": "10.98.2"})


async def own_address(address: str) -> None:
    ip(f"addr add {address} dev lo")


async def rendezvous_and_callee(directory: Path, port: Future[int], over: threading.Event) -> None:
    """A rendezvous on all addresses, and Bob beside it, who answers."""
    async with (
        RendezvousServer(Node(LocalStore())).serve("0.0.0.0", 0) as number,
        people([address(number)], directory, PATIENT) as here,
    ):
        bob = await here.join(BOB, "alice")
        port.set_result(number)
        leg = await (await bob.offer()).accept()
        leg.open(Listener(), Tone(1000))
        await leg.connected()
        await asyncio.to_thread(over.wait, 2 * DEADLINE)
        await leg.close(BYE)


async def callee(messenger: MemoryMessenger, ready: threading.Event, over: threading.Event) -> None:
    """Bob, who answers, hears, and hears again after the change."""
    async with sides(messenger, BOB, ice=PATIENT) as (bob,):
        bob.contacts.verify("alice")
        ready.set()
        leg = await (await bob.offer()).accept()
        listener = Listener()
        leg.open(listener, Tone(1000))
        await leg.connected()
        await asyncio.to_thread(over.wait, DEADLINE)
        listener.forget()
        await listener.hears(440)
        await leg.close(BYE)


class Between(MemoryMessenger):
    """Between devices on different event loops."""

    def __init__(self, loops: dict[Device, asyncio.AbstractEventLoop]) -> None:
        super().__init__()
        self._loops = loops

    def _hand_over(self, sender: Device, receiver: Device, message: AnyMessage) -> None:
        self._loops[receiver].call_soon_threadsafe(super()._hand_over, sender, receiver, message)


async def test_the_call_says_that_it_is_reconnecting_and_for_how_long() -> None:
    messenger = MemoryMessenger()
    async with (
        MediaClock(freeze_gc=False) as clock,
        Switchboard([line_of(ALICE, "bob", messenger, clock)]) as alice,
        Switchboard([line_of(BOB, "alice", messenger, clock)]) as bob,
    ):
        call = alice.dial("direct:bob")
        await until(lambda: bool(bob.live()))
        bob.live()[0].accept()
        await until(lambda: call.state is CallState.ACTIVE)
        happened = call.events()
        assert isinstance(call._leg, DirectLeg)
        break_path(call._leg._connection)
        await until(lambda: call.state is CallState.RECONNECTING)
        await until(lambda: call.state is CallState.ACTIVE)
        call.hangup()
        told = [event async for event in happened]
    [lost] = [event for event in told if isinstance(event, events.Reconnecting)]
    [back] = [event for event in told if isinstance(event, events.Reconnected)]
    assert lost.seq < back.seq
    assert back.gap_ms >= 1000


def line_of(own: Device, contact: str, messenger: MemoryMessenger, clock: MediaClock) -> DirectLine:
    return DirectLine(MemoryChannel(messenger, own), Contacts(contact), clock=clock, ice=PATIENT)
