"""The sound of a page without a browser: an offer by HTTP, and a leg."""

import asyncio
import json
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from hullo.lines.leg import RtcLeg
from hullo.lines.line import Ending, EndReason
from hullo.rtc.channel import AudioChannel
from hullo.rtc.clock import MediaClock
from hullo.rtc.connection import RtcConnection
from hullo.rtc.parameters import IceOptions, Setup, StreamIdentity
from hullo.rtc.sdp import OPUS_PAYLOAD_TYPE, build_offer, parse_answer
from tests.rtc.tones import Listener, Tone
from tests.service.loopback_line import LoopbackLeg

BYE = Ending(EndReason.HANGUP_USER, "the page was closed")


@dataclass(frozen=True)
class Refusal:
    """An offer that was not taken."""

    status: int
    detail: str
    remedy: str


class PagePeer:
    """One page that says a tone."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        self._clock = MediaClock(freeze_gc=False)
        self._connection = RtcConnection(controlling=True, setup=Setup.ACTPASS, ice=IceOptions())
        self._identity = StreamIdentity.random()
        self._leg: RtcLeg | None = None
        self.listener = Listener()
        self.location = ""
        """Of its leg at the daemon."""

    async def __aenter__(self) -> Self:
        await self._clock.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.leave()
        await self._clock.__aexit__(kind, error, traceback)

    async def offer(self, path: str) -> str:
        """Offer ourselves; the id of the call, once there is sound."""
        status, headers, answer = await self._post(path)
        assert status == 201, answer
        self.location = headers["Location"]
        audio = parse_answer(answer).audio
        self._connection.set_remote_description(audio.transport)
        channel = AudioChannel(
            self._connection, self._clock, payload_type=audio.payload_type, identity=self._identity, sends=True
        )
        channel.set_payload_types(incoming=OPUS_PAYLOAD_TYPE, outgoing=audio.payload_type)
        self._leg = RtcLeg(self._connection, channel, farewell=_nothing)
        self._leg.open(self.listener, Tone(440))
        await self._leg.connected()
        return headers["Hullo-Call-Id"]

    async def refused(self, path: str) -> Refusal:
        """Offer ourselves in vain."""
        status, _, body = await self._post(path)
        problem = json.loads(body)
        return Refusal(status, problem["detail"], problem["remedy"])

    async def hears_something_of(self, leg: LoopbackLeg) -> None:
        """Return once the far end was sent our sound."""
        async with asyncio.timeout(30):
            while leg.loudest < 4000:
                await asyncio.sleep(0.01)

    async def ended(self) -> None:
        """Return once the daemon has closed our leg."""
        assert self._leg is not None
        async with asyncio.timeout(30):
            await self._leg.ended()

    async def leave(self) -> None:
        """Close the page."""
        if self._leg is not None:
            await self._leg.close(BYE)
        else:
            await self._connection.close()

    async def _post(self, path: str) -> tuple[int, dict[str, str], str]:
        await self._connection.gather()
        offer = build_offer(self._connection.local_description(), self._identity, session_id=secrets.randbits(62))
        async with self._http.post(f"{self._url}{path}", data=offer, headers=self._headers) as response:
            return response.status, dict(response.headers), await response.text()


async def _nothing() -> None: ...
