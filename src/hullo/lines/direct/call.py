"""One direct call at this end: its connection, its nonce, and the leg that comes of it."""

import asyncio
import secrets
import time
from collections.abc import Callable

import msgspec

from hullo.lines.direct.channel import Device
from hullo.lines.direct.leg import DirectLeg
from hullo.lines.direct.message_way import MessageWay
from hullo.lines.direct.messages import Answer, Candidates, Offer, Select, Transport
from hullo.lines.direct.mover import MoveMessage, Mover
from hullo.lines.direct.muting import MuteMessage, Muting
from hullo.lines.direct.sas import call_emoji, commitment, opens
from hullo.lines.line import Ending
from hullo.rtc.candidate import IceCandidate, readable
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import DtlsFingerprint, IceOptions, Setup, StreamIdentity, TransportDescription

OPUS_PAYLOAD_TYPE = 111
FINGERPRINT = "sha-256"

OnCandidates = Callable[[Candidates], None]


class DirectCall:
    """Keeps what both directions of a call need until it is over.

    `on_candidates` is told to send those that are found after the offer or answer. `takes_messages` tells whether
    voice messages can go over it, as far as it is up to us.
    """

    def __init__(
        self,
        call_id: str,
        person: str,
        *,
        is_caller: bool,
        ice: IceOptions,
        on_candidates: OnCandidates,
        takes_messages: bool = False,
    ) -> None:
        self.call_id = call_id
        self.person = person
        self.peer: Device | None = None
        """The device that the call is with, once known."""
        self.nonce = secrets.token_bytes(32)
        self.identity = StreamIdentity.random()
        setup = Setup.ACTIVE if is_caller else Setup.PASSIVE
        self.connection = RtcConnection(controlling=is_caller, setup=setup, ice=ice)
        self.leg: DirectLeg | None = None
        self.over: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.answered: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        """The emoji of a call of ours, once somebody answered."""
        self._peer_setup = setup.answer()
        self._on_candidates = on_candidates
        self._unsent: list[str] = []
        self._complete = False
        self._offer: Offer | None = None
        self._is_caller = is_caller
        self._peer_fingerprint: str | None = None
        self._peer_tells_mute = False
        self._takes_messages = takes_messages
        self._peer_takes_messages = False
        self._fingerprint = self.connection.local_description().fingerprints[0].value

    # What we say

    async def offer(self) -> Offer:
        """Our offer, with the candidates found so far; the others follow."""
        await self.connection.gather(wait=0)
        flight = await self.connection.next_flight()
        transport = self._transport()
        return Offer(
            call_id=self.call_id,
            sent_at=time.time_ns() // 1_000_000,
            transport=transport,
            commitment=commitment(self.call_id, transport.fingerprint, self.nonce),
            dtls=flight,
            tells_mute=True,
            takes_messages=self._takes_messages,
        )

    async def answer(self, offer: Offer) -> Answer:
        """Our answer; from here on the connection comes about."""
        self._offer, self._peer_tells_mute = offer, offer.tells_mute
        self._peer_takes_messages = offer.takes_messages
        self._describe(offer.transport)
        self.connection.take_flight(offer.dtls)
        await self.connection.gather(wait=0)
        flight = await self.connection.next_flight()
        return Answer(
            call_id=self.call_id,
            transport=self._transport(),
            nonce=self.nonce,
            dtls=flight,
            tells_mute=True,
            takes_messages=self._takes_messages,
        )

    async def select(self, select: Select) -> Select:
        """The same, with what follows in the handshake."""
        return msgspec.structs.replace(select, dtls=await self.connection.next_flight())

    def _transport(self) -> Transport:
        """Ours as it is now. What is found from here on is told by itself, to whom the offer or answer has gone.

        So it is the last that an offer waits for: the peer would be told nothing of candidates found before it is sent.
        """
        self.connection.on_local_candidate = self._candidate_found
        ours = self.connection.local_description()
        return Transport(
            ufrag=ours.ufrag,
            pwd=ours.pwd,
            fingerprint=ours.fingerprints[0].value,
            candidates=tuple(map(str, ours.candidates)),
            complete=ours.candidates_complete,
        )

    def _candidate_found(self, candidate: IceCandidate | None) -> None:
        """Candidates of one moment travel in one message."""
        if not self._unsent and not self._complete:
            asyncio.get_running_loop().call_soon(self._send_candidates)
        if candidate is None:
            self._complete = True
        else:
            self._unsent.append(str(candidate))

    def _send_candidates(self) -> None:
        found, self._unsent = tuple(self._unsent), []
        if not self.over.done():
            self._on_candidates(Candidates(call_id=self.call_id, candidates=found, complete=self._complete))

    # What the peer says

    def take_answer(self, answer: Answer) -> None:
        """The callee's answer to our offer; `answered` has the emoji then."""
        self._peer_tells_mute = answer.tells_mute
        self._peer_takes_messages = answer.takes_messages
        self._describe(answer.transport)
        self.connection.take_flight(answer.dtls)
        caller, callee = (self._fingerprint, self.nonce), (answer.transport.fingerprint, answer.nonce)
        self.answered.set_result(call_emoji(self.call_id, caller, callee))

    def take_selection(self, select: Select) -> bool:
        """The caller reveals its nonce: the leg has the emoji then. False if it had committed to another one."""
        assert self._offer is not None
        assert self.leg is not None
        fingerprint = self._offer.transport.fingerprint
        if not opens(self._offer.commitment, self.call_id, fingerprint, select.nonce):
            return False
        self.connection.take_flight(select.dtls)
        self.connection.reached("selected")
        self.leg.set_emoji(call_emoji(self.call_id, (fingerprint, select.nonce), (self._fingerprint, self.nonce)))
        return True

    def take_candidates(self, message: Candidates) -> None:
        """Candidates that the peer has found meanwhile; what can't be read is left out (RFC 8839 5.1)."""
        if message.restart:
            self.take_move(message)
            return
        for candidate in readable(message.candidates):
            self.connection.add_remote_candidate(candidate)
        if message.complete:
            self.connection.add_remote_candidate(None)

    def take_move(self, message: MoveMessage) -> None:
        """Something about another path; before the call has a leg it can only be a mistake of the peer."""
        if self.leg is not None:
            self.leg.mover.take(message)

    def mover(self, tell: Callable[[MoveMessage], None]) -> Mover:
        """What keeps the call on a path; once both descriptions are known."""
        assert self._peer_fingerprint is not None
        return Mover(
            self.connection,
            call_id=self.call_id,
            is_caller=self._is_caller,
            fingerprints=(self._fingerprint, self._peer_fingerprint),
            tell=tell,
        )

    def take_mute(self, message: MuteMessage) -> None:
        """Something about mutes; what comes before the call has a leg is said again."""
        if self.leg is not None:
            self.leg.muting.take(message)

    def muting(self, tell: Callable[[MuteMessage], None]) -> Muting:
        """What tells of mutes; once both descriptions are known."""
        return Muting(call_id=self.call_id, peer_tells=self._peer_tells_mute, tell=tell)

    def way(self) -> MessageWay | None:
        """Where voice messages can go, if both sides take some; once both descriptions are known."""
        if self.peer is None or not (self._takes_messages and self._peer_takes_messages):
            return None
        return MessageWay(self.call_id, self.peer, self.connection.dtls_transport)

    def finish(self, ending: Ending) -> None:
        """The call is over; the first ending counts."""
        if not self.over.done():
            self.over.set_result(ending)
        if self.leg is not None:
            self.leg.hang_up(ending)

    def _describe(self, transport: Transport) -> None:
        self._peer_fingerprint = transport.fingerprint
        self.connection.set_remote_description(
            TransportDescription(
                ufrag=transport.ufrag,
                pwd=transport.pwd,
                fingerprints=(DtlsFingerprint(FINGERPRINT, transport.fingerprint),),
                setup=self._peer_setup,
                candidates=tuple(readable(transport.candidates)),
                candidates_complete=transport.complete,
            )
        )
