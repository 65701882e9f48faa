"""The rules of direct calls for one device: who may ring, which call counts, and who is told. Pure.

* A call rings on all devices of a person; the first that answers has it, and the others are told.
* One device that is busy, or whose person declines, answers for all.
* Two people who call each other at once get one call: that with the lesser call id.
* An offer older than its lifetime does not ring; it is a missed call.
* Messages come late, twice, and before those that they follow. Each of these does nothing, or waits.

Times are monotonic seconds, but for `wall`, which is Unix time and compared with the sender's clock.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from enum import Enum, auto

from hullo.lines.direct import endings
from hullo.lines.direct.actions import (
    Action,
    Answered,
    Found,
    Missed,
    MissedCall,
    Moving,
    Muted,
    Notify,
    Over,
    PeerReady,
    Rang,
    Ring,
    Selected,
    Send,
)
from hullo.lines.direct.channel import Device, Notice
from hullo.lines.direct.messages import (
    Answer,
    AnsweredElsewhere,
    AnyMessage,
    Busy,
    Candidates,
    Decline,
    Hangup,
    HangupReason,
    MediaReady,
    Mute,
    MuteSeen,
    Offer,
    Restart,
    RestartAnswer,
    Ringing,
    Select,
)
from hullo.lines.line import Ending, EndReason

MAX_ENDED = 256
"""Calls that are remembered, so that late messages do not bring them back."""
MAX_EARLY_CALLS = 16
MAX_EARLY_MESSAGES = 16
"""Messages of one call that wait for the one they follow."""
OFFERS_A_MINUTE = 20
"""More of one person's do not ring, and are said to be a flood."""
MAX_CALLERS = 1024
"""People whose offers are counted; then the count begins anew."""


class _State(Enum):
    CALLING = auto()
    RINGING = auto()
    TALKING = auto()


class _Call:
    """One call that is not over."""

    def __init__(self, call_id: str, person: str, state: _State, deadline: float) -> None:
        self.call_id = call_id
        self.person = person
        self.state = state
        self.deadline = deadline
        self.nonce = b""
        """Ours, revealed once somebody answered."""
        self.device: str | None = None
        """The peer's, once known."""
        self.outgoing = state is _State.CALLING
        self.rang = False
        self.selected = False
        self.early: list[tuple[Device, AnyMessage]] = []


class CallRules:
    """All calls of one device. `may_ring` tells of a person; `most_calls` may live before others find us busy."""

    def __init__(self, own: Device, may_ring: Callable[[str], bool], *, most_calls: int = 1) -> None:
        self._own = own
        self._may_ring = may_ring
        self._most_calls = most_calls
        self._calls: dict[str, _Call] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._early: OrderedDict[str, list[tuple[Device, AnyMessage]]] = OrderedDict()
        self._offers: dict[str, deque[float]] = {}

    @property
    def deadline(self) -> float:
        """When `tick` has something to do; infinite while nothing rings."""
        return min((call.deadline for call in self._calls.values()), default=math.inf)

    # What we want

    def dial(self, person: str, offer: Offer, nonce: bytes, now: float) -> list[Action]:
        """Call all devices of a person."""
        call = _Call(offer.call_id, person, _State.CALLING, now + offer.lifetime_ms / 1000)
        call.nonce = nonce
        self._calls[call.call_id] = call
        return [Send(person, None, offer)]

    def accept(self, answer: Answer) -> list[Action]:
        """Answer a call that rings; nothing if it does not (any more)."""
        call = self._calls.get(answer.call_id)
        if call is None or call.state is not _State.RINGING:
            return []
        call.state, call.deadline = _State.TALKING, math.inf
        early, call.early = call.early, []
        actions: list[Action] = [Send(call.person, call.device, answer)]
        for sender, message in early:
            if call.call_id in self._calls:
                actions += self._follow(call, sender, message, wall=0.0)
        return actions

    def tell(self, message: Candidates | MediaReady | Mute | MuteSeen | Restart | RestartAnswer) -> list[Action]:
        """Send something about a call to whom it concerns; to all devices of a callee that has not answered."""
        call = self._calls.get(message.call_id)
        return [] if call is None else [Send(call.person, call.device, message)]

    def end(self, call_id: str, ending: Ending) -> list[Action]:
        """We hang up, decline or give up; idempotent."""
        call = self._calls.get(call_id)
        if call is None:
            return []
        return [*self._goodbye(call, ending), self._over(call, ending)]

    def removed(self, person: str, devices: Collection[str]) -> list[Action]:
        """These devices of a person are not theirs any more: calls with them are over."""
        calls = [call for call in self._calls.values() if call.person == person and call.device in devices]
        return [self._over(call, endings.DEVICE_REMOVED) for call in calls]

    def tick(self, now: float, wall: float) -> list[Action]:
        """Give up what has rung too long."""
        actions: list[Action] = []
        for call in [call for call in self._calls.values() if call.deadline <= now]:
            if call.outgoing:
                ending = endings.NOBODY_ANSWERED if call.rang else endings.NOTHING_RANG
                actions += [*self._goodbye(call, ending), self._over(call, ending)]
            else:
                actions += [self._over(call, endings.RANG_OUT), _missed(call.person, wall, endings.RANG_OUT.detail)]
        return actions

    # What others say

    def receive(self, sender: Device, message: AnyMessage, now: float, wall: float) -> list[Action]:
        """Take a message of an authenticated sender."""
        if sender.person == self._own.person or message.call_id in self._ended:
            return []
        call = self._calls.get(message.call_id)
        if isinstance(message, Offer):
            return self._offered(sender, message, now, wall) if call is None else []
        if call is None:
            self._wait_for_offer(sender, message)
            return []
        if sender.person != call.person:
            detail = f"{sender.person} sent a message about a call that is not theirs"
            return [Notify(Notice(kind="forged", person=sender.person, detail=detail))]
        return self._follow(call, sender, message, wall)

    def _follow(self, call: _Call, sender: Device, message: AnyMessage, wall: float) -> list[Action]:
        if call.state is _State.CALLING:
            return self._heard_calling(call, sender, message)
        if sender.device != call.device:
            return self._heard_from_another(call, sender, message)
        if call.state is _State.RINGING:
            return self._heard_ringing(call, sender, message, wall)
        return self._heard_talking(call, message)

    # Offers

    def _offered(self, caller: Device, offer: Offer, now: float, wall: float) -> list[Action]:
        if not self._may_ring(caller.person):
            detail = f"{caller.person} is not among the contacts, or blocked; their call did not ring"
            return [Notify(Notice(kind="stranger", person=caller.person, detail=detail))]
        if self._floods(caller.person, now):
            detail = f"{caller.person} calls more than {OFFERS_A_MINUTE} times a minute; the call did not ring"
            return [Notify(Notice(kind="flood", person=caller.person, detail=detail))]
        age = max(wall - offer.sent_at / 1000, 0.0)
        if age * 1000 > offer.lifetime_ms:
            self._remember(offer.call_id)
            why = f"it came {age:.0f} s late, or the clocks of the two devices differ"
            return [_missed(caller.person, wall, why, rang=False)]
        cleared, may_ring = self._clear_line(caller, offer)
        if not may_ring:
            return cleared
        if len(self._calls) >= self._most_calls:
            self._remember(offer.call_id)
            busy = Send(caller.person, caller.device, Busy(call_id=offer.call_id))
            return [*cleared, busy, _missed(caller.person, wall, "we were in another call", rang=False)]
        return [*cleared, *self._ring(caller, offer, now + offer.lifetime_ms / 1000 - age, wall)]

    def _ring(self, caller: Device, offer: Offer, deadline: float, wall: float) -> list[Action]:
        call = _Call(offer.call_id, caller.person, _State.RINGING, deadline)
        call.device = caller.device
        self._calls[call.call_id] = call
        ringing = Send(caller.person, caller.device, Ringing(call_id=call.call_id))
        actions: list[Action] = [ringing, Ring(caller, offer)]
        for sender, message in self._early.pop(call.call_id, []):
            if sender.person == call.person and call.call_id in self._calls:
                actions += self._follow(call, sender, message, wall)
        return actions

    def _clear_line(self, caller: Device, offer: Offer) -> tuple[list[Action], bool]:
        """End the calls that this offer replaces; False if one of them counts instead of it."""
        for call in [call for call in self._calls.values() if call.person == caller.person]:
            if call.state is _State.CALLING:
                if call.call_id < offer.call_id:
                    self._remember(offer.call_id)
                    return [], False
                return [*self._goodbye(call, endings.GLARE), self._over(call, endings.GLARE)], True
            if call.device == caller.device:
                return [self._over(call, endings.CALLED_AGAIN)], True
        return [], True

    def _floods(self, person: str, now: float) -> bool:
        if len(self._offers) >= MAX_CALLERS:
            self._offers.clear()
        times = self._offers.setdefault(person, deque(maxlen=OFFERS_A_MINUTE))
        floods = len(times) == OFFERS_A_MINUTE and now - times[0] < 60
        if not floods:
            times.append(now)
        return floods

    def _wait_for_offer(self, sender: Device, message: AnyMessage) -> None:
        if not self._may_ring(sender.person):
            return
        waiting = self._early.setdefault(message.call_id, [])
        if len(waiting) < MAX_EARLY_MESSAGES:
            waiting.append((sender, message))
        while len(self._early) > MAX_EARLY_CALLS:
            self._early.popitem(last=False)

    # Messages of a call, by what we are doing in it

    def _heard_calling(self, call: _Call, sender: Device, message: AnyMessage) -> list[Action]:
        match message:
            case Ringing() if not call.rang:
                call.rang = True
                return [Rang(call.call_id)]
            case Answer():
                return self._answered(call, sender, message)
            case Busy():
                return [self._tell_others(call, HangupReason.BUSY), self._over(call, endings.BUSY)]
            case Decline(reason=reason):
                ending = endings.declined(reason)
                return [self._tell_others(call, HangupReason.DECLINED), self._over(call, ending)]
            case Candidates() | MediaReady() if len(call.early) < MAX_EARLY_MESSAGES:
                call.early.append((sender, message))
        return []

    def _answered(self, call: _Call, sender: Device, answer: Answer) -> list[Action]:
        call.state, call.deadline, call.device = _State.TALKING, math.inf, sender.device
        early, call.early = call.early, []
        actions: list[Action] = [
            Answered(call.call_id, sender, answer),
            Send(call.person, sender.device, Select(call_id=call.call_id, nonce=call.nonce)),
            Send(call.person, None, AnsweredElsewhere(call_id=call.call_id, device=sender.device)),
        ]
        for early_sender, message in early:
            if early_sender == sender and call.call_id in self._calls:
                actions += self._heard_talking(call, message)
        return actions

    def _heard_from_another(self, call: _Call, sender: Device, message: AnyMessage) -> list[Action]:
        """Another device of the peer's person; the call is not its own, and a late answer must be told so."""
        if call.outgoing and isinstance(message, Answer) and call.device is not None:
            elsewhere = AnsweredElsewhere(call_id=call.call_id, device=call.device)
            return [Send(sender.person, sender.device, elsewhere)]
        return []

    def _heard_ringing(self, call: _Call, sender: Device, message: AnyMessage, wall: float) -> list[Action]:
        match message:
            case Hangup(reason=reason):
                ending = endings.hung_up_ringing(reason)
                over = self._over(call, ending)
                gave_up = ending is endings.CALLER_GAVE_UP
                return [over, _missed(call.person, wall, ending.detail)] if gave_up else [over]
            case AnsweredElsewhere(device=device) if device != self._own.device:
                return [self._over(call, endings.ANSWERED_ELSEWHERE)]
            case Candidates() if len(call.early) < MAX_EARLY_MESSAGES:
                call.early.append((sender, message))
        return []

    def _heard_talking(self, call: _Call, message: AnyMessage) -> list[Action]:
        match message:
            case Select() if not call.outgoing and not call.selected:
                call.selected = True
                return [Selected(call.call_id, message)]
            case AnsweredElsewhere(device=device) if not call.outgoing and device != self._own.device:
                return [self._over(call, endings.OTHER_DEVICE)]
            case Candidates():
                return [Found(call.call_id, message)]
            case Restart() | RestartAnswer():
                return [Moving(call.call_id, message)]
            case Mute() | MuteSeen():
                return [Muted(call.call_id, message)]
            case MediaReady(seen=seen):
                return [PeerReady(call.call_id, seen)]
            case Hangup(reason=reason):
                return [self._over(call, endings.hung_up_talking(reason))]
        return []

    # Endings

    def _goodbye(self, call: _Call, ending: Ending) -> list[Action]:
        """What the peer is told. A device that stops ringing by itself says nothing: another one may still answer."""
        call_id = call.call_id
        if call.state is not _State.RINGING:
            return [Send(call.person, call.device, Hangup(call_id=call_id, reason=endings.hangup_reason(ending)))]
        if ending.reason is EndReason.BUSY:
            return [Send(call.person, call.device, Busy(call_id=call_id))]
        if ending.reason is EndReason.DECLINED:
            return [Send(call.person, call.device, Decline(call_id=call_id))]
        return []

    def _tell_others(self, call: _Call, reason: HangupReason) -> Send:
        return Send(call.person, None, Hangup(call_id=call.call_id, reason=reason))

    def _over(self, call: _Call, ending: Ending) -> Over:
        del self._calls[call.call_id]
        self._remember(call.call_id)
        return Over(call.call_id, ending)

    def _remember(self, call_id: str) -> None:
        self._early.pop(call_id, None)
        self._ended[call_id] = None
        while len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)


def _missed(person: str, wall: float, why: str, *, rang: bool = True) -> Missed:
    return Missed(MissedCall(person=person, at=wall, why=why, rang=rang))
