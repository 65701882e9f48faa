"""Messages over calls: whether there is one that they can go over, and if not, why the storage has to do."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hullo.lines.direct.channel import ChannelError, Device, PostalChannel
from hullo.lines.direct.letters import VoiceMessageInCall, encode_letter
from hullo.lines.direct.message_way import MessageWay
from hullo.messages.direct.exchange import CallExchange, NotInCall
from hullo.messages.direct.frames import Stop, Whole
from hullo.messages.direct.letter_line import Letters
from hullo.messages.direct.moving import OnProgress
from hullo.messages.direct.pace import Pace, PaceLimits
from hullo.messages.envelope import VoiceMessageEnvelope
from hullo.messages.sealed import IncomingFile

logger = logging.getLogger(__name__)

MAX_SIZE: Final = 4 << 20
"""Sealed bytes of a message that goes over a call, 20 minutes at 24 kbit/s; longer ones would keep others waiting."""


class CallPaths:
    """The calls of a line as ways for messages.

    A message goes over a call when its peer is there with the only device they have: others need the storage.
    """

    def __init__(self, line: Letters, channel: PostalChannel, limits: PaceLimits) -> None:
        self._line = line
        self._channel = channel
        self._limits = limits
        self._exchanges: dict[str, CallExchange] = {}

    async def give(
        self,
        person: str,
        sealed: Path,
        envelope: VoiceMessageEnvelope,
        letter: Callable[[str, int], VoiceMessageInCall],
        on_progress: OnProgress,
    ) -> bool:
        """Whether a person has a message now; without a call at once no.

        `letter` makes the one that announces it, of the call's id and a number.
        """
        way = self._line.way(person)
        if way is None or envelope.size > MAX_SIZE:
            return False

        async def announce(number: int) -> None:
            data = encode_letter(letter(way.call_id, number))
            await self._channel.send(person, data, device=way.peer.device)

        try:
            if await self._channel.devices_of(person) != (way.peer.device,):
                return False
            await self._exchange(way).give(sealed, envelope, announce, on_progress)
        except NotInCall as why:
            logger.info("a voice message that went over call %s goes by the storage: %s", way.call_id, why)
        except (ChannelError, OSError) as error:
            logger.info("a voice message can't go over call %s: %s", way.call_id, type(error).__name__)
        else:
            return True
        return False

    async def take(
        self, sender: Device, letter: VoiceMessageInCall, incoming: IncomingFile, on_progress: OnProgress
    ) -> None:
        """Return when every chunk is there. Raises `NotInCall`; what came until then is kept."""
        way = self._line.way(sender.person)
        if way is None or (way.call_id, way.peer) != (letter.call_id, sender):
            raise NotInCall("the call is over")
        await self._exchange(way).take(letter.number, incoming, on_progress)

    def kept(self, letter: VoiceMessageInCall) -> None:
        """A message is whole and safe here."""
        self._tell(letter, Whole(letter.number))

    def refused(self, letter: VoiceMessageInCall) -> None:
        """A message that came is not kept."""
        self._tell(letter, Stop(letter.number))

    def withdraw(self, letter: VoiceMessageInCall) -> None:
        """A message is not to be waited for any more: it lies in the storage."""
        if letter.call_id in self._exchanges:
            self._exchanges[letter.call_id].withdraw(letter.number)

    def _tell(self, letter: VoiceMessageInCall, frame: Whole | Stop) -> None:
        if letter.call_id in self._exchanges:
            self._exchanges[letter.call_id].say(frame)

    def _exchange(self, way: MessageWay) -> CallExchange:
        self._exchanges = {call_id: found for call_id, found in self._exchanges.items() if found.way.usable}
        if way.call_id not in self._exchanges:
            self._exchanges[way.call_id] = CallExchange(way, Pace(self._limits))
        return self._exchanges[way.call_id]
