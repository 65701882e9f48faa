"""One TCP connection of a client: packets in, the key exchange or a session's messages, packets out."""

import asyncio
import struct
from collections.abc import Callable
from typing import Any, Protocol

from hullo.demo.loopback_telegram import methods
from hullo.demo.loopback_telegram.crypto import CryptoError, RandomBytes, ServerKey
from hullo.demo.loopback_telegram.device import Device
from hullo.demo.loopback_telegram.handshake import Handshake, HandshakeError, NewKey
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.session import Incoming, Session, SessionError, open_envelope
from hullo.demo.loopback_telegram.tl import core, functions, method_name, read, rpc_result, types
from hullo.demo.loopback_telegram.transport import Framing, FramingError, recognise
from hullo.demo.loopback_telegram.world import World

UNKNOWN_KEY = -404


class Server(Protocol):
    """What a connection needs of the server."""

    @property
    def world(self) -> World: ...
    @property
    def key(self) -> ServerKey: ...
    @property
    def random(self) -> RandomBytes: ...
    @property
    def clock(self) -> Callable[[], float]: ...
    def new_device(self, new: NewKey) -> None:
        """A key exchange is through."""

    def device(self, key_id: int) -> Device | None:
        """The device with that key."""


class Connection:
    """Runs until the client hangs up, breaks the rules, or is dropped."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._framing: Framing | None = None
        self._handshake: Handshake | None = None
        self._device: Device | None = None
        self._write = self._send  # one object, so that a device can tell connections apart
        self.silent = False

    @property
    def user_id(self) -> int | None:
        """Who uses it, once they logged in."""
        return None if self._device is None else self._device.user_id

    def drop(self) -> None:
        """Break it off, with nothing said."""
        self._writer.transport.abort()

    async def run(self) -> None:
        """Serve the client until the end of the connection."""
        try:
            self._framing = await recognise(self._reader)
            while True:
                packet = await self._framing.read(self._reader)
                if not self.silent:
                    self._take(packet)
                    await self._writer.drain()
        except (asyncio.IncompleteReadError, OSError, FramingError, HandshakeError, CryptoError, SessionError):
            pass  # what a client does wrong costs it its connection
        finally:
            if self._device is not None:
                self._device.detach(self._write)
            self._writer.transport.abort()

    def _send(self, packet: bytes) -> None:
        assert self._framing is not None
        if not self.silent and not self._writer.is_closing():
            self._writer.write(self._framing.frame(packet))

    def _take(self, packet: bytes) -> None:
        if len(packet) < 24:
            raise SessionError(f"a packet of {len(packet)} bytes")
        if packet[:8] == bytes(8):
            self._exchange(packet)
            return
        device = self._server.device(int.from_bytes(packet[:8], "little"))
        if device is None:
            self._send(struct.pack("<i", UNKNOWN_KEY))
            return
        self._device = device
        self._converse(device, packet)

    def _exchange(self, packet: bytes) -> None:
        """One step of the creation of a key, in plain messages."""
        now = self._server.clock()
        if self._handshake is None:
            self._handshake = Handshake(self._server.key, self._server.random, int(now))
        try:
            request = read(packet[20:])
        except ValueError as error:
            raise HandshakeError(str(error)) from None
        answer = self._handshake.answer(request).write()
        message_id = int(now * 2**32) & ~3 | 1
        self._send(bytes(8) + struct.pack("<qi", message_id, len(answer)) + answer)
        if self._handshake.result is not None:
            self._server.new_device(self._handshake.result)
            self._handshake = None

    def _converse(self, device: Device, packet: bytes) -> None:
        now = self._server.clock()
        envelope = open_envelope(device.authorization.key, packet)
        session = device.session(envelope.session_id, inherit=self._server.world.faults.resend_to_new_session)
        messages, answers = session.receive(envelope, now)
        device.attach(session, self._write, now)
        for message in messages:
            answers += self._answer(device, session, message)
        content = [message.message_id for message in messages if message.sequence % 2]
        if content:
            answers.append(types.MsgsAck(msg_ids=content))
        if answers:
            self._send(session.send(answers, now))

    def _answer(self, device: Device, session: Session, message: Incoming) -> list[Any]:
        body = message.body
        if isinstance(body, functions.Ping | functions.PingDelayDisconnect):
            return [types.Pong(msg_id=message.message_id, ping_id=body.ping_id)]
        if isinstance(body, functions.GetFutureSalts):
            return [core.FutureSalts(message.message_id, int(self._server.clock()), [])]
        if isinstance(body, functions.DestroySession):
            return [types.DestroySessionNone(session_id=body.session_id)]
        if not body.QUALNAME.startswith("functions."):
            return []
        request, wants_updates = _unwrapped(body, device)
        return self._call(device, session, message.message_id, request, wants_updates)

    def _call(self, device: Device, session: Session, message_id: int, request: Any, wants_updates: bool) -> list[Any]:
        world = self._server.world
        try:
            result = methods.call(world, device.authorization, request)
        except RpcFailure as failure:
            result = types.RpcError(error_code=failure.code, error_message=failure.name)
        if wants_updates and device.user_id is not None:
            device.listen(session, self._server.clock(), inherit=world.faults.resend_to_new_session)
        if world.faults.loses_answer(method_name(request)):
            self.drop()
        return [rpc_result(message_id, result)]


def _unwrapped(request: Any, device: Device) -> tuple[Any, bool]:
    """The request inside its wrappings, and whether its sender wants updates."""
    wants_updates = True
    while hasattr(request, "query"):
        if isinstance(request, functions.InvokeWithLayer):
            device.authorization.layer = request.layer
        if isinstance(request, functions.InvokeWithoutUpdates):
            wants_updates = False
        request = request.query
    return request, wants_updates
