"""The way of voice messages in a call: a data channel beside the sound, which costs nothing until it is opened."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hullo.lines.direct.channel import Device
from hullo.rtc.adapter.dtls import DtlsSrtpTransport
from hullo.rtc.adapter.sctp import SctpError
from hullo.rtc.binary_channel import BinaryChannel


class WayLost(Exception):
    """Nothing goes over the data channel of the call (any more)."""


class MessageWay:
    """Binary messages to and from the device that the call is with. Whatever happens here, the call goes on.

    Whoever brings voice messages sets `on_message`, `on_round_trip` (seconds from a packet to its acknowledgement) and
    `on_over`. Each side opens its end when it has something to send or to await; what is sent before the other
    side did waits.
    """

    def __init__(self, call_id: str, peer: Device, dtls: DtlsSrtpTransport) -> None:
        self.call_id = call_id
        self.peer = peer
        self.on_message: Callable[[bytes], None] = _ignore_message
        self.on_round_trip: Callable[[float], None] = _ignore_time
        self.on_over: Callable[[], None] = _ignore_end
        self._dtls = dtls
        self._running = False
        self._wanted = asyncio.Event()
        self._over = asyncio.Event()
        self._channel: BinaryChannel | None = None

    @property
    def usable(self) -> bool:
        """Whether messages may go over it: the call is connected, and the channel has not ended."""
        return self._running and not self._over.is_set()

    @property
    def unacknowledged(self) -> int:
        """Bytes on their way that the peer has not acknowledged."""
        return 0 if self._channel is None else self._channel.unacknowledged

    def open(self) -> None:
        """Begin the association, unless that was done. Raises `WayLost`."""
        if not self.usable:
            raise WayLost("the call is over, or its data channel is")
        if self._channel is None:
            try:
                self._channel = BinaryChannel(
                    self._dtls, lambda data: self.on_message(data), lambda seconds: self.on_round_trip(seconds)
                )
            except SctpError as error:
                raise WayLost(str(error)) from None
            self._wanted.set()

    def send(self, message: bytes) -> None:
        """Send one message. Raises `WayLost`."""
        self.open()
        assert self._channel is not None
        try:
            self._channel.send(message)
        except SctpError as error:
            raise WayLost(str(error)) from None

    def close(self) -> None:
        """Nothing goes over it any more in this call."""
        self._over.set()

    async def run(self) -> None:
        """Its life, as long as that of the call; it ends before if the channel does."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                carrying = tasks.create_task(self._carry(), name="data channel")
                await self._over.wait()
                carrying.cancel()
        finally:
            self._over.set()
            self.on_over()

    async def _carry(self) -> None:
        await self._wanted.wait()
        assert self._channel is not None
        try:
            with suppress(ConnectionError):  # the call's own end says what happened
                await self._channel.run()
        finally:
            self._over.set()


def _ignore_message(data: bytes) -> None: ...
def _ignore_time(seconds: float) -> None: ...
def _ignore_end() -> None: ...
