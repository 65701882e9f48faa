"""A new device at the rendezvous, that waits for another device of its person to hand the keys over."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from hullo.lines.direct.channel import Device
from hullo.lines.direct.private.client import RendezvousClient
from hullo.lines.direct.private.identity import Identity
from hullo.lines.direct.private.linking import LIFETIME, Handover, LinkError, NewDevice
from hullo.rendezvous.wire import Envelope, Succeeded, WireError

NEW = "new"
"""What the device is called while it waits."""


async def receive_handover(
    urls: Sequence[str], new: NewDevice, on_refused: Callable[[str], None], *, lifetime: float = LIFETIME
) -> Handover:
    """Wait for it. `on_refused` is told of each that is not by somebody who knows the code.

    Raises `LinkError` when none came in time.
    """
    found: asyncio.Future[Handover] = asyncio.get_running_loop().create_future()

    async def arrived(envelope: Envelope) -> None:
        try:
            handover = new.open(envelope.data)
        except LinkError as error:
            on_refused(str(error))
        else:
            if not found.done():
                found.set_result(handover)

    own = Device(new.code.mailbox, NEW)
    client = RendezvousClient(
        urls,
        own,
        Identity.new(),
        on_envelope=arrived,
        on_low_prekeys=_publish_none,
        on_rubbish=on_refused,
        on_succeeded=_no_succession,
    )
    running = asyncio.create_task(client.run(), name="new device")
    try:
        async with asyncio.timeout(lifetime):
            await asyncio.wait((running, found), return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        why = client.problem() or "nobody entered the code in time; begin again"
        raise LinkError(why) from None
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return found.result()


async def _publish_none(left: int) -> None: ...


def _no_succession(succeeded: Succeeded) -> str | None:
    raise WireError("a key that was made just now can't have been followed by another one")
