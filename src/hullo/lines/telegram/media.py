"""The media of one answered call: signaling, ICE, DTLS, the data channel, and the leg that comes of it."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable

import msgspec

from hullo.lines.line import Ending, EndReason
from hullo.lines.telegram.call_signaling import MediaSetup
from hullo.lines.telegram.connections import ice_options
from hullo.lines.telegram.diagnosis import SetupProgress, likely_cause
from hullo.lines.telegram.signaling.acked import Unacknowledged
from hullo.lines.telegram.signaling.channel import open_channel
from hullo.lines.telegram.signaling.cipher import SignalingCipher
from hullo.lines.telegram.signaling.messages import (
    Candidates,
    InitialSetup,
    MediaState,
    Message,
    MessageError,
    NegotiateChannels,
    encode_message,
    parse_message,
)
from hullo.lines.telegram.signaling.negotiation import ChannelNegotiation
from hullo.lines.telegram.versions import SignalingKind
from hullo.rtc.adapter.sctp import SctpError
from hullo.rtc.candidate import IceCandidate
from hullo.rtc.connection import RtcConnection
from hullo.rtc.data_channel import DataChannel
from hullo.rtc.parameters import Consent, Setup, StreamIdentity, TransportDescription

logger = logging.getLogger(__name__)

CONNECT_DEADLINE = 19.0
"""Seconds for the set-up; apps give up after 20, and a second before that the report can still say why."""

PROMPT_EVERY = 1.05
"""Seconds; three of them are a little more than the 3 s for which tgcalls sends nothing again."""

DATA_CHANNEL = "data"


class PayloadTypes(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of Opus in the packets of each direction."""

    incoming: int
    outgoing: int


class TelegramMedia:
    """Sets up one connection by messages through Telegram, and keeps telling the peer what it has to know.

    `send_packet` takes sealed packets for the peer, `receive` those from it. `on_failed` is told when no connection
    will come about, `on_peer_muted` when the peer mutes and unmutes.
    """

    def __init__(
        self,
        setup: MediaSetup,
        *,
        send_packet: Callable[[bytes], None],
        on_failed: Callable[[Ending], None],
        on_peer_muted: Callable[[bool], None],
        consent: Consent = Consent(),  # noqa: B008  # frozen
    ) -> None:
        ice = ice_options(setup.connections, p2p_allowed=setup.p2p_allowed, consent=consent)
        self.identity = StreamIdentity.random()
        self.connection = RtcConnection(controlling=setup.is_caller, setup=Setup.ACTPASS, ice=ice)
        self.began = time.monotonic()
        self._is_caller = setup.is_caller
        self._kind = setup.kind
        self._on_failed = on_failed
        self._on_peer_muted = on_peer_muted
        self._progress = SetupProgress(
            relay_only=ice.relay_only,
            relays_named=len(ice.reflectors) + sum(server.is_turn for server in ice.servers),
        )
        cipher = SignalingCipher(setup.key, is_caller=setup.is_caller)
        self._signaling = open_channel(setup.kind, cipher, send_packet, self._message_arrived)
        self._negotiation = ChannelNegotiation(
            is_caller=setup.is_caller, ssrc=self.identity.ssrc, new_id=lambda: secrets.randbits(32)
        )
        self._unsent: list[IceCandidate] = []
        self._setup_sent = False
        self._described = asyncio.Event()
        self._negotiated: asyncio.Future[PayloadTypes] = asyncio.get_running_loop().create_future()
        self._state = MediaState()
        self._peer_state = MediaState()
        self._data_channel: DataChannel | None = None
        self._data_channel_open = False
        self._connected = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._deadline = asyncio.timeout(CONNECT_DEADLINE)
        self.connection.on_local_candidate = self._candidate_found

    async def start(self) -> None:
        """Begin to gather and to signal; returns at once."""
        self._running = asyncio.create_task(self._run(), name="telegram media")
        self._running.add_done_callback(self._ran)
        if self._is_caller:
            self._send_setup()
            for offer in self._negotiation.start():
                self._send(offer)
        await self.connection.gather(wait=0)

    def receive(self, packet: bytes) -> None:
        """Take a packet of the peer's app, whatever it is."""
        if self._running is None or self._running.done():
            return
        self._progress.packets_received += 1
        self._reached_once("first_signaling")
        self._signaling.receive(packet)

    async def connect(self) -> PayloadTypes:
        """Return once sound can flow, and under which numbers. Raises `ConnectError`."""
        await self._described.wait()
        await self.connection.connect()
        self._connected.set()
        return await asyncio.shield(self._negotiated)

    def announce_muted(self, muted: bool) -> None:
        """Tell the peer whether we are muted; at once, or when there is a way to tell."""
        if self._state.muted != muted:
            self._state = msgspec.structs.replace(self._state, muted=muted)
            self._announce()

    async def close(self) -> None:
        """End the signaling and the data channel; the connection is its leg's to close."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._signal())
                tasks.create_task(self._keep_deadline())
                if self._kind is SignalingKind.ACKED:
                    tasks.create_task(self._prompt())
                await self._connected.wait()
                self._data_channel = DataChannel(
                    self.connection.dtls_transport,
                    DATA_CHANNEL,
                    opens=self._is_caller,
                    on_open=self._data_channel_opened,
                    on_text=lambda text: self._message_arrived(text.encode()),
                )
                tasks.create_task(self._data_channel.run())
        except* (Unacknowledged, SctpError) as errors:
            self._fail(f"the peer's app takes no signaling any more: {errors.exceptions[0]}")

    def _ran(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the media of a call failed", exc_info=error)
            self._on_failed(Ending(EndReason.ERROR, f"internal error in the media: {error!r}; please report it"))

    async def _signal(self) -> None:
        await self._signaling.run()
        if not self._connected.is_set():
            self._fail("the peer's app closed the signaling channel before the call was connected")

    async def _keep_deadline(self) -> None:
        try:
            async with self._deadline:
                await self._connected.wait()
                await asyncio.shield(self._negotiated)
        except TimeoutError:
            discarded = self._signaling.discarded()
            self._progress.discarded += discarded.count
            self._progress.foreign = discarded.foreign
            self._progress.problem = self._progress.problem or discarded.problem
            cause = likely_cause(self._progress, [*self.connection.stages()], self.connection.pairs())
            self._fail(f"no connection within {CONNECT_DEADLINE:g} s: {cause}")

    async def _prompt(self) -> None:
        """Until the peer has said all that we need, give its app occasions to repeat what was lost.

        tgcalls repeats every 5 s, NTgCalls gives up after 10, and some builds repeat nothing by themselves. But all of
        them acknowledge a new message at once, and put what they have waited 3 s to repeat into the same packet.
        """
        while True:
            await asyncio.sleep(PROMPT_EVERY)
            if self._described.is_set() and self._negotiated.done():
                return
            self._send(Candidates(()))

    def _fail(self, detail: str) -> None:
        self._on_failed(Ending(EndReason.FAILED, detail))

    # What we say

    def _send(self, message: Message) -> None:
        try:
            self._signaling.send(encode_message(message))
        except (Unacknowledged, SctpError) as error:
            self._fail(f"the peer's app takes no signaling any more: {error}")

    def _send_setup(self) -> None:
        """Once; a repeated setup of the peer changes nothing of ours."""
        if self._setup_sent:
            return
        self._setup_sent = True
        ours = self.connection.local_description()
        self._send(
            InitialSetup(
                ufrag=ours.ufrag,
                pwd=ours.pwd,
                fingerprint=ours.fingerprints[0],
                setup=Setup.ACTPASS if self._is_caller else Setup.PASSIVE,
            )
        )

    def _candidate_found(self, candidate: IceCandidate | None) -> None:
        if candidate is None:  # Telegram's apps know no last candidate
            return
        self._progress.local_candidates += 1
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send_candidates)
        self._unsent.append(candidate)

    def _send_candidates(self) -> None:
        found, self._unsent = self._unsent, []
        self._send(Candidates(tuple(found)))

    def _announce(self) -> None:
        if self._data_channel is None or not self._data_channel_open:
            return
        try:
            self._data_channel.send(encode_message(self._state).decode())
        except SctpError as error:
            logger.info("the peer is not told whether we are muted: %s", error)

    def _data_channel_opened(self) -> None:
        self._data_channel_open = True
        self._reached_once("data_channel")
        self._announce()

    # What the peer says

    def _message_arrived(self, data: bytes) -> None:
        try:
            message = parse_message(data)
        except MessageError as error:
            logger.info("a message of the peer's app is passed over: %s", error)
            self._progress.discarded += 1
            self._progress.problem = str(error)
            return
        self._progress.messages_received += 1
        match message:
            case InitialSetup():
                self._take_setup(message)
            case Candidates():
                self._progress.unusable_candidates += message.unusable
                for candidate in message.candidates:
                    self._progress.remote_candidates += 1
                    self.connection.add_remote_candidate(candidate)
            case NegotiateChannels():
                self._negotiate(message)
            case MediaState():
                self._take_state(message)

    def _take_setup(self, setup: InitialSetup) -> None:
        if self._described.is_set():  # repeated; credentials stay for the whole call
            return
        by_role = Setup.PASSIVE if self._is_caller else Setup.ACTIVE
        self.connection.set_remote_description(
            TransportDescription(
                ufrag=setup.ufrag,
                pwd=setup.pwd,
                fingerprints=(setup.fingerprint,),
                setup=by_role if setup.setup is Setup.ACTPASS else setup.setup,
            )
        )
        self._progress.described = True
        self._reached_once("described")
        self._described.set()
        self._send_setup()

    def _negotiate(self, message: NegotiateChannels) -> None:
        for reply in self._negotiation.receive(message):
            self._send(reply)
        incoming, outgoing = self._negotiation.incoming, self._negotiation.outgoing
        self._progress.refused = self._negotiation.refused
        if self._negotiation.refused:
            self._fail("the peer's app does not take Opus, the only sound there is here")
        if outgoing is None or incoming is None or self._negotiated.done():
            return
        self._progress.negotiated = True
        self._reached_once("negotiated")
        self._negotiated.set_result(PayloadTypes(incoming=incoming.payload_type, outgoing=outgoing))

    def _take_state(self, state: MediaState) -> None:
        if state.muted != self._peer_state.muted:
            self._on_peer_muted(state.muted)
        self._peer_state = state

    def _reached_once(self, stage: str) -> None:
        if stage not in self.connection.stages():
            self.connection.reached(stage)
