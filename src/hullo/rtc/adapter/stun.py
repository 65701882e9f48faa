"""The sockets of an ICE agent: STUN, DTLS and SRTP told apart at the door (RFC 7983), and a fast start for STUN."""

import asyncio
import struct
import time
from typing import TYPE_CHECKING, Any

from aioice import stun
from aioice.ice import StunProtocol
from typing_extensions import override

if TYPE_CHECKING:
    from hullo.rtc.adapter.ice import IceAgent

# RFC 8445 14.3 asks for 500 ms. The first check of a pair is often lost in the NAT of the peer, and then half a second
# is most of the set-up time: 100 ms, doubling up to 1.6 s, gives up after 7.9 s.
RETRANSMISSIONS = (0.1, 0.2, 0.4, 0.8, 1.6, 1.6, 1.6, 1.6)

Address = tuple[str, int]


class Transaction:
    """One STUN request and its response (RFC 8489 6.2.1); with a key, unauthenticated responses are not heard."""

    def __init__(self, request: stun.Message, addr: Address, socket: "StunSocket", key: bytes | None) -> None:
        self._request = request
        self._addr = addr
        self._socket = socket
        self._key = key
        self._answer: asyncio.Future[tuple[stun.Message, Address]] = asyncio.get_running_loop().create_future()

    def response_received(self, message: stun.Message, addr: Address) -> None:
        """Called by the socket for a response with our transaction id."""
        if self._answer.done() or (self._key is not None and not message.check_message_integrity(self._key)):
            return
        if message.message_class == stun.Class.RESPONSE:
            self._answer.set_result((message, addr))
        else:
            self._answer.set_exception(stun.TransactionFailed(message))

    async def run(self) -> tuple[stun.Message, Address]:
        """Send until answered. Raises `stun.TransactionFailed` (an error response) or `stun.TransactionTimeout`."""
        for delay in RETRANSMISSIONS:
            self._socket.send_stun(self._request, self._addr)
            await asyncio.wait([self._answer], timeout=delay)
            if self._answer.done():
                return self._answer.result()
        raise stun.TransactionTimeout


class StunSocket(StunProtocol):
    """One local UDP socket, or one allocation at a TURN server, of an ICE agent."""

    receiver: "IceAgent"

    def __init__(self, agent: "IceAgent") -> None:
        super().__init__(agent)

    def datagram_arrived(self, data: bytes, addr: Address, arrival: float) -> None:
        """Tell the kinds of packet apart by their first byte (RFC 7983 7); never raises, whatever came."""
        first = data[0] if data else 255
        if 128 <= first <= 191:
            self.receiver.on_media(data, arrival)
        elif 20 <= first <= 63:
            self.receiver.data_received(data, 1)
        elif first <= 3:
            self._stun_received(data, addr)
        else:
            self.receiver.strays += 1

    @override
    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """What a TURN server relayed."""
        if isinstance(data, bytes):
            self.datagram_arrived(data, (addr[0], addr[1]), time.monotonic())

    @override
    async def request(
        self,
        request: stun.Message,
        addr: Address,
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, Address]:
        """Run one transaction; raises `stun.TransactionError`. `retransmissions` is aioice's and always None here."""
        if integrity_key is not None:
            request.add_message_integrity(integrity_key)
        transaction = Transaction(request, addr, self, integrity_key)
        self.transactions[request.transaction_id] = transaction  # type: ignore[assignment]  # ours has its own timing
        try:
            return await transaction.run()
        finally:
            del self.transactions[request.transaction_id]

    def _stun_received(self, data: bytes, addr: Address) -> None:
        try:
            message = stun.parse_message(data)
        except (ValueError, struct.error):
            self.receiver.strays += 1
            return
        if message.message_class in (stun.Class.RESPONSE, stun.Class.ERROR):
            transaction = self.transactions.get(message.transaction_id)
            if transaction is not None:
                transaction.response_received(message, addr)
        elif message.message_class == stun.Class.REQUEST and "PRIORITY" in message.attributes:
            self.receiver.request_received(message, addr, self)
        else:  # a connectivity check must carry PRIORITY (RFC 8445 7.1.1)
            self.receiver.strays += 1
