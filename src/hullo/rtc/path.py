"""One ICE session of a call: its credentials, its candidates and the pair that came of them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hullo.rtc.adapter.gathering import Gatherer, local_addresses
from hullo.rtc.adapter.ice import IceAgent
from hullo.rtc.candidate import IceCandidate
from hullo.rtc.parameters import IceOptions

__all__ = ["IcePath", "local_addresses"]

SENDS_FAILED = 5
"""So many packets in a row that the kernel had no way for, and the path is broken."""

OnCandidate = Callable[[IceCandidate | None], None]


class IcePath:
    """A call has one, and after an ICE restart (RFC 8445 9) another one with new sockets, while DTLS stays."""

    def __init__(self, *, controlling: bool, ice: IceOptions) -> None:
        self.on_local_candidate: OnCandidate = _ignore
        self.candidates: list[IceCandidate] = []
        """Ours, found so far."""
        self.agent = IceAgent(controlling=controlling, relay_only=ice.relay_only, consent=ice.consent)
        self._gatherer = Gatherer(self.agent, (*ice.servers, *ice.reflectors), ice.relay_only, self._gathered)
        self._gathering: asyncio.Task[None] | None = None

    async def gather(self, wait: float) -> None:
        """Bind sockets, which is done at once, and wait up to `wait` seconds for every server to give something."""
        self._gatherer.open_host_sockets()
        self._gathering = asyncio.create_task(self._ask_servers(), name="ice gathering")
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._gatherer.served.wait()

    @property
    def complete(self) -> bool:
        """Whether all of our candidates have been found."""
        return not self.agent.gathering

    def set_remote(self, ufrag: str, pwd: str, *, lite: bool = False) -> None:
        """The credentials of the peer."""
        self.agent.remote_username = ufrag
        self.agent.remote_password = pwd
        self.agent.remote_is_lite = lite
        self.agent.ice_controlling = self.agent.ice_controlling or lite

    def add_remote(self, *candidates: IceCandidate, complete: bool = False) -> None:
        """Candidates of the peer, before or after its credentials; those of no use to us are ignored."""
        for candidate in candidates:
            self.agent.add_remote(candidate)
        if complete:
            self.agent.add_remote(None)

    def broken(self) -> bool:
        """Whether this machine has no way (any more) to send on it, as when its interface has gone."""
        _, failed = self.agent.chosen_socket()
        return failed >= SENDS_FAILED

    async def close(self) -> None:
        """Free sockets, tasks and allocations; idempotent."""
        if self._gathering is not None:
            self._gathering.cancel()
            await asyncio.gather(self._gathering, return_exceptions=True)
        await self.agent.close()

    async def _ask_servers(self) -> None:
        await self._gatherer.ask_servers()
        self.on_local_candidate(None)

    def _gathered(self, candidate: IceCandidate) -> None:
        self.candidates.append(candidate)
        self.on_local_candidate(candidate)


def _ignore(candidate: IceCandidate | None) -> None: ...
