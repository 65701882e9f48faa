"""A program that receives voice messages until it is killed: `python -m tests.messages.receiving FOLDER URL`."""

import asyncio
import sys
from pathlib import Path

from hullo.messages.direct.courier import DirectCourier
from hullo.messages.store import MessageStore
from tests.lines.direct.rendezvous import people
from tests.lines.direct.samples import BOB
from tests.messages.posting import QUICK, running


async def main(root: Path, url: str) -> None:
    """Bob, with his keys and messages in `root`."""
    async with people([url], root / "vaults") as here, here.visiting(BOB, "alice", ready=False) as bob:
        store = MessageStore(root / "messages-bob")
        courier = DirectCourier(bob.line, bob.channel, store, lambda event: None, patience=QUICK)
        async with running(courier.run()):
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
