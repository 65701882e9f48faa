"""Real programs, well and badly behaved."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from hullo.brain.brain import Brain, BrainError, Message
from hullo.brain.command import AnswerEnds, CommandBrain, CommandSettings, command_brain
from hullo.call.switchboard import Switchboard
from tests.service.loopback_line import LoopbackLine

ECHO = "import sys\nfor line in sys.stdin: print('You said', line.strip(), flush=True)"
POEM = """
import os, sys
for line in sys.stdin:
    print(os.environ["HULLO_PEER"], "asked", line.strip(), flush=True)
    print("second line", flush=True)
    print(flush=True)
"""


@asynccontextmanager
async def running(program: str, ends: AnswerEnds = "line", timeout: float = 20.0) -> AsyncIterator[CommandBrain]:
    command = [sys.executable, "-c", program]
    brain = CommandBrain(
        CommandSettings(command=command, answer_ends=ends, timeout=timeout), {"HULLO_PEER": "somebody"}
    )
    await brain.start()
    try:
        yield brain
    finally:
        await brain.stop()


async def ask(brain: Brain, text: str) -> list[str]:
    return [piece async for piece in brain.answer([Message("user", text)])]


async def test_a_line_in_and_a_line_out() -> None:
    async with running(ECHO) as brain:
        assert await ask(brain, "one\ntwo") == ["You said one two\n"]
        assert await ask(brain, "three") == ["You said three\n"]


async def test_lines_up_to_a_blank_one_come_as_they_are_written() -> None:
    async with running(POEM, "blank") as brain:
        assert await ask(brain, "what") == ["somebody asked what\n", "second line\n"]


async def test_an_answer_that_was_given_up_is_not_mixed_with_the_next() -> None:
    async with running(POEM, "blank") as brain:
        async with aclosing(brain.answer([Message("user", "first")])) as pieces:
            assert await anext(pieces) == "somebody asked first\n"
        assert await ask(brain, "second") == ["somebody asked second\n", "second line\n"]


async def test_a_program_that_ends_is_told_and_started_again() -> None:
    async with running("import sys; print('Bye', input(), flush=True); input(); sys.exit(3)") as brain:
        assert await ask(brain, "one") == ["Bye one\n"]
        with pytest.raises(BrainError, match=r"status 3"):
            await ask(brain, "two")
        assert await ask(brain, "three") == ["Bye three\n"]


async def test_a_program_that_says_nothing_is_ended_and_started_again() -> None:
    async with running("import time; input(); time.sleep(60)", timeout=0.5) as brain:
        with pytest.raises(BrainError, match=r"no answer for 0\.5 s"):
            await ask(brain, "one")
        with pytest.raises(BrainError, match=r"no answer for 0\.5 s"):
            await ask(brain, "two")


async def test_a_line_without_end_is_an_error() -> None:
    async with running("input(); print('x' * 100_000, flush=True); input()") as brain:
        with pytest.raises(BrainError, match="a line of more than"):
            await ask(brain, "one")


async def test_a_command_that_does_not_exist() -> None:
    brain = CommandBrain(CommandSettings(command=["/no/such/program"]), {})
    with pytest.raises(BrainError, match=r"'/no/such/program' can't be started: No such file"):
        await brain.start()
    await brain.stop()


async def test_a_call_goes_on_without_a_program_and_each_question_tries_again() -> None:
    line = LoopbackLine()
    async with Switchboard([line]) as board:
        call = board.dial("loop:ann")
        async with command_brain(CommandSettings(command=["/no/such/program"]))(call) as brain:
            with pytest.raises(BrainError, match="can't be started"):
                await ask(brain, "one")
        call.hangup()
        assert [error.partition(" can't")[0] for error in (await call.wait_ended()).errors] == [
            "brain: the command '/no/such/program'"
        ]


async def test_nothing_is_left_of_a_program_that_does_not_want_to_end() -> None:
    brain = CommandBrain(CommandSettings(command=[sys.executable, "-c", "while True: __import__('time').sleep(1)"]), {})
    await brain.start()
    process = brain._process
    assert process is not None
    async with asyncio.timeout(30):
        await brain.stop()
    assert process.returncode is not None


CHILD_THAT_HANGS = """
import subprocess, sys
for line in sys.stdin:
    print(subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"]), flush=True)
"""


async def test_a_child_of_the_program_that_hangs_holds_nobody_up() -> None:
    async with asyncio.timeout(20.0), running(CHILD_THAT_HANGS, timeout=0.5) as brain:
        with pytest.raises(BrainError, match="gave no answer"):
            await ask(brain, "one")
