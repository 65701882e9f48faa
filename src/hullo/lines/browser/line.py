"""The browser line: calls from and to `http://host:port/call`."""

import asyncio
import logging
import os
import secrets
import socket
import ssl
from collections.abc import Collection, Mapping, Sequence

from hullo.lines.browser.client import post_offer
from hullo.lines.browser.guard import Guard
from hullo.lines.browser.leg import CalledLeg
from hullo.lines.browser.offer import BrowserOffer
from hullo.lines.browser.offerer import RestartOfferer
from hullo.lines.browser.origin import origin_of
from hullo.lines.browser.problem import Problem
from hullo.lines.browser.server import WhipServer
from hullo.lines.leg import RtcLeg
from hullo.lines.line import CallFailed, Ending, EndReason, LineStatus, OnOffer, OnRinging
from hullo.rtc.channel import AudioChannel
from hullo.rtc.clock import MediaClock
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import IceOptions, IceServer, Setup, StreamIdentity
from hullo.rtc.sdp import (
    OPUS_PAYLOAD_TYPE,
    AudioSection,
    Direction,
    Offer,
    SdpError,
    build_answer,
    build_offer,
    parse_answer,
)

logger = logging.getLogger(__name__)

STOPPING = (503, "stopping", "the called side is stopping", "call again in a minute")


class BrowserLine:
    """Takes calls that are posted to it, and posts calls of its own; see `hullo.lines.line.Line`.

    With `host` None it only places calls. Bound to another address than loopback it needs a `token`; raises
    `OpenToEverybody` without. Pages of `origins` may call too. `page_servers` are STUN and TURN servers for callers to
    use, told only to who has shown the token. `dial_tokens` are the bearer tokens for calling others,
    by origin such as `http://host:port`.
    """

    name = "browser"

    def __init__(
        self,
        host: str | None,
        port: int = 0,
        *,
        clock: MediaClock,
        token: str | None = None,
        origins: Collection[str] = (),
        ice: IceOptions = IceOptions(),  # noqa: B008  # frozen
        page_servers: Sequence[IceServer] = (),
        tls: ssl.SSLContext | None = None,
        dial_tokens: Mapping[str, str] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._ice = ice
        self._tls = tls
        self._dial_tokens = {origin_of(origin): token for origin, token in (dial_tokens or {}).items()}
        self.page_servers = tuple(page_servers)
        """STUN and TURN servers for pages to use; they hold secrets, so only for those with a token."""
        guard = Guard(host or "127.0.0.1", token, origins)
        self._server = WhipServer(guard, self._posted, self.leg, self.page_servers)
        self._on_offer: OnOffer | None = None
        self._offers: set[BrowserOffer] = set()
        self._legs: dict[str, CalledLeg] = {}
        self._address: str | None = None

    def claims(self, to: str) -> bool:
        """Whether `to` is an HTTP URL."""
        return to.startswith(("http://", "https://"))

    def status(self) -> LineStatus:
        """Whether it does what it was made for, and where it listens."""
        if self._host is None:
            return LineStatus(name=self.name, ready=True, detail="only places calls: it was given no address")
        detail = "listening" if self._address else "not listening; it can only place calls"
        return LineStatus(name=self.name, ready=self._address is not None, detail=detail, address=self._address)

    async def dial(self, to: str, on_ringing: OnRinging) -> RtcLeg:
        """Call `to` and return once it answered. Raises `CallFailed`; cancelling withdraws the call."""
        connection = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=self._ice)
        identity = StreamIdentity.random()
        try:
            await connection.gather()
            offer = build_offer(connection.local_description(), identity, session_id=secrets.randbits(62))
            resource = await post_offer(to, offer, self._token_for(to), on_ringing)
            audio = _usable_answer(resource.sdp)
            connection.set_remote_description(audio.transport)
            channel = self._channel(connection, audio, identity)
            channel.set_payload_types(incoming=OPUS_PAYLOAD_TYPE, outgoing=audio.payload_type)
            keeper = RestartOfferer(connection, resource)
            return RtcLeg(connection, channel, farewell=resource.delete, keeper=keeper)
        except BaseException:
            await connection.close()
            raise

    async def run(self, on_offer: OnOffer) -> None:
        """Take incoming calls until cancelled. Raises `OSError` when the address cannot be listened at."""
        if self._host is None:
            await self._take_calls(on_offer)
            return
        try:
            async with self._server.serve(self._host, self._port, self._tls) as port:
                host = f"[{self._host}]" if ":" in self._host else self._host
                self._address = f"{'https' if self._tls else 'http'}://{host}:{port}/call"
                await self._take_calls(on_offer)
        except OSError as error:
            raise OSError(error.errno, f"can't take calls at {self._host}:{self._port}: {_reason(error)}") from error

    async def _take_calls(self, on_offer: OnOffer) -> None:
        self._on_offer = on_offer
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._address = self._on_offer = None
            for offer in self._offers:
                offer.refuse(Problem(*STOPPING))

    async def ring(self, resource: str, offer: Offer, caller: str) -> tuple[str | None, str]:
        """Have an offer ring that came by other means; the id of its call and the SDP answer, once accepted.

        `resource` is a name for the leg. Raises `Problem` once refused; cancelling withdraws the call.
        """
        if self._on_offer is None:
            raise Problem(*STOPPING)
        ringing = BrowserOffer(resource, caller, offer, self.answer)
        self._offers.add(ringing)
        try:
            call_id = self._on_offer(ringing)
            return call_id, await ringing.response()
        finally:
            self._offers.discard(ringing)

    async def _posted(self, resource: str, offer: Offer, caller: str) -> str:
        return (await self.ring(resource, offer, caller))[1]

    def leg(self, resource: str) -> CalledLeg | None:
        """The leg of that name; None if there is none (any more)."""
        return self._legs.get(resource)

    async def answer(self, offer: Offer, resource: str) -> tuple[CalledLeg, str]:
        """Answer an offer, whatever becomes of it: a leg, and the SDP answer."""
        setup = offer.audio.transport.setup.answer()
        connection = RtcConnection(controlling=False, setup=setup, ice=self._ice)
        identity = StreamIdentity.random()

        async def forget() -> None:
            self._legs.pop(resource, None)

        try:
            connection.set_remote_description(offer.audio.transport)
            await connection.gather()
            sdp = build_answer(offer, connection.local_description(), identity, session_id=secrets.randbits(62))
            channel = self._channel(connection, offer.audio, identity)
            trickles = not offer.audio.transport.candidates_complete
            leg = CalledLeg(connection, channel, mid=offer.audio.mid, trickles=trickles, farewell=forget)
        except BaseException:
            await connection.close()
            raise
        self._legs[resource] = leg
        return leg, sdp

    def _channel(self, connection: RtcConnection, audio: AudioSection, identity: StreamIdentity) -> AudioChannel:
        sends = audio.direction in (Direction.SENDRECV, Direction.RECVONLY)
        return AudioChannel(connection, self._clock, payload_type=audio.payload_type, identity=identity, sends=sends)

    def _token_for(self, url: str) -> str | None:
        try:
            return self._dial_tokens.get(origin_of(url))
        except ValueError:
            raise CallFailed(Ending(EndReason.FAILED, f"{url} is no URL to call, like http://host:port/call")) from None


def _reason(error: OSError) -> str:
    """Without the address, which asyncio names once more."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return str(error.strerror or error).lower()
    return os.strerror(error.errno).lower()


def _usable_answer(sdp: str) -> AudioSection:
    try:
        return parse_answer(sdp).audio
    except SdpError as error:
        raise CallFailed(Ending(EndReason.FAILED, f"the called side answered with an unusable SDP: {error}")) from error
