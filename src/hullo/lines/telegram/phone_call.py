"""One call at Telegram's servers: its state machine, the requests it makes, and its signaling packets in order."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from hullo.lines.line import Ending, EndReason, LegReport
from hullo.lines.telegram.call_signaling import (
    Action,
    CallSignaling,
    DeriveKey,
    Established,
    MediaSetup,
    Over,
    Rang,
    Send,
    Stage,
)
from hullo.lines.telegram.key_exchange import KeyExchangeError, KeyPair, shared_key
from hullo.lines.telegram.port import (
    AnyPhoneCall,
    InputPhoneCall,
    PhoneUpdate,
    Request,
    SendSignalingData,
    TelegramError,
    TelegramPort,
    TelegramUnreachable,
    UpdatePhoneCall,
)

logger = logging.getLogger(__name__)

MAX_EARLY_PACKETS = 64
"""Signaling packets that came before the key; the peer sends again what is dropped."""
MAX_UNSENT_PACKETS = 128
FAREWELL = 5.0
"""Seconds that telling Telegram of the end may take."""
MAX_PATIENCE = 5.0
"""Seconds that a flood wait may hold up signaling; the peer has given up after a few of them."""


class TelegramCall:
    """Drives one `CallSignaling`: `answered` and `over` are what comes of it.

    `on_known` is told when the call has an id, `on_error` of every error that Telegram answers with.
    """

    def __init__(
        self,
        port: TelegramPort,
        signaling: CallSignaling,
        actions: list[Action],
        *,
        on_known: Callable[["TelegramCall", InputPhoneCall], None],
        on_ringing: Callable[[], None],
        on_error: Callable[[TelegramError], None],
    ) -> None:
        """`signaling` and its first `actions` are what `CallSignaling.outgoing` or `incoming` gave."""
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[MediaSetup] = loop.create_future()
        self.over: asyncio.Future[Ending] = loop.create_future()
        self._port = port
        self._signaling = signaling
        self._on_known = on_known
        self._on_ringing = on_ringing
        self._on_error = on_error
        self._known = False
        self._requests: set[asyncio.Task[None]] = set()
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(MAX_UNSENT_PACKETS)
        self._early: deque[bytes] = deque(maxlen=MAX_EARLY_PACKETS)
        self._take_packet: Callable[[bytes], None] | None = None
        self._deadline_moved = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self._running = asyncio.create_task(self._run(), name="telegram call")
        self._running.add_done_callback(self._done)
        self._apply(actions)

    @property
    def stages(self) -> dict[str, float]:
        """When (monotonic) each stage of the exchange was reached."""
        return dict(self._signaling.stages)

    def report(self) -> LegReport:
        """How far the exchange came before it ended, for a call that comes to no leg."""
        reached = sorted(self._signaling.stages.items(), key=lambda stage: stage[1])
        came = [(name, at) for name, at in reached if name != Stage.OVER]
        began = came[0][1] if came else 0.0
        return LegReport(stages={name: at - began for name, at in came}, stage=came[-1][0] if came else None)

    def accept(self, keys: KeyPair) -> None:
        """Answer an incoming call."""
        self._apply(self._signaling.accept(keys, time.monotonic()))

    def update(self, update: PhoneUpdate) -> None:
        """Take an update of this call."""
        if isinstance(update, UpdatePhoneCall):
            self._phone_call_changed(update.phone_call)
        elif self._take_packet is not None:
            self._take_packet(update.data)
        else:
            self._early.append(update.data)

    def hand_packets_to(self, take_packet: Callable[[bytes], None]) -> None:
        """From now on the peer's packets go to `take_packet`; first those that came too early."""
        self._take_packet = take_packet
        while self._early:
            take_packet(self._early.popleft())

    def send_packet(self, packet: bytes) -> None:
        """Send a signaling packet after those before it; one too many is dropped, and sent again by its channel."""
        try:
            self._unsent.put_nowait(packet)
        except asyncio.QueueFull:
            logger.warning("a signaling packet is dropped: %d wait for Telegram", MAX_UNSENT_PACKETS)

    def end(self, ending: Ending) -> None:
        """End the call and tell Telegram, as far as it can be told; `close` is still to come."""
        self._apply(self._signaling.end(ending, time.monotonic()))

    async def close(self, ending: Ending) -> None:
        """End the call, tell Telegram within `FAREWELL`, and free everything; idempotent, never raises."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(ending), name="telegram call close")
        await asyncio.shield(self._closing)

    def _phone_call_changed(self, call: AnyPhoneCall) -> None:
        self._apply(self._signaling.update(call, time.monotonic()))

    def _apply(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(request):
                    self._start(self._request(request))
                case DeriveKey(own, peer_public):
                    self._start(self._derive(own, peer_public))
                case Rang():
                    self._on_ringing()
                case Established(setup):
                    self._settle(self.answered, setup)
                case Over(ending):
                    self._settle(self.over, ending)
        if self._signaling.peer is not None and not self._known:
            self._known = True
            self._on_known(self, self._signaling.peer)
        self._deadline_moved.set()

    def _settle(self, future: asyncio.Future[Any], value: object) -> None:
        if not future.done():
            future.set_result(value)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="telegram request")
        self._requests.add(task)
        task.add_done_callback(self._done)

    async def _request(self, request: Request[Any]) -> None:
        try:
            result = await self._port.call(request)
        except TelegramError as error:
            self._on_error(error)
            self._apply(self._signaling.failed(request, error, time.monotonic()))
            return
        if isinstance(result, AnyPhoneCall):
            self._phone_call_changed(result)

    async def _derive(self, own: KeyPair, peer_public: bytes) -> None:
        try:
            key = await asyncio.to_thread(shared_key, own, peer_public)
        except KeyExchangeError as error:
            self._apply(self._signaling.underivable(str(error), time.monotonic()))
        else:
            self._apply(self._signaling.derived(key, time.monotonic()))

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_deadlines())
            tasks.create_task(self._send_packets())

    async def _keep_deadlines(self) -> None:
        while True:
            self._deadline_moved.clear()
            deadline = self._signaling.deadline
            wait = None if deadline == float("inf") else max(deadline - time.monotonic(), 0.0)
            try:
                async with asyncio.timeout(wait):
                    await self._deadline_moved.wait()
            except TimeoutError:
                self._apply(self._signaling.tick(time.monotonic()))

    async def _send_packets(self) -> None:
        while True:
            packet = await self._unsent.get()
            peer = self._signaling.peer
            if peer is not None:
                await self._send_one(SendSignalingData(peer=peer, data=packet))

    async def _send_one(self, request: SendSignalingData) -> None:
        """Once more if the connection fails; beyond that the channel of the packet repeats it."""
        for _ in range(2):
            try:
                await self._port.call(request)
            except TelegramUnreachable:
                continue
            except TelegramError as error:
                self._on_error(error)
                if error.retry_after is not None:
                    await asyncio.sleep(min(error.retry_after, MAX_PATIENCE))
                    continue
                logger.info("Telegram does not take a signaling packet: %s", error.name)
            return

    async def _close(self, ending: Ending) -> None:
        self.end(ending)
        try:
            async with asyncio.timeout(FAREWELL):
                while self._requests:  # an answer may ask for another request
                    await asyncio.wait(self._requests)
        except TimeoutError:
            logger.warning("Telegram was not told of the end of a call within %g s", FAREWELL)
        tasks = [self._running, *self._requests]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.answered.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a call failed", exc_info=error)
            self._settle(self.over, Ending(EndReason.ERROR, f"internal error in the call: {error!r}; please report it"))
