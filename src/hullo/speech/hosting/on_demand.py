"""A host that is started when it is first needed."""

import asyncio

from hullo.speech.hosting.supervisor import HostSupervisor


class OnDemand:
    """An `Endpoint`: `host`, from its first request on, run by whoever runs `run`."""

    def __init__(self, host: HostSupervisor) -> None:
        self._host = host
        self._needed = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The host's process id while it is up."""
        return self._host.pid

    async def uri(self) -> str:
        """See `HostSupervisor.uri`."""
        self._needed.set()
        return await self._host.uri()

    def failed(self) -> None:
        """See `HostSupervisor.failed`."""
        self._host.failed()

    async def started(self) -> None:
        """Return at once: nobody waits for it."""

    async def run(self) -> None:
        """Keep it running once it is needed, until cancelled."""
        await self._needed.wait()
        await self._host.run()
