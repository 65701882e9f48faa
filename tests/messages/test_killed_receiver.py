"""A real program that is killed at moments around the arrival of letters: every message arrives, and none twice."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hullo.messages.metadata import Delivery
from hullo.messages.store import MessageStore
from tests.lines.direct.samples import ALICE, BOB
from tests.messages.posting import Office, office, some_sound

ROOT = Path(__file__).parents[2]
KILLS = 3
START_DEADLINE = 60.0


@asynccontextmanager
async def receiver(here: Office, root: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Bob's program, which is killed at the end of the block."""
    arguments = ("-m", "tests.messages.receiving", str(root), here.town.urls[0])
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_DEADLINE):
            assert await process.stdout.readline() == b"ready\n"
        yield process
        assert process.returncode is None, "it ended by itself"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.peer
@pytest.mark.timeout(120)
async def test_every_message_arrives_once_however_often_its_receiver_is_killed(tmp_path: Path) -> None:
    rng = random.Random(26)
    async with office(tmp_path) as here:
        await here.introduce(BOB, "alice")
        async with here.desk(ALICE, "bob") as alice:
            messages = []
            for number in range(KILLS):
                async with receiver(here, tmp_path):
                    message = await alice.send(some_sound(20_000 + number, seed=number), "bob")
                    messages.append(message)
                    await alice.came(message, Delivery.SENT)
                    await asyncio.sleep(rng.uniform(0.0, 0.06))  # then it is killed, whatever it does
            async with receiver(here, tmp_path):
                for message in messages:
                    await alice.came(message, Delivery.DELIVERED)
    arrived = MessageStore(tmp_path / "messages-bob").messages()
    sounds = [one.path.read_bytes() for one in arrived]
    assert sorted(sounds) == sorted(some_sound(20_000 + number, seed=number) for number in range(KILLS))
