"""Real host processes that die, hang and do not start; and what is left of them."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest

from hullo.speech.errors import SpeechError
from hullo.speech.events import HostDown, HostEvent, HostUp
from hullo.speech.hosting.supervisor import EngineChoice, HostSupervisor, Patience
from hullo.speech.servers.client import VoiceClient
from tests.situations.trouble import put_trouble
from tests.speech.support import eventually, spoken

QUICK = Patience(start=60, ping_every=0.2, ping=60, restart=60)
IMPATIENT = Patience(start=60, ping_every=0.2, ping=1.0, restart=60)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where hosts have their sockets in this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def contents(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@asynccontextmanager
async def supervised(host: HostSupervisor) -> AsyncIterator[None]:
    running = asyncio.create_task(host.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


def voice_host(events: list[HostEvent], patience: Patience = QUICK, **options: object) -> HostSupervisor:
    return HostSupervisor("voice", EngineChoice("espeak", options), events.append, patience)


def pid_of(host: HostSupervisor) -> int:
    assert host.pid is not None
    return host.pid


async def test_it_starts_says_so_and_leaves_nothing(directory: Path) -> None:
    events: list[HostEvent] = []
    host = voice_host(events)
    async with supervised(host):
        await host.started()
        pid = pid_of(host)
        socket = Path((await host.uri()).removeprefix("unix://"))
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600  # noqa: ASYNC240
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert len(await spoken(VoiceClient(host, timeout=60), "hello"))
    assert events == [HostUp(role="voice", restarts=0)]
    assert not psutil.pid_exists(pid)
    assert contents(directory) == []
    assert host.pid is None


async def test_a_host_gives_way_to_the_calls() -> None:
    host = HostSupervisor("voice", EngineChoice("espeak", nice=7), lambda _: None, QUICK)
    async with supervised(host):
        await host.started()
        pid = pid_of(host)
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + 7
        session = Path(f"/proc/{pid}/autogroup")
        assert not session.exists() or session.read_text().endswith("nice 7\n")  # noqa: ASYNC240


async def test_a_killed_host_is_started_again_and_a_waiting_request_is_served(directory: Path) -> None:
    events: list[HostEvent] = []
    host = voice_host(events)
    async with supervised(host):
        await host.started()
        first = pid_of(host)
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: len(events) == 2)
        assert len(await spoken(VoiceClient(host, timeout=60), "hello"))
        assert pid_of(host) != first
        assert len(contents(directory)) == 1
    up, down, again = events
    assert isinstance(up, HostUp)
    assert isinstance(down, HostDown)
    assert (down.role, down.detail) == ("voice", "it was killed by signal 9")
    assert again == HostUp(role="voice", restarts=1)
    assert contents(directory) == []


@pytest.mark.usefixtures("directory")
async def test_a_hung_host_is_replaced() -> None:
    events: list[HostEvent] = []
    host = voice_host(events, IMPATIENT)
    async with supervised(host):
        await host.started()
        hung = pid_of(host)
        os.kill(hung, signal.SIGSTOP)
        await eventually(lambda: len(events) == 3)
        assert not psutil.pid_exists(hung)
        assert len(await spoken(VoiceClient(host, timeout=60), "hello"))
    assert isinstance(events[1], HostDown)
    assert events[1].detail == "it did not answer for 1 s"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is not known that it is at work")
async def test_a_host_that_does_not_answer_because_it_is_at_work_is_left_alone(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.pathsep.join([str(put_trouble(directory / "package")), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    events: list[HostEvent] = []
    host = HostSupervisor("voice", EngineChoice("trouble", {"voice": "work"}), events.append, IMPATIENT)
    async with supervised(host):
        await host.started()
        assert len(await spoken(VoiceClient(host, timeout=60), "No trouble, only work."))
    assert events == [HostUp(role="voice", restarts=0)]


@pytest.mark.usefixtures("directory")
async def test_a_host_that_keeps_dying_is_started_ever_more_slowly() -> None:
    events: list[HostEvent] = []
    host = voice_host(events)
    async with supervised(host):
        for _ in range(3):
            await eventually(lambda: host.pid is not None and psutil.pid_exists(host.pid))
            os.kill(pid_of(host), signal.SIGKILL)
            await eventually(lambda: host.pid is None)
    delays = [event.retry_in_ms for event in events if isinstance(event, HostDown)]
    assert delays == [100, 200, 400]


async def test_a_host_that_cannot_start_says_why(directory: Path) -> None:
    events: list[HostEvent] = []
    host = voice_host(events, Patience(restart=0.1), voice="klingon!")
    async with supervised(host):
        with pytest.raises(SpeechError, match="The voice does not start: eSpeak NG has no voice 'klingon!'"):
            await host.started()
        with pytest.raises(SpeechError, match="The voice is down: eSpeak NG has no voice") as caught:
            await host.uri()
        assert caught.value.transient
    assert isinstance(events[0], HostDown)
    assert contents(directory) == []


async def test_stopped_while_it_starts_it_leaves_nothing(directory: Path) -> None:
    async with supervised(voice_host([])):
        await eventually(lambda: contents(directory))
    assert contents(directory) == []
    children = [child for child in psutil.Process().children() if str(directory) in " ".join(child.cmdline())]
    assert children == []


PARENT = textwrap.dedent("""
    import asyncio
    from hullo.speech.events import HostDown
    from hullo.speech.service import SpeechService

    def on_event(event):
        if isinstance(event, HostDown):
            print(event, flush=True)

    async def main():
        async with SpeechService(on_event=on_event) as service:
            print(*service.hosts.values(), flush=True)
            await asyncio.sleep(600)

    asyncio.run(main())
""")


@contextmanager
def parent(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[psutil.Process]]]:
    """A process of its own (and its own group) with a service in it, and that service's hosts."""
    environment = {**os.environ, "TMPDIR": str(directory)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        finally:
            process.kill()


def test_when_its_parent_is_killed_the_host_goes_and_takes_its_socket_along(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, hosts):
        assert len(hosts) == 2
        assert len(contents(tmp_path)) == 2
        process.kill()
        _, alive = psutil.wait_procs(hosts, timeout=60)
    assert alive == []
    assert contents(tmp_path) == []


def test_ctrl_c_at_the_terminal_is_not_a_crash_of_the_hosts(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, hosts):
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert output == b"", "no host went down by itself"
    assert not any(host.is_running() for host in hosts)
    assert contents(tmp_path) == []
