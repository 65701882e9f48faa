"""The way of signaling messages between two apps: a class a kind, with an owner's task, sending by a callback."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from hullo.lines.telegram.signaling.acked import AckedChannel
from hullo.lines.telegram.signaling.cipher import SignalingCipher
from hullo.lines.telegram.signaling.counted import CountedMessages
from hullo.lines.telegram.versions import SignalingKind
from hullo.rtc.adapter.sctp import DatagramCarrier, SctpAssociation

_STREAM, _BINARY = 0, 53

OnBytes = Callable[[bytes], None]


class Discarded(msgspec.Struct, frozen=True):
    """How many packets or messages were not taken, and what was wrong with the last one."""

    count: int
    problem: str
    foreign: int
    """Those that the key of the call does not open."""


class SignalingChannel(Protocol):
    """Messages in `send`, and out of `on_message`; packets in `receive`, and out of `on_packet`."""

    def discarded(self) -> Discarded:
        """What came and was no new message of the peer."""

    def send(self, message: bytes) -> None:
        """Send one message. Raises `Unacknowledged` or `SctpError` when the peer takes none any more."""

    def receive(self, packet: bytes) -> None:
        """Take a packet of the peer, whatever it is."""

    async def run(self) -> None:
        """Repeat what the peer has not acknowledged; until it is cancelled, or the peer ends the channel."""


class AckedSignaling:
    """8.0.0 and 9.0.0; see `SignalingChannel`."""

    def __init__(self, cipher: SignalingCipher, on_packet: OnBytes, on_message: OnBytes) -> None:
        self._channel = AckedChannel(cipher)
        self._on_packet = on_packet
        self._on_message = on_message
        self._changed = asyncio.Event()

    def discarded(self) -> Discarded:
        """See `SignalingChannel.discarded`."""
        channel = self._channel
        return Discarded(channel.rejected + channel.replayed, channel.problem, channel.foreign)

    def send(self, message: bytes) -> None:
        """See `SignalingChannel.send`."""
        self._on_packet(self._channel.send(message, time.monotonic()))
        self._changed.set()

    def receive(self, packet: bytes) -> None:
        """See `SignalingChannel.receive`."""
        now = time.monotonic()
        for message in self._channel.receive(packet, now):
            self._on_message(message)
        acknowledgements = self._channel.flush(now)  # unless an answer has taken them along
        if acknowledgements is not None:
            self._on_packet(acknowledgements)

    async def run(self) -> None:
        """See `SignalingChannel.run`."""
        while True:
            self._changed.clear()
            wait = self._channel.next_poll() - time.monotonic()
            try:
                async with asyncio.timeout(None if wait == float("inf") else max(wait, 0.0)):
                    await self._changed.wait()
            except TimeoutError:
                packet = self._channel.poll(time.monotonic())
                if packet is not None:
                    self._on_packet(packet)


class SctpSignaling:
    """12.0.0 and 13.0.0; see `SignalingChannel`."""

    def __init__(self, cipher: SignalingCipher, on_packet: OnBytes, on_message: OnBytes) -> None:
        self._messages = CountedMessages(cipher)
        self._on_message = on_message
        self._association = SctpAssociation(DatagramCarrier(on_packet), self._received)

    def discarded(self) -> Discarded:
        """See `SignalingChannel.discarded`."""
        messages, no_sctp = self._messages, self._association.rejected
        count = messages.rejected + messages.replayed + no_sctp
        return Discarded(count, messages.problem or "it is no SCTP packet", messages.foreign)

    def send(self, message: bytes) -> None:
        """See `SignalingChannel.send`."""
        self._association.send(_STREAM, _BINARY, self._messages.seal(message))

    def receive(self, packet: bytes) -> None:
        """See `SignalingChannel.receive`."""
        self._association.feed(packet)

    async def run(self) -> None:
        """See `SignalingChannel.run`."""
        await self._association.run()

    def _received(self, stream: int, ppid: int, data: bytes) -> None:
        message = self._messages.open(data)
        if message is not None:
            self._on_message(message)


class DatagramSignaling:
    """12.0.0 and 13.0.0 where the server wants no SCTP: every message once; see `SignalingChannel`."""

    def __init__(self, cipher: SignalingCipher, on_packet: OnBytes, on_message: OnBytes) -> None:
        self._messages = CountedMessages(cipher)
        self._on_packet = on_packet
        self._on_message = on_message

    def discarded(self) -> Discarded:
        """See `SignalingChannel.discarded`."""
        messages = self._messages
        return Discarded(messages.rejected + messages.replayed, messages.problem, messages.foreign)

    def send(self, message: bytes) -> None:
        """See `SignalingChannel.send`."""
        self._on_packet(self._messages.seal(message))

    def receive(self, packet: bytes) -> None:
        """See `SignalingChannel.receive`."""
        message = self._messages.open(packet)
        if message is not None:
            self._on_message(message)

    async def run(self) -> None:
        """See `SignalingChannel.run`."""
        await asyncio.get_running_loop().create_future()


_CLASSES: dict[SignalingKind, Callable[[SignalingCipher, OnBytes, OnBytes], SignalingChannel]] = {
    SignalingKind.ACKED: AckedSignaling,
    SignalingKind.SCTP: SctpSignaling,
    SignalingKind.DATAGRAMS: DatagramSignaling,
}


def open_channel(
    kind: SignalingKind, cipher: SignalingCipher, on_packet: OnBytes, on_message: OnBytes
) -> SignalingChannel:
    """The channel of a call."""
    return _CLASSES[kind](cipher, on_packet, on_message)
