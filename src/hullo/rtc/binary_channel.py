"""A data channel for binary messages that both sides know of beforehand (`negotiated`, W3C WebRTC 6.2)."""

from collections.abc import Callable
from typing import Final

from hullo.rtc.adapter.dtls import DtlsSrtpTransport
from hullo.rtc.adapter.sctp import OnRoundTrip, SctpAssociation

MOST_PACKETS: Final = 500.0
"""A second; a peer that sends more is heard in pieces, so that it can't keep us from the sound of the call."""

_STREAM: Final = 0
_BINARY: Final = 53


class BinaryChannel:
    """Ordered and reliable, over a connected DTLS transport. Either side may run it first; neither opens it.

    `on_message` gets what comes; texts, empty messages and other streams are passed over.
    """

    def __init__(
        self, dtls: DtlsSrtpTransport, on_message: Callable[[bytes], None], on_round_trip: OnRoundTrip
    ) -> None:
        """`on_round_trip` gets the seconds from a packet to its acknowledgement. Raises `SctpError`."""
        self._on_message = on_message
        self._association = SctpAssociation(
            dtls, self._received, on_round_trip=on_round_trip, most_packets=MOST_PACKETS
        )

    @property
    def unacknowledged(self) -> int:
        """Bytes that were sent, or wait for it, and that the peer has not acknowledged."""
        return self._association.unacknowledged

    async def run(self) -> None:
        """Its life, which the peer can end; cancelling it ends it here."""
        await self._association.run()

    def send(self, message: bytes) -> None:
        """Send it as soon as the peer runs its end, too. Raises `SctpError` when that is over, or too much waits."""
        self._association.send(_STREAM, _BINARY, message)

    def _received(self, stream: int, ppid: int, data: bytes) -> None:
        if stream == _STREAM and ppid == _BINARY:
            self._on_message(data)
