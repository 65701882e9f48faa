"""A device's connection to a node of its rendezvous: kept up, with requests that wait for their answers."""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from hullo.lines.direct.channel import ChannelError, ChannelRefused, Device
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.liveness import Liveness, abandon, stranded
from hullo.rendezvous.wire import (
    MAX_FRAME,
    VERSION,
    Accepted,
    Bundles,
    Challenge,
    ClientMessage,
    Envelope,
    Fetch,
    Hello,
    LowPrekeys,
    Post,
    Publish,
    PublishedKeys,
    Refusal,
    Reserve,
    Reserved,
    Sent,
    ServerMessage,
    Succeed,
    Succeeded,
    Succession,
    Took,
    Welcome,
    WireError,
    encode,
    parse_server,
    signed_by_hello,
)

logger = logging.getLogger(__name__)

CONNECT_DEADLINE = 10.0
"""Seconds until a connection is there, and as many until the node has greeted us."""
ANSWER_DEADLINE = 5.0
HEARTBEAT = 20.0
RETRY = (0.2, 30.0)
"""Seconds before the first and, doubled each time, before every later attempt to connect; spread by half."""
REFUSED_RETRY = 30.0
MAX_PENDING = 256
LOOK_EVERY = 0.5
"""Seconds between two looks whether the connection still reaches the server."""

_MOST_DOUBLINGS = 10  # a day offline makes numbers that no float holds

_FINAL = ("unknown-person", "no-storage", "quota", "full", "too-big")
"""Codes of refusals that make no sense to be asked again at once."""

_AT_ONCE = ("unavailable", "succeeded")
"""Codes of refusals of the connection after which it is tried again as if it had broken."""

Answer = TypeVar("Answer", Sent, Bundles, Reserved, Accepted)


class _Refused(Exception):
    """The server wants nothing of this device, for the reason `code`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class _KeyFollowed(Exception):
    """The server shows that our key was followed by another one."""


class RendezvousClient:
    """Keeps a connection to one of `urls`, the nodes of one rendezvous; when it is lost, to the next.

    What the server sends unasked goes to `on_envelope` and, as a count, to `on_low_prekeys`. `on_succeeded` is told
    when it shows that our key was followed by another one, and may set `identity`; what it returns is why this device
    is not to connect any more. It raises `WireError` for what our key has not signed.
    """

    def __init__(
        self,
        urls: Sequence[str],
        own: Device,
        identity: Identity,
        *,
        on_envelope: Callable[[Envelope], Coroutine[Any, Any, None]],
        on_low_prekeys: Callable[[int], Coroutine[Any, Any, None]],
        on_rubbish: Callable[[str], None],
        on_succeeded: Callable[[Succeeded], str | None],
    ) -> None:
        self.node: URL | None = None
        """The node that we are connected to, or were last."""
        self._urls = [URL(url) for url in urls]
        random.shuffle(self._urls)  # so that devices spread over the nodes
        self._own = own
        self.identity = identity
        self._on_envelope = on_envelope
        self._on_low_prekeys = on_low_prekeys
        self._on_rubbish = on_rubbish
        self._on_succeeded = on_succeeded
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._problem: str | None = "not connected to the rendezvous yet"
        self._sequences = itertools.count(1)
        self._pending: dict[int, asyncio.Future[ServerMessage]] = {}
        self._liveness = Liveness(time.monotonic())
        self._stopped: str | None = None

    def stop(self, why: str | None) -> None:
        """Connect no more, for that reason, if there is one."""
        self._stopped = why
        self._problem = why or self._problem

    def problem(self) -> str | None:
        """Why there is no connection; None while there is one."""
        return self._problem

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        failures = 0
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._leave_dead_connections(), name="rendezvous liveness")
            for url in itertools.cycle(self._urls):
                if self._stopped is not None:
                    self._problem = self._stopped
                    await asyncio.Event().wait()
                failures = 0 if await self._connected(session, url) else failures + 1
                await asyncio.sleep(pause(failures, len(self._urls)) * random.uniform(0.5, 1.5))

    async def publish(self, keys: PublishedKeys) -> None:
        """Publish prekeys. Raises `ChannelError`."""
        await self._send(Publish(keys))

    async def fetch(self, person: str, devices: tuple[str, ...] = ()) -> Bundles:
        """The keys of a person's devices, of all or those named. Raises `ChannelError`."""
        return await self._ask(Fetch(next(self._sequences), person, devices), Bundles)

    async def devices(self) -> tuple[str, ...]:
        """All devices of our person that the rendezvous knows. Raises `ChannelError`."""
        return (await self.post(self._own.person, {}, seconds=0.0, everywhere=True)).missing

    async def succeed(self, succession: Succession) -> None:
        """Bind our name to a new key, without our other devices. Raises `ChannelError`."""
        await self._ask(Succeed(next(self._sequences), succession), Accepted)

    async def post(self, person: str, envelopes: dict[str, bytes], *, seconds: float, everywhere: bool) -> Sent:
        """Send envelopes to devices of a person, by name. Raises `ChannelError`."""
        return await self._ask(Post(next(self._sequences), person, envelopes, seconds, everywhere), Sent)

    async def reserve(self, size: int) -> Reserved:
        """Room for a sealed file. Raises `ChannelError`."""
        return await self._ask(Reserve(next(self._sequences), size), Reserved)

    async def took(self, letter: str) -> None:
        """A letter need not be kept any longer. Raises `ChannelError`."""
        await self._send(Took((letter,)))

    async def _leave_dead_connections(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._socket is not None and (self._liveness.dead(time.monotonic()) or stranded(self._socket)):
                logger.info("the connection to the rendezvous is dead; connecting again")
                abandon(self._socket)

    async def _connected(self, session: aiohttp.ClientSession, url: URL) -> bool:
        """One connection, from its beginning to its end; whether it came about."""
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                socket = await session.ws_connect(url, heartbeat=HEARTBEAT, max_msg_size=MAX_FRAME)
            async with socket:
                async with asyncio.timeout(CONNECT_DEADLINE):
                    welcome = await self._greet(socket, url.host_port_subcomponent or "")
                self._liveness = Liveness(time.monotonic())
                self._socket, self._problem, self.node = socket, None, url
                await self._read(socket, welcome)
            self._problem = "the rendezvous closed the connection; connecting again"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._problem = f"the rendezvous can't be reached ({type(error).__name__}); trying again"
        except WireError as error:
            self._on_rubbish(str(error))
            self._problem = "the rendezvous does not speak as one; check its address"
        except _KeyFollowed:
            self._problem = self._stopped or "another device of yours has a new key; connecting again"
        except _Refused as refused:
            self._problem = str(refused)
            if refused.code not in _AT_ONCE:
                await asyncio.sleep(REFUSED_RETRY)
        finally:
            was_up, self._socket = self._socket is not None, None
            self._fail_pending()
        return was_up

    async def _greet(self, socket: aiohttp.ClientWebSocketResponse, host: str) -> Welcome:
        challenge = await _next(socket)
        if not isinstance(challenge, Challenge) or challenge.version != VERSION:
            raise WireError(f"no challenge of version {VERSION}")
        person, device = self._own.person, self._own.device
        signature = self.identity.sign(signed_by_hello(challenge.nonce, host, person, device))
        await socket.send_bytes(encode(Hello(person, device, self.identity.public, signature)))
        answer = await _next(socket)
        if isinstance(answer, Refusal):
            raise _Refused(answer.code, f"the rendezvous refuses this device: {answer.detail}")
        if isinstance(answer, Succeeded):
            self.stop(self._on_succeeded(answer))
            raise _KeyFollowed
        if not isinstance(answer, Welcome):
            raise WireError("no welcome")
        return answer

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, welcome: Welcome) -> None:
        await self._on_low_prekeys(welcome.prekeys)
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.BINARY:
                raise WireError("a text where bytes belong")
            self._liveness.heard(time.monotonic())
            await self._take(parse_server(frame.data))

    async def _take(self, message: ServerMessage) -> None:
        match message:
            case Envelope():
                await self._on_envelope(message)
            case LowPrekeys(left):
                await self._on_low_prekeys(left)
            case Sent() | Bundles() | Reserved() | Accepted() | Refusal(sequence=int()):
                future = self._pending.get(message.sequence or 0)
                if future is not None and not future.done():
                    future.set_result(message)
            case Refusal(code=code, detail=detail):
                raise _Refused(code, f"the rendezvous ends the connection: {detail}")
            case _:
                raise WireError("a message out of turn")

    async def _ask(self, message: Post | Fetch | Reserve | Succeed, kind: type[Answer]) -> Answer:
        if len(self._pending) >= MAX_PENDING:
            raise ChannelError("too many messages wait for the rendezvous")
        future = self._pending[message.sequence] = asyncio.get_running_loop().create_future()
        try:
            await self._send(message)
            self._liveness.asked(time.monotonic())
            async with asyncio.timeout(ANSWER_DEADLINE):
                answer = await future
        except TimeoutError:
            raise ChannelError("the rendezvous does not answer") from None
        finally:
            del self._pending[message.sequence]
        if isinstance(answer, kind):
            return answer
        if not isinstance(answer, Refusal):
            raise ChannelError("the rendezvous answers another question")
        raise (ChannelRefused if answer.code in _FINAL else ChannelError)(answer.detail)

    async def _send(self, message: ClientMessage) -> None:
        if self._socket is None:
            raise ChannelError(self._problem or "not connected to the rendezvous")
        try:
            await self._socket.send_bytes(encode(message))
        except (ConnectionError, aiohttp.ClientError):
            raise ChannelError("the connection to the rendezvous broke") from None

    def _fail_pending(self) -> None:
        for future in self._pending.values():
            if not future.done():
                future.set_result(Refusal("disconnected", "the connection to the rendezvous broke"))


def pause(failures: int, nodes: int) -> float:
    """Seconds, before they are spread, until the next attempt to connect after so many in a row have failed.

    Each of the `nodes` is asked soon after the one before, and all of them again after twice the pause before.
    """
    shortest, longest = RETRY
    rounds, within = divmod(failures, nodes)
    return shortest if within else min(shortest * 2 ** min(rounds, _MOST_DOUBLINGS), longest)


async def _next(socket: aiohttp.ClientWebSocketResponse) -> ServerMessage:
    frame = await socket.receive()
    if frame.type is not aiohttp.WSMsgType.BINARY:
        raise WireError("it closed the connection, or sent a text where bytes belong")
    return parse_server(frame.data)
