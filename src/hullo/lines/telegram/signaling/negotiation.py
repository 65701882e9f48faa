"""Which sound flows: two independent offers and answers, one for each direction (NegotiateChannels).

Each side offers what it will send, and sends once that was answered. Pure: messages in and out.
"""

from collections.abc import Callable

import msgspec

from hullo.lines.telegram.signaling.messages import Content, NegotiateChannels, PayloadType

OPUS = PayloadType(id=111, name="opus", clockrate=48_000, channels=2)


class IncomingAudio(msgspec.Struct, frozen=True):
    """The stream that the peer sends."""

    ssrc: int
    payload_type: int


class ChannelNegotiation:
    """One side of the negotiation of an audio call; `new_id` draws 32 random bits."""

    def __init__(self, *, is_caller: bool, ssrc: int, new_id: Callable[[], int]) -> None:
        self.outgoing: int | None = None
        """The payload type under which the peer takes our sound, once it has answered."""
        self.incoming: IncomingAudio | None = None
        """What the peer sends, once it has offered it."""
        self.refused = False
        """The peer has answered that it does not take our sound."""
        self._is_caller = is_caller
        self._ssrc = ssrc
        self._new_id = new_id
        self._pending: int | None = None
        self._offered = False

    def start(self) -> list[NegotiateChannels]:
        """What to send at once: the caller's offer. The callee offers when it has seen the caller's."""
        return [self._offer()] if self._is_caller else []

    def receive(self, message: NegotiateChannels) -> list[NegotiateChannels]:
        """Take a message of the peer; returns what to send."""
        if message.exchange_id == self._pending:
            self._answered(message)
            return []
        if self._is_late_answer(message):
            return []
        if self._pending is not None:
            return self._glare(message)
        return [self._answer(message), *([] if self._offered else [self._offer()])]

    def _glare(self, offer: NegotiateChannels) -> list[NegotiateChannels]:
        """Both have offered: the caller's offer counts, and the callee offers anew."""
        if self._is_caller:
            return []
        self._pending = None
        return [self._answer(offer), self._offer()]

    def _offer(self) -> NegotiateChannels:
        self._offered = True
        self._pending = self._new_id()
        return NegotiateChannels(self._pending, (self._audio(self._ssrc, OPUS),))

    def _answer(self, offer: NegotiateChannels) -> NegotiateChannels:
        """Take the sound; anything else, such as video, is left out."""
        for content in offer.contents:
            opus = _opus(content)
            if opus is not None:
                self.incoming = IncomingAudio(content.ssrc, opus.id)
                return NegotiateChannels(offer.exchange_id, (self._audio(content.ssrc, opus),))
        self.incoming = None
        return NegotiateChannels(offer.exchange_id, ())

    def _answered(self, answer: NegotiateChannels) -> None:
        self._pending = None
        accepted = [opus for content in answer.contents if (opus := _opus(content)) is not None]
        self.outgoing = accepted[0].id if accepted else None
        self.refused = not accepted

    def _is_late_answer(self, message: NegotiateChannels) -> bool:
        """An answer repeats the SSRC of the offer, so one that has ours answers an offer that we have dropped."""
        return any(content.ssrc == self._ssrc for content in message.contents)

    @staticmethod
    def _audio(ssrc: int, opus: PayloadType) -> Content:
        return Content(type="audio", ssrc=ssrc, payload_types=(opus,))


def _opus(content: Content) -> PayloadType | None:
    if content.type != "audio":
        return None
    return next((each for each in content.payload_types if each.name == "opus" and each.clockrate == 48_000), None)
