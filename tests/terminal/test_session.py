"""A session at a server on a real socket, with calls that loop back in this process; and at daemons of its own."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from hullo.daemon_client import DaemonClient, DaemonError, DaemonGone
from hullo.lines.direct import endings
from hullo.service.history import CallHistory
from hullo.terminal import session as session_module
from hullo.terminal.own_daemon import DaemonFailed, OwnDaemon
from hullo.terminal.session import Session
from hullo.terminal.state import Outcome, PhoneState
from tests.service.socket_client import Running, running, short_directory

NEVER = [sys.executable, "-c", "import sys; sys.exit('error: this configuration is wrong')"]

SMALL_DAEMON = """
import asyncio, pathlib, sys
from hullo.service.daemon import run
from hullo.service.config import Config
run(Config.model_validate({"rpc": {"socket": sys.argv[1]}, "browser": {"enabled": False}, "speech": {"enabled": False},
    "audio": {"enabled": False}}), attached=True)
"""


class Person:
    """Watches a session's state."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._changed = asyncio.Event()
        session.on_change = self._changed.set

    async def sees(self, what: Callable[[PhoneState], object]) -> PhoneState:
        """The state, as soon as `what` is true of it."""
        async with asyncio.timeout(30):
            while not what(self.session.state):
                self._changed.clear()
                await self._changed.wait()
        return self.session.state


@contextlib.asynccontextmanager
async def person_at(daemon: OwnDaemon) -> AsyncIterator[Person]:
    session = Session(daemon)
    person = Person(session)
    async with asyncio.TaskGroup() as tasks:
        connected = tasks.create_task(session.run())
        await person.sees(lambda state: not state.link)
        yield person
        connected.cancel()


@contextlib.asynccontextmanager
async def at_a_server() -> AsyncIterator[tuple[Person, Running]]:
    async with (
        running(history=CallHistory(10)) as service,
        OwnDaemon(service.path, NEVER) as daemon,
        person_at(daemon) as person,
    ):
        yield person, service


async def test_a_call_from_dialing_to_the_history() -> None:
    async with at_a_server() as (person, service):
        await person.session.call("loop:bob")
        state = await person.sees(lambda state: state.shown and state.shown.status == "active")
        assert state.shown is not None
        await person.session.mute()
        assert service.line.legs[0].muted
        await person.sees(lambda state: state.shown and state.shown.muted)
        await person.session.mute()
        await person.sees(lambda state: state.shown and not state.shown.muted)
        await person.session.hang_up()
        state = await person.sees(lambda state: state.history)
        assert state.last is not None
        assert state.last.ending == "you hung up"
        assert [(call.peer, call.outcome) for call in state.history] == [("loop:bob", Outcome.OUT)]
        await person.session.forget_history()
        await person.sees(lambda state: not state.history)


async def test_a_call_that_comes_in_is_answered_declined_or_missed() -> None:
    async with at_a_server() as (person, service):
        service.line.ring("ann")
        await person.sees(lambda state: state.ringing)
        await person.session.answer()
        await person.sees(lambda state: state.shown and state.shown.status == "active")
        await person.session.hang_up()
        await person.sees(lambda state: not state.calls)
        declined = service.line.ring("ben")
        await person.sees(lambda state: state.ringing)
        await person.session.decline()
        await person.sees(lambda state: not state.calls)
        assert declined.rejected_with is not None
        missed = service.line.ring("cat")
        await person.sees(lambda state: state.ringing)
        missed.withdraw(endings.CALLER_GAVE_UP)
        state = await person.sees(lambda state: len(state.history) == 3)
        assert {call.peer: call.outcome for call in state.history} == {
            "ann": Outcome.IN,
            "ben": Outcome.DECLINED,
            "cat": Outcome.MISSED,
        }


async def test_leaving_hangs_up_a_call_but_declines_none_for_others() -> None:
    async with at_a_server() as (person, service):
        rings = service.line.ring("ann")
        await person.sees(lambda state: state.ringing)
        await person.session.leave()
        assert rings.rejected_with is None
        await person.session.decline()
        await person.sees(lambda state: not state.calls)
        await person.session.call("loop:bob")
        await person.session.leave()
        await person.sees(lambda state: state.last and state.last.ending == "you hung up")


async def test_what_the_daemon_refuses_is_told_with_what_to_do() -> None:
    async with at_a_server() as (person, _):
        await person.session.call("nobody knows this")
        notice = (await person.sees(lambda state: state.notice.text)).notice
        assert notice.urgent
        assert "no line knows how to call" in notice.text
        assert "microphone" in person.session.state.sound.problem
        assert await person.session.change_contact("bob", "add") is False
        assert "no private calls" in person.session.state.notice.text


async def test_a_line_that_is_not_ready_is_shown_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "LOOK_SECONDS", 0.05)
    async with at_a_server() as (person, service):
        service.line.ready = False
        await person.sees(lambda state: "loopback" in state.line_problem)
        service.line.ready = True
        await person.sees(lambda state: not state.line_problem)


async def test_a_phone_that_comes_late_sees_the_call_that_is_on() -> None:
    async with running() as service, DaemonClient(service.path) as other:
        await other.request("call.start", to="loop:bob")
        async with OwnDaemon(service.path, NEVER) as daemon, person_at(daemon) as person:
            state = await person.sees(lambda state: state.shown and state.shown.status == "active")
            assert state.shown is not None
            assert state.shown.peer == "loop:bob"


async def test_a_daemon_of_others_that_goes_and_comes_back_is_used_again() -> None:
    with short_directory() as directory:
        async with OwnDaemon(directory / "s", NEVER) as daemon, asyncio.TaskGroup() as tasks:
            session = Session(daemon)
            person = Person(session)
            async with running(path=directory / "s"):
                connected = tasks.create_task(session.run())
                await person.sees(lambda state: not state.link)
                await session.call("loop:bob")
            state = await person.sees(lambda state: state.link)
            assert state.last is not None
            async with running(path=directory / "s"):
                await person.sees(lambda state: not state.link)
                connected.cancel()


@pytest.mark.peer  # two starts of a daemon
async def test_its_own_daemon_is_started_again_after_it_was_killed() -> None:
    with short_directory() as directory:
        command = [sys.executable, "-c", SMALL_DAEMON, str(directory / "s")]
        async with OwnDaemon(directory / "s", command) as daemon, person_at(daemon) as person:
            pid = daemon.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            state = await person.sees(lambda state: state.link)
            assert state.notice.text == "the daemon was killed by signal 9"
            await person.sees(lambda state: not state.link)
            assert daemon.pid != pid
        assert not (directory / "s").exists()


async def test_a_daemon_that_does_not_start_says_why() -> None:
    with short_directory() as directory:
        async with OwnDaemon(directory / "s", NEVER) as daemon:
            with pytest.raises(DaemonFailed, match="this configuration is wrong"):
                await Session(daemon).run()


async def test_the_last_words_of_a_daemon_are_not_waited_for_while_its_own_children_live() -> None:
    leaves_one = "import subprocess, sys; subprocess.Popen(['sleep', '8']); sys.exit('error: it fell over')"
    with short_directory() as directory:
        async with asyncio.timeout(6), OwnDaemon(directory / "s", [sys.executable, "-c", leaves_one]) as daemon:
            with pytest.raises(DaemonFailed, match="it fell over"):
                await daemon.connect(start=True)


async def test_an_action_does_not_fail_when_the_daemon_goes_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    request = DaemonClient.request

    async def last_request(client: DaemonClient, method: str, **params: object) -> object:
        answer = await request(client, method, **params)
        if method == "history.clear":
            client._writer.close()
            with contextlib.suppress(DaemonGone):
                while True:
                    await client.notification()
        return answer

    async with at_a_server() as (person, _):
        monkeypatch.setattr(DaemonClient, "request", last_request)
        await person.session.forget_history()
        await person.sees(lambda state: state.link)


async def test_several_tasks_ask_at_once_and_all_are_told_when_the_daemon_goes() -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with running() as service:
            client = await stack.enter_async_context(DaemonClient(service.path))
            assert await asyncio.gather(*(client.request("call.list") for _ in range(20))) == [[]] * 20
            with pytest.raises(DaemonError, match="no method"):
                await client.request("call.nonsense")
            waiting = asyncio.ensure_future(client.notification())
        with pytest.raises(DaemonGone):
            await waiting
        with pytest.raises(DaemonGone):
            await client.request("call.list")
