"""The Telegram line: one user account that calls and is called."""

import asyncio
import functools
import logging
import re
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from hullo.lines.line import CallFailed, Ending, EndReason, LegReport, LineStatus, OnOffer, OnRinging
from hullo.lines.pending import PendingOffer
from hullo.lines.telegram import endings
from hullo.lines.telegram.call_signaling import Action, CallSignaling
from hullo.lines.telegram.dh_config import DhConfigSource
from hullo.lines.telegram.key_exchange import KeyExchangeError
from hullo.lines.telegram.leg import TelegramLeg
from hullo.lines.telegram.phone_call import TelegramCall
from hullo.lines.telegram.port import (
    CallConfig,
    GetCallConfig,
    InputPhoneCall,
    PhoneCallRequested,
    PhoneUpdate,
    Safety,
    TelegramError,
    TelegramPort,
    UnknownUser,
    UpdatePhoneCall,
    User,
)
from hullo.rtc.clock import MediaClock
from hullo.rtc.parameters import Consent

logger = logging.getLogger(__name__)

MAX_UNROUTED = 64
"""Updates of calls that have no id yet; they come before the result that tells the id."""
MAX_REMEMBERED = 256
"""Calls that have ended, so that replayed updates do not bring them back."""
MAX_RINGING = 16
"""Incoming calls that are looked at at the same time; more are left to ring out."""

GAVE_UP = Ending(EndReason.HANGUP_BOT, "we gave the call up")
GLARE = Ending(EndReason.BUSY, "both called each other at the same time; their call comes in")

_ADDRESS = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}|\+?[0-9]{4,19}")


class TelegramLine:
    """See `hullo.lines.line.Line`. `rating` (1 to 5) is given when Telegram asks for one; None gives none."""

    def __init__(
        self,
        port: TelegramPort,
        safety: Safety,
        *,
        clock: MediaClock,
        name: str = "telegram",
        rating: int | None = None,
        consent: Consent = Consent(),  # noqa: B008  # frozen
    ) -> None:
        self.name = name
        self._port = port
        self._safety = safety
        self._clock = clock
        self._rating = rating
        self._consent = consent
        self._dh = DhConfigSource(port)
        self._config = CallConfig()
        self._calls: dict[int, TelegramCall] = {}
        self._dialing: dict[int, TelegramCall | None] = {}
        """Calls of ours that nobody has answered, by callee; None while the call is being prepared."""
        self._given_way: set[int] = set()
        """Whose own call came while ours to them was being prepared."""
        self._unrouted: deque[tuple[int, PhoneUpdate]] = deque(maxlen=MAX_UNROUTED)
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._arrivals: asyncio.Queue[PhoneCallRequested] = asyncio.Queue(MAX_RINGING)
        self._on_offer: OnOffer | None = None
        self._account_ended: Ending | None = None

    def claims(self, to: str) -> bool:
        """Whether `to` is an @name, a user id or a phone number."""
        return is_address(to)

    def status(self) -> LineStatus:
        """The health of the account."""
        health = self._port.health()
        return LineStatus(name=self.name, ready=health.online, detail=health.detail, address=health.address)

    async def run(self, on_offer: OnOffer) -> None:
        """Keep the account online and take incoming calls until cancelled."""
        self._on_offer = on_offer
        self._port.set_listener(self._updated)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._port.run())
                tasks.create_task(self._end_with_the_account())
                while True:
                    tasks.create_task(self._take(await self._arrivals.get()))
        finally:
            self._on_offer = None

    async def _end_with_the_account(self) -> None:
        """Calls that are not answered end when the account is logged out; those that are need Telegram no more."""
        self._account_ended = endings.account_ended(await self._port.ended())
        for call in [*self._calls.values(), *self._dialing.values()]:
            if call is not None and not call.answered.done():
                call.end(self._account_ended)

    async def dial(self, to: str, on_ringing: OnRinging) -> TelegramLeg:
        """Call `to` and return once it answered. Raises `CallFailed`; cancelling withdraws the call."""
        user = await self._callee(to)
        self._dialing[user.id] = None
        try:
            call = self._dialing[user.id] = await self._place(user, on_ringing)
            return await self._answered(call)
        finally:
            self._dialing.pop(user.id, None)
            self._given_way.discard(user.id)

    # Calls of ours

    async def _callee(self, to: str) -> User:
        health = self._port.health()
        if not health.online:
            raise _failed(f"the Telegram account is not online: {health.detail}")
        try:
            user = await self._port.resolve(to)
        except UnknownUser as error:
            raise _failed(str(error)) from error
        except TelegramError as error:
            self._safety.failed(None, error, time.monotonic())
            raise _unprepared(endings.refused(error, "looking up the callee")) from error
        if user.is_bot:
            raise _failed(f"{to} is a bot, and bots take no calls")
        if user.id == self._port.self_id:
            raise _failed(f"{to} is this account itself")
        if user.id in self._dialing:
            raise _unprepared(Ending(EndReason.BUSY, f"{to} is being called already"))
        refusal = self._safety.refuse_outgoing(user, time.monotonic())
        if refusal is not None:
            raise _failed(refusal)
        return user

    async def _place(self, user: User, on_ringing: OnRinging) -> TelegramCall:
        try:
            await self._refresh_config()
            keys = await self._dh.key_pair()
        except KeyExchangeError as error:
            raise _failed(f"the call would not be secure: {error}") from error
        except TelegramError as error:
            self._safety.failed(None, error, time.monotonic())
            raise _unprepared(endings.refused(error, "preparing the call")) from error
        if user.id in self._given_way:
            raise _unprepared(GLARE)
        if self._account_ended is not None:  # while the call was being prepared
            raise _unprepared(self._account_ended)
        now = time.monotonic()
        self._safety.outgoing(user, now)
        random_id = secrets.randbits(32) - (1 << 31)
        signaling, actions = CallSignaling.outgoing(user, keys, self._config, random_id, now, self._rating)
        return self._begin(signaling, actions, user, on_ringing)

    async def _refresh_config(self) -> None:
        """The timers are the server's; without an answer those of before are good enough."""
        try:
            self._config = await self._port.call(GetCallConfig())
        except TelegramError as error:
            logger.info("Telegram does not tell its call timers: %s", error.name)

    # Calls of others

    async def _take(self, requested: PhoneCallRequested) -> None:
        """Offer an incoming call.

        One of somebody who may not call is left to ring out: another device of the account may want to answer it.
        """
        user = await self._caller(requested.admin_id)
        refusal = self._safety.refuse_incoming(user, time.monotonic())
        on_offer = self._on_offer
        if refusal is not None or on_offer is None or requested.id in self._calls:
            logger.info("an incoming Telegram call is not offered: %s", refusal or "it rings already")
            return
        signaling, actions = CallSignaling.incoming(requested, self._config, time.monotonic(), self._rating)
        call = self._begin(signaling, actions, user, _ignore_ring)
        if not await self._lost_to_glare(user, call):
            accept, close = functools.partial(self._accept, call), functools.partial(self._close, call)
            on_offer(PendingOffer(user.address, call.over, accept, close))

    async def _caller(self, user_id: int) -> User:
        try:
            return await self._port.resolve(str(user_id))
        except (TelegramError, UnknownUser):  # nobody that the account knows
            return User(id=user_id, access_hash=0)

    async def _lost_to_glare(self, user: User, theirs: TelegramCall) -> bool:
        """Both call each other at once: the call of the lower user id counts, the other one is taken back.

        An app that is not ours refuses our call as busy; then theirs is offered, whatever the ids.
        """
        if user.id not in self._dialing:
            return False
        ours = self._dialing[user.id]
        if ours is None:
            self._given_way.add(user.id)
            return False
        if self._port.self_id > user.id:
            await ours.close(GLARE)
            return False
        await asyncio.wait((ours.answered, ours.over, theirs.over), return_when=asyncio.FIRST_COMPLETED)
        if not ours.over.done():
            our_call = Ending(EndReason.BUSY, "both called each other at the same time; our call counts")
            await self._close(theirs, our_call)
            return True
        return False

    async def _accept(self, call: TelegramCall) -> TelegramLeg:
        try:
            keys = await self._dh.key_pair()
        except KeyExchangeError as error:
            raise _failed(f"the call would not be secure: {error}") from error
        except TelegramError as error:
            raise CallFailed(endings.refused(error, "answering the call"), call.report()) from error
        call.accept(keys)
        return await self._answered(call)

    # Both

    def _begin(
        self, signaling: CallSignaling, actions: list[Action], user: User, on_ringing: Callable[[], None]
    ) -> TelegramCall:
        return TelegramCall(
            self._port,
            signaling,
            actions,
            on_known=self._known,
            on_ringing=on_ringing,
            on_error=lambda error: self._safety.failed(user, error, time.monotonic()),
        )

    async def _answered(self, call: TelegramCall) -> TelegramLeg:
        """The leg of a call, once both sides have its key. Raises `CallFailed`; cancelling ends the call."""
        try:
            await asyncio.wait((call.answered, call.over), return_when=asyncio.FIRST_COMPLETED)
            if call.over.done():
                raise CallFailed(call.over.result(), call.report())
            leg = TelegramLeg(
                call.answered.result(),
                clock=self._clock,
                send_packet=call.send_packet,
                farewell=lambda ending: self._close(call, ending),
                call_stages=call.stages,
                consent=self._consent,
            )
        except BaseException:
            await self._close(call, GAVE_UP)
            raise
        call.over.add_done_callback(lambda over: leg.hang_up(over.result()))
        try:
            await leg.start()
        except BaseException:
            await leg.close(GAVE_UP)
            raise
        call.hand_packets_to(leg.packet_arrived)
        return leg

    async def _close(self, call: TelegramCall, ending: Ending) -> None:
        try:
            await call.close(ending)
        finally:
            for call_id in [call_id for call_id, known in self._calls.items() if known is call]:
                del self._calls[call_id]
                self._remember(call_id)

    # What Telegram tells

    def _updated(self, update: PhoneUpdate) -> None:
        call_id = update.phone_call.id if isinstance(update, UpdatePhoneCall) else update.phone_call_id
        if call_id in self._calls:
            self._calls[call_id].update(update)
        elif call_id in self._ended:
            return
        elif isinstance(update, UpdatePhoneCall) and isinstance(update.phone_call, PhoneCallRequested):
            self._rings(update.phone_call)
        else:
            self._unrouted.append((call_id, update))

    def _rings(self, requested: PhoneCallRequested) -> None:
        if requested.date + self._config.ring_timeout < time.time():
            logger.info("an incoming Telegram call is passed over: it rang out while this account was offline")
        elif self._arrivals.full():
            logger.warning("an incoming Telegram call is left to ring out: %d others just came", MAX_RINGING)
        else:
            self._arrivals.put_nowait(requested)

    def _known(self, call: TelegramCall, peer: InputPhoneCall) -> None:
        """A call has its id: it gets what came for it before."""
        self._calls[peer.id] = call
        waiting = [entry for entry in self._unrouted if entry[0] == peer.id]
        for entry in waiting:
            self._unrouted.remove(entry)
            call.update(entry[1])

    def _remember(self, call_id: int) -> None:
        self._ended[call_id] = None
        while len(self._ended) > MAX_REMEMBERED:
            self._ended.popitem(last=False)


def is_address(to: str) -> bool:
    """Whether `to` is an @name, a user id or a phone number."""
    return _ADDRESS.fullmatch(to) is not None


def _failed(detail: str) -> CallFailed:
    return _unprepared(Ending(EndReason.FAILED, detail))


def _unprepared(ending: Ending) -> CallFailed:
    return CallFailed(ending, LegReport(stage="preparing"))


def _ignore_ring() -> None: ...
