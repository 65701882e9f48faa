"""The reliable channel of versions 8.0.0 and 9.0.0: acknowledgements, repetition, and a window against replays.

Sans-IO: packets and a monotonic time in, packets and messages out.
"""

from collections.abc import Iterable

import msgspec

from hullo.lines.telegram.signaling.cipher import MSG_KEY_BYTES, SignalingCipher, Undecipherable
from hullo.lines.telegram.signaling.inflate import InflateError, inflate
from hullo.lines.telegram.signaling.records import NEEDS_ACK, Kind, Record, RecordError, encode_records, parse_records
from hullo.lines.telegram.signaling.replay import REPLAYED, ReplayWindow

MIN_PACKET = 21
MAX_RECEIVED = 131_072
MAX_SENT = 16_384
MAX_UNACKED = 65_536
"""Bytes of messages that wait for their acknowledgement; the peer is gone when there are more."""

# tgcalls repeats after 3 to 8 s, and not at all until it has something else to say. The first packets are the ones
# that get lost, because the app of the peer is still starting, and some apps give up after 10 s.
RESEND_AFTER = (0.6, 1.0, 1.0, 1.0, 2.0, 3.0)

MAX_MESSAGE_SENT = 12_000

MAX_ACKS = 256
"""Acknowledgements that go into one packet; a peer that repeats more than that asks again anyway."""


class Unacknowledged(Exception):
    """The peer has acknowledged none of a great many messages."""


class _Waiting(msgspec.Struct):
    record: Record
    resend_at: float
    attempts: int = 0

    def sent(self, now: float) -> Record:
        """It goes into a packet."""
        self.resend_at = now + RESEND_AFTER[min(self.attempts, len(RESEND_AFTER) - 1)]
        self.attempts += 1
        return self.record


class AckedChannel:
    """One end. Sealed packets come from `send`, `receive` (followed by `flush`) and `poll`.

    `rejected` counts packets that were no packets of the peer, among them those that the key does not open (`foreign`),
    `replayed` records that had been seen before; `problem` is what was wrong with the last of them.
    """

    def __init__(self, cipher: SignalingCipher) -> None:
        self.rejected = 0
        self.foreign = 0
        self.replayed = 0
        self.problem = ""
        self._cipher = cipher
        self._counter = 0
        self._window = ReplayWindow()
        self._unacked: dict[int, _Waiting] = {}
        self._acks: dict[int, None] = {}

    def send(self, message: bytes, now: float) -> bytes:
        """The packet for a new message, with what is not yet acknowledged. Raises `Unacknowledged`."""
        if len(message) > MAX_MESSAGE_SENT:
            raise ValueError(f"a message of {len(message)} bytes is too long for one packet")
        if sum(waiting.record.size for waiting in self._unacked.values()) + len(message) > MAX_UNACKED:
            raise Unacknowledged(f"the peer has not acknowledged {len(self._unacked)} messages")
        waiting = _Waiting(Record(Kind.CUSTOM, self._next_counter() | NEEDS_ACK, message), now)
        self._unacked[waiting.record.seq] = waiting
        return self._packet(waiting.sent(now)) if len(self._unacked) == 1 else self._carrier(now)

    def receive(self, packet: bytes, now: float) -> list[bytes]:
        """The new messages of a packet, oldest first; what is not from the peer gives none. Then call `flush`."""
        try:
            if not MIN_PACKET <= len(packet) <= MAX_RECEIVED:
                raise RecordError("no packet has this size")
            records = parse_records(self._cipher.open(packet))
        except (Undecipherable, RecordError) as error:
            self.rejected += 1
            self.foreign += isinstance(error, Undecipherable)
            self.problem = str(error)
            return []
        return [message for record in records if (message := self._take(record)) is not None]

    def flush(self, now: float) -> bytes | None:
        """A packet for acknowledgements that found no other."""
        return self._packet(self._empty()) if self._acks else None

    def poll(self, now: float) -> bytes | None:
        """A packet that repeats what is due, if anything is."""
        return self._carrier(now) if self.next_poll() <= now else None

    def next_poll(self) -> float:
        """When `poll` has something to do; infinite if the peer has acknowledged everything."""
        return min((waiting.resend_at for waiting in self._unacked.values()), default=float("inf"))

    @property
    def all_acknowledged(self) -> bool:
        """Whether the peer has everything that we sent."""
        return not self._unacked

    def _take(self, record: Record) -> bytes | None:
        if record.kind is Kind.ACK:
            self._unacked.pop(record.seq, None)
            return None
        first_time = self._window.first_time(record.counter)
        if not first_time:
            self.replayed += 1
            self.problem = REPLAYED
        if record.needs_ack and not self._window.is_old(record.counter):
            self._acks[record.seq] = None
        if not first_time or record.kind is not Kind.CUSTOM:
            return None
        try:
            return inflate(record.payload)
        except InflateError as error:
            self.rejected += 1
            self.problem = str(error)
            return None

    def _carrier(self, now: float) -> bytes:
        """The unacknowledged messages that fit into one packet, never sent ones before others; the rest stays due."""
        room = MAX_SENT - MSG_KEY_BYTES - (1 + MAX_ACKS) * Record(Kind.ACK, 0).size
        carried: list[Record] = []
        for waiting in sorted(self._unacked.values(), key=lambda waiting: waiting.attempts):
            if waiting.record.size <= room:
                room -= waiting.record.size
                carried.append(waiting.sent(now))
        return self._packet(self._empty(), sorted(carried, key=lambda record: record.counter))

    def _packet(self, first: Record, others: Iterable[Record] = ()) -> bytes:
        acks = [*self._acks][:MAX_ACKS]
        for seq in acks:
            del self._acks[seq]
        return self._cipher.seal(encode_records([first, *(Record(Kind.ACK, seq) for seq in acks), *others]))

    def _empty(self) -> Record:
        return Record(Kind.EMPTY, self._next_counter())

    def _next_counter(self) -> int:
        self._counter += 1
        return self._counter
