"""Devices of people and the messages between them, in virtual time: what is sent waits until the test delivers it."""

from collections.abc import Callable

import msgspec

from hullo.lines.direct.actions import Action, Answered, Missed, MissedCall, Notify, Over, Rang, Ring, Send
from hullo.lines.direct.channel import Device
from hullo.lines.direct.messages import AnyMessage
from hullo.lines.direct.rules import CallRules
from hullo.lines.line import EndReason
from tests.lines.direct.samples import NONCE, WALL, answer, call_id, offer


class InFlight(msgspec.Struct, frozen=True):
    """A message on its way."""

    sender: Device
    receiver: Device
    message: AnyMessage


class VirtualDevice:
    """One device: its rules, and what they said to do."""

    def __init__(self, world: "World", own: Device, may_ring: Callable[[str], bool], most_calls: int) -> None:
        self.own = own
        self.rules = CallRules(own, may_ring, most_calls=most_calls)
        self.done: list[Action] = []
        self._world = world

    def dial(self, person: str, number: int = 1) -> None:
        self.do(self.rules.dial(person, offer(number, sent=self._world.wall), NONCE, self._world.now))

    def answer(self, number: int = 1) -> None:
        self.do(self.rules.accept(answer(number)))

    def take(self, sender: Device, message: AnyMessage) -> None:
        self.do(self.rules.receive(sender, message, self._world.now, self._world.wall))

    def do(self, actions: list[Action]) -> None:
        self.done += actions
        for action in actions:
            if isinstance(action, Send):
                self._world.send(self.own, action)

    def rings(self, number: int = 1) -> bool:
        """Whether the call of that number has come in, and is not over."""
        rang = any(isinstance(action, Ring) and action.offer.call_id == call_id(number) for action in self.done)
        return rang and self.end(number) is None

    @property
    def heard_ringing(self) -> int:
        return sum(isinstance(action, Rang) for action in self.done)

    @property
    def answered_by(self) -> list[str]:
        return [action.device.device for action in self.done if isinstance(action, Answered)]

    def end(self, number: int = 1) -> EndReason | None:
        """Why the call of that number ended."""
        ends = [a.ending.reason for a in self.done if isinstance(a, Over) and a.call_id == call_id(number)]
        assert len(ends) <= 1
        return ends[0] if ends else None

    @property
    def missed(self) -> list[MissedCall]:
        return [action.call for action in self.done if isinstance(action, Missed)]

    @property
    def notices(self) -> list[str]:
        return [action.notice.kind for action in self.done if isinstance(action, Notify)]


class World:
    """All devices, the time, and the messages on their way."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.devices: dict[Device, VirtualDevice] = {}
        self.in_flight: list[InFlight] = []

    @property
    def wall(self) -> float:
        return WALL + self.now

    def device(
        self, own: Device, may_ring: Callable[[str], bool] = lambda person: True, most_calls: int = 1
    ) -> VirtualDevice:
        return self.devices.setdefault(own, VirtualDevice(self, own, may_ring, most_calls))

    def send(self, sender: Device, send: Send) -> None:
        for receiver in self.devices:
            if receiver.person == send.person and send.device in (None, receiver.device):
                self.in_flight.append(InFlight(sender, receiver, send.message))

    def deliver(self, which: int = 0) -> None:
        """Hand over one message that is on its way."""
        flying = self.in_flight.pop(which)
        self.devices[flying.receiver].take(flying.sender, flying.message)

    def settle(self) -> None:
        """Deliver everything, also what comes of it, in order."""
        while self.in_flight:
            self.deliver()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with every deadline kept on time."""
        until = self.now + seconds
        while (due := min(device.rules.deadline for device in self.devices.values())) <= until:
            self.now = max(self.now, due)
            for device in self.devices.values():
                device.do(device.rules.tick(self.now, self.wall))
            self.settle()
        self.now = until
