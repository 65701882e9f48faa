"""A data channel (RFC 8831, RFC 8832) for short texts beside the sound of a call."""

import struct
from collections.abc import Callable

from hullo.rtc.adapter.dtls import DtlsSrtpTransport
from hullo.rtc.adapter.sctp import SctpAssociation

STREAM = 0
MAX_TEXT = 16_384

_DCEP, _TEXT = 50, 51
_OPEN, _ACK = 3, 2
_OPEN_HEADER = struct.Struct(">BBHIHH")


class DataChannel:
    """One ordered, reliable channel over a connected DTLS transport, opened by us or by the peer.

    `on_open` is called once texts can be sent, `on_text` for each text of the peer. Anything else that comes, other
    channels, binary data, texts over `MAX_TEXT` bytes, is passed over.
    """

    def __init__(
        self,
        dtls: DtlsSrtpTransport,
        label: str,
        *,
        opens: bool,
        on_open: Callable[[], None],
        on_text: Callable[[str], None],
    ) -> None:
        self._label = label.encode()
        self._opens = opens
        self._on_open = on_open
        self._on_text = on_text
        self._stream: int | None = None
        self._association = SctpAssociation(dtls, self._received)

    async def run(self) -> None:
        """Its life; cancelling it closes the association."""
        if self._opens:
            self._stream = STREAM
            header = _OPEN_HEADER.pack(_OPEN, 0, 0, 0, len(self._label), 0)
            self._association.send(STREAM, _DCEP, header + self._label)
            self._on_open()  # texts may follow at once, in order (RFC 8832 6)
        await self._association.run()

    def send(self, text: str) -> None:
        """Send `text`. Raises `SctpError` when the association is over, `RuntimeError` before `on_open`."""
        if self._stream is None:
            raise RuntimeError("the data channel is not open")
        self._association.send(self._stream, _TEXT, text.encode())

    def _received(self, stream: int, ppid: int, data: bytes) -> None:
        if ppid == _DCEP and not self._opens and self._stream is None:
            self._opened_by_peer(stream, data)
        elif ppid == _TEXT and stream == self._stream and len(data) <= MAX_TEXT:
            self._on_text(data.decode(errors="replace"))

    def _opened_by_peer(self, stream: int, data: bytes) -> None:
        if len(data) < _OPEN_HEADER.size or data[0] != _OPEN:
            return
        label_length = _OPEN_HEADER.unpack_from(data)[4]
        if data[_OPEN_HEADER.size : _OPEN_HEADER.size + label_length] != self._label:
            return
        self._stream = stream
        self._association.send(stream, _DCEP, bytes([_ACK]))
        self._on_open()
