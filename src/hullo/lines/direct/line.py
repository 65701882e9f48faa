"""The direct line: calls over a secure channel, to whoever the channel reaches."""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from hullo.lines.direct import endings
from hullo.lines.direct.actions import (
    Action,
    Answered,
    Found,
    Missed,
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
from hullo.lines.direct.call import OPUS_PAYLOAD_TYPE, DirectCall
from hullo.lines.direct.channel import ChannelError, Device, Notice, OnNotice, SecureChannel
from hullo.lines.direct.leg import DirectLeg
from hullo.lines.direct.letters import Letter, is_letter, parse_letter
from hullo.lines.direct.message_way import MessageWay
from hullo.lines.direct.messages import (
    Decline,
    DeclineReason,
    MediaReady,
    MessageError,
    Offer,
    Select,
    UnknownKind,
    UnknownVersion,
    encode_message,
    parse_message,
)
from hullo.lines.direct.missed import MissedCalls
from hullo.lines.direct.mover import MoveMessage
from hullo.lines.direct.muting import MuteMessage
from hullo.lines.direct.people import People
from hullo.lines.direct.rules import CallRules
from hullo.lines.line import CallFailed, Ending, EndReason, LineStatus, OnOffer, OnRinging
from hullo.lines.pending import PendingOffer
from hullo.rtc.channel import AudioChannel
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import IceOptions

logger = logging.getLogger(__name__)

MAX_SENDING = 256
"""Messages that are being sent at the same time; more are dropped, which calls get over or end of."""
SEND_DEADLINE = 10.0
FAREWELL = 2.0
"""Seconds that telling the peer of the end may take."""
MAX_NOTICES = 100

_LOOK_EVERY = 0.02

PREFIX = "direct:"

OnLetter: TypeAlias = Callable[[Device, Letter], None]
"""Takes what a device says about voice messages; it is safe on disk when this returns. Raises `OSError` else."""


class DirectLine:
    """See `hullo.lines.line.Line`. It knows people by the names that `channel` gives them, with or without `direct:`.

    `most_calls` may live at once before others find us busy. A call of ours waits `patience` seconds for the channel.
    `on_notice` is told what the user should know, as it happens; the last ones stay in `notices`. `wall` is the clock,
    in Unix seconds, that offers' ages are taken by.
    """

    def __init__(
        self,
        channel: SecureChannel,
        people: People,
        *,
        clock: MediaClock,
        ice: IceOptions = IceOptions(),  # noqa: B008  # frozen
        name: str = "direct",
        most_calls: int = 1,
        patience: float = 3.0,
        on_notice: OnNotice = lambda notice: None,
        missed: MissedCalls | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.missed = MissedCalls() if missed is None else missed
        """Calls that nobody took, the latest last."""
        self.notices: deque[Notice] = deque(maxlen=MAX_NOTICES)
        self.on_letter: OnLetter | None = None
        """Whoever keeps voice messages is told here, and sets `PostalChannel.keeps_letters`."""
        self._channel = channel
        self._people = people
        self._clock = clock
        self._ice = ice
        self._most_calls = most_calls
        self._tell = on_notice
        self._wall = wall
        self._patience = patience
        self._rules: CallRules | None = None
        self._calls: dict[str, DirectCall] = {}
        self._rings: dict[str, OnRinging] = {}
        self._on_offer: OnOffer | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._deadline_moved = asyncio.Event()

    def claims(self, to: str) -> bool:
        """Whether `to` begins with `direct:`, or is a contact."""
        return to.startswith(PREFIX) or self._people.knows(to)

    def way(self, person: str) -> MessageWay | None:
        """Where voice messages can go in the call with a person, if there is one and both sides take some."""
        legs = (call.leg for call in self._calls.values() if call.person == person)
        ways = (leg.way for leg in legs if leg is not None)
        return next((way for way in ways if way is not None and way.usable), None)

    def status(self) -> LineStatus:
        """Whether messages go through, and who we are."""
        problem = self._problem()
        address = None if problem else str(self._channel.own)
        return LineStatus(name=self.name, ready=problem is None, detail=problem or "ready", address=address)

    async def run(self, on_offer: OnOffer) -> None:
        """Keep the channel open and take incoming calls until cancelled."""
        self._on_offer = on_offer
        self._rules = CallRules(self._channel.own, self._people.may_ring, most_calls=self._most_calls)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._keep_deadlines())
                await self._channel.run(self._arrived, self._noticed)
        finally:
            self._on_offer = self._tasks = self._rules = None

    async def dial(self, to: str, on_ringing: OnRinging) -> DirectLeg:
        """Call `to` and return once it answered. Raises `CallFailed`; cancelling withdraws the call."""
        person = to.removeprefix(PREFIX)
        rules = await self._ready()
        if person == self._channel.own.person:
            raise _failed(f"{person} is who this device belongs to")
        call = self._begin(secrets.token_hex(16), person, is_caller=True)
        self._rings[call.call_id] = on_ringing
        try:
            offer = await call.offer()
            self._do(rules.dial(person, offer, call.nonce, time.monotonic()))
            await asyncio.wait((call.answered, call.over), return_when=asyncio.FIRST_COMPLETED)
            if call.over.done():
                raise CallFailed(call.over.result())
            return self._leg(call)
        except BaseException:
            await self._give_up(call)
            raise
        finally:
            del self._rings[call.call_id]

    # Calls of others

    def _rang(self, caller: Device, offer: Offer) -> None:
        if self._on_offer is None:
            return
        call = self._begin(offer.call_id, caller.person, is_caller=False)
        call.peer = caller

        async def answer() -> DirectLeg:
            return await self._answer(call, offer)

        async def refuse(ending: Ending) -> None:
            await self._give_up(call, ending)

        self._on_offer(PendingOffer(caller.person, call.over, answer, refuse))

    async def _answer(self, call: DirectCall, offer: Offer) -> DirectLeg:
        try:
            rules = self._running()
            if call.over.done():
                raise CallFailed(call.over.result())
            answer = await call.answer(offer)
            leg = self._leg(call)
            self._do(rules.accept(answer))
        except BaseException:
            await self._give_up(call)
            raise
        return leg

    # Both

    def _begin(self, call_id: str, person: str, *, is_caller: bool) -> DirectCall:
        call = DirectCall(
            call_id,
            person,
            is_caller=is_caller,
            ice=self._ice,
            on_candidates=self._say,
            takes_messages=self.on_letter is not None,
        )
        self._calls[call_id] = call
        return call

    def _leg(self, call: DirectCall) -> DirectLeg:
        channel = AudioChannel(call.connection, self._clock, payload_type=OPUS_PAYLOAD_TYPE, identity=call.identity)
        call.leg = DirectLeg(
            call.connection,
            channel,
            mover=call.mover(self._say),
            muting=call.muting(self._say),
            way=call.way(),
            tell_ready=lambda seen: self._say(MediaReady(call_id=call.call_id, seen=seen)),
            verified=lambda: self._people.verified(call.person),
            farewell=lambda ending: self._end(call, ending),
        )
        if call.answered.done():
            call.leg.set_emoji(call.answered.result())
        return call.leg

    async def _give_up(self, call: DirectCall, ending: Ending | None = None) -> None:
        """End a call that has no leg (yet)."""
        await self._end(call, ending or Ending(EndReason.HANGUP_BOT, "we gave the call up"))
        await call.connection.close()

    async def _end(self, call: DirectCall, ending: Ending) -> None:
        """Tell the peer, within `FAREWELL`; idempotent, never raises."""
        sending = [] if self._rules is None else self._do(self._rules.end(call.call_id, ending))
        self._calls.pop(call.call_id, None)
        call.finish(ending)
        if sending:
            await asyncio.wait(sending, timeout=FAREWELL)

    async def _ready(self) -> CallRules:
        """Wait for the channel, but not for long. Raises `CallFailed`."""
        deadline = time.monotonic() + self._patience
        while (problem := self._problem()) is not None:
            if time.monotonic() > deadline:
                raise _failed(problem)
            await asyncio.sleep(_LOOK_EVERY)
        return self._running()

    def _running(self) -> CallRules:
        if self._rules is None:
            raise _failed("the direct line is not running")
        return self._rules

    def _problem(self) -> str | None:
        return "the direct line is not running" if self._rules is None else self._channel.problem()

    # Rules to deeds

    def _do(self, actions: list[Action]) -> list[asyncio.Task[None]]:
        """Carry out what the rules want; returns what is being sent."""
        self._deadline_moved.set()
        sending = [self._send(action) for action in actions if isinstance(action, Send)]
        for action in actions:
            self._carry_out(action)
        return [task for task in sending if task is not None]

    def _carry_out(self, action: Action) -> None:
        match action:
            case Ring(caller, offer):
                self._rang(caller, offer)
            case Missed(missed):
                self.missed.append(missed)
                detail = f"{missed.person} called: {missed.why}"
                self._tell(Notice(kind="missed-call", person=missed.person, detail=detail))
            case Notify(notice):
                self._noticed(notice)
            case Send():
                pass
            case _:
                self._progress(action)

    def _progress(self, action: Rang | Answered | Selected | Found | Moving | Muted | PeerReady | Over) -> None:
        call = self._calls.get(action.call_id)
        if call is None:
            return
        match action:
            case Rang():
                call.connection.reached("rang")
                self._rings.get(call.call_id, _ignore_ring)()
            case Answered(_, device, answer):
                call.connection.reached("answered")
                call.peer = device
                call.take_answer(answer)
            case Selected(_, select):
                self._selected(call, select)
            case Found(_, candidates):
                call.take_candidates(candidates)
            case Moving(_, message):
                call.take_move(message)
            case Muted(_, message):
                call.take_mute(message)
            case PeerReady(_, seen) if call.leg is not None:
                call.leg.peer_ready(seen)
            case Over(_, ending):
                call.finish(ending)

    def _selected(self, call: DirectCall, select: Select) -> None:
        if not call.take_selection(select):
            detail = f"{call.person} revealed another value than it had committed to: somebody may be in between"
            self._noticed(Notice(kind="commitment-broken", person=call.person, detail=detail))
            call.finish(endings.NOT_COMMITTED)

    async def _keep_deadlines(self) -> None:
        assert self._rules is not None
        while True:
            self._deadline_moved.clear()
            deadline = self._rules.deadline
            wait = None if deadline == float("inf") else max(deadline - time.monotonic(), 0.0)
            try:
                async with asyncio.timeout(wait):
                    await self._deadline_moved.wait()
            except TimeoutError:
                self._do(self._rules.tick(time.monotonic(), self._wall()))

    # Messages

    def _say(self, message: MoveMessage | MuteMessage | MediaReady) -> None:
        if self._rules is not None:
            self._do(self._rules.tell(message))

    def _send(self, send: Send) -> asyncio.Task[None] | None:
        if self._tasks is None or len(self._sending) >= MAX_SENDING:
            logger.warning("a call message is dropped: %d are being sent", len(self._sending))
            return None
        task = self._tasks.create_task(self._deliver(send), name="direct message")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def _deliver(self, send: Send) -> None:
        message, call = send.message, self._calls.get(send.message.call_id)
        try:
            async with asyncio.timeout(SEND_DEADLINE):
                if isinstance(message, Select) and call is not None:
                    message = await call.select(message)
                await self._channel.send(send.person, encode_message(message), device=send.device)
        except (ChannelError, TimeoutError) as error:
            logger.info("a call message (%s) was not sent", type(send.message).__name__)
            if isinstance(send.message, Offer) and self._rules is not None:
                why = str(error) or f"the offer could not be sent within {SEND_DEADLINE:g} s"
                self._do(self._rules.end(send.message.call_id, Ending(EndReason.FAILED, why)))

    def _arrived(self, sender: Device, data: bytes) -> None:
        if self._rules is None:
            return
        try:
            if is_letter(data):
                self._take_letter(sender, parse_letter(data))
                return
            message = parse_message(data)
        except UnknownVersion as error:
            self._refuse_version(sender, error)
        except UnknownKind:
            logger.debug("a message of a later program is ignored")
        except MessageError as error:
            self._noticed(Notice(kind="malformed", person=sender.person, detail=f"{sender.person}: {error}"))
        else:
            self._do(self._rules.receive(sender, message, time.monotonic(), self._wall()))

    def _take_letter(self, sender: Device, letter: Letter) -> None:
        if self.on_letter is not None:
            self.on_letter(sender, letter)

    def _refuse_version(self, sender: Device, error: UnknownVersion) -> None:
        self._noticed(Notice(kind="unknown-version", person=sender.person, detail=f"{sender.person}: {error}"))
        if error.kind == "offer" and error.call_id is not None and self._people.may_ring(sender.person):
            decline = Decline(call_id=error.call_id, reason=DeclineReason.UNSUPPORTED)
            self._do([Send(sender.person, sender.device, decline)])

    def _noticed(self, notice: Notice) -> None:
        logger.warning("the direct line noticed: %s", notice.kind)
        self.notices.append(notice)
        self._tell(notice)
        if self._rules is not None and notice.person is not None and notice.devices:
            self._do(self._rules.removed(notice.person, notice.devices))


def _failed(detail: str) -> CallFailed:
    return CallFailed(Ending(EndReason.FAILED, detail))


def _ignore_ring() -> None: ...
