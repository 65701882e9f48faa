"""Packets that wait for their time, in the order of their sequence numbers."""

from bisect import insort
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

_MAX_PACKETS: Final = 1024

_by_sequence = attrgetter("sequence")


@dataclass(frozen=True, slots=True)
class MediaPacket:
    """An Opus packet, or one that only takes its place in the sequence: then `payload` is empty.

    Sequence number and timestamp are without wrap-around and count on one timeline; `samples` is its length in time.
    """

    timeline: int
    sequence: int
    timestamp: int
    samples: int
    payload: bytes

    @property
    def end(self) -> int:
        """The timestamp just after its last sample."""
        return self.timestamp + self.samples


class PacketBuffer:
    """Holds the packets that are not yet decoded: at most so many samples from the first to the last."""

    def __init__(self) -> None:
        self._packets: list[MediaPacket] = []

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def first(self) -> MediaPacket | None:
        """The packet that is next in the sequence."""
        return self._packets[0] if self._packets else None

    @property
    def last(self) -> MediaPacket | None:
        """The packet that is last in the sequence."""
        return self._packets[-1] if self._packets else None

    def insert(self, packet: MediaPacket) -> None:
        """Put a packet in its place; it is not a duplicate."""
        packets = self._packets
        if packets and packet.sequence < packets[-1].sequence:
            insort(packets, packet, key=_by_sequence)
        else:
            packets.append(packet)

    def pop(self) -> MediaPacket:
        """Take the first packet. Raises `IndexError` when there is none."""
        return self._packets.pop(0)

    def trim(self, samples: int) -> list[MediaPacket]:
        """Take the oldest packets until the rest spans at most `samples`, and 1,024 packets."""
        packets = self._packets
        end = packets[-1].end if packets else 0
        excess = 0
        while excess < len(packets) - 1 and (
            end - packets[excess].timestamp > samples or len(packets) - excess > _MAX_PACKETS
        ):
            excess += 1
        trimmed, self._packets = packets[:excess], packets[excess:]
        return trimmed

    def clear(self) -> None:
        """Forget all packets."""
        self._packets.clear()
