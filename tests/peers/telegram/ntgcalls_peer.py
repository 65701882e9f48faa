"""NTgCalls with a Telegram account: what PyTgCalls does with updates, against the server in memory."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

from hullo.lines.telegram.port import (
    AcceptCall,
    AnyPhoneCall,
    CallProtocol,
    ConfirmCall,
    Connection,
    GetDhConfig,
    PhoneCall,
    PhoneCallAccepted,
    PhoneCallRequested,
    PhoneConnection,
    PhoneUpdate,
    ReceivedCall,
    RequestCall,
    SendSignalingData,
    TelegramError,
    UpdatePhoneCall,
    User,
)
from tests.lines.telegram.memory_telegram import MemoryAccount

ROOT = Path(__file__).parents[3]
DEADLINE = 30.0
STOP_DEADLINE = 5.0


class NtgCallsPeer:
    """One call with the other side; `emoji` is what NTgCalls shows."""

    def __init__(self, account: MemoryAccount, process: asyncio.subprocess.Process, versions: tuple[str, ...]) -> None:
        self.emoji = ""
        self._state = "NEW"
        self._connected_at: float | None = None
        self._settled = asyncio.Event()
        self._account = account
        self._process = process
        self._protocol = CallProtocol(library_versions=versions, min_layer=92)
        self._answers: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._updates: asyncio.Queue[PhoneUpdate] = asyncio.Queue()
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._call: PhoneCallRequested | PhoneCallAccepted | None = None
        account.set_listener(self._updates.put_nowait)

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            tasks.create_task(self._send())
            tasks.create_task(self._follow())

    async def call(self, user: User) -> None:
        """Call somebody."""
        g_a_hash = await self._begin(None)
        request = RequestCall(user=user, random_id=secrets.randbits(31), g_a_hash=g_a_hash, protocol=self._protocol)
        await self._account.call(request)

    async def connected(self) -> float:
        """When it was connected, by the monotonic clock. Raises `ConnectionError` when it has given up."""
        async with asyncio.timeout(DEADLINE):
            await self._settled.wait()
        if self._connected_at is None:
            raise ConnectionError(f"NTgCalls gave up: {self._state}")
        return self._connected_at

    async def set_muted(self, muted: bool) -> None:
        """Mute or unmute its microphone."""
        await self._command("set_muted", muted)

    async def hears(self, hertz: float) -> None:
        """Return once it hears nearly nothing but `hertz`."""
        purity = 0.0
        try:
            async with asyncio.timeout(DEADLINE):
                while purity < 0.9:
                    await asyncio.sleep(0.05)
                    await self._command("hears", hertz)
                    (purity,) = await self._answers.get()
        except TimeoutError:
            raise AssertionError(f"NTgCalls does not hear {hertz} Hz; its share is {purity:.2f}") from None

    async def falls_silent(self, hertz: float) -> None:
        """Return once it does not hear `hertz` any more."""
        async with asyncio.timeout(DEADLINE):
            purity = 1.0
            while purity > 0.1:
                await asyncio.sleep(0.05)
                await self._command("hears", hertz)
                (purity,) = await self._answers.get()

    async def usage(self) -> dict[str, float]:
        """What its process has used so far; see `bench.ends.usage`."""
        await self._command("usage")
        (used,) = await self._answers.get()
        return cast("dict[str, float]", used)

    async def save_tape(self, path: Path) -> None:
        """Write what it said and heard, and when, as a `bench.tape.Tape`."""
        await self._command("save_tape", str(path))
        await self._answers.get()

    def kill(self) -> None:
        """End its process without a goodbye."""
        self._process.kill()

    async def _follow(self) -> None:
        while True:
            update = await self._updates.get()
            if isinstance(update, UpdatePhoneCall):
                await self._changed(update.phone_call)
            else:
                await self._command("packet", update.data.hex())

    async def _changed(self, call: AnyPhoneCall) -> None:
        match call:
            case PhoneCallRequested():
                self._call = call
                await self._account.call(ReceivedCall(peer=call.peer))
                g_b = await self._begin(call.g_a_hash)
                await self._account.call(AcceptCall(peer=call.peer, g_b=g_b, protocol=self._protocol))
            case PhoneCallAccepted():
                self._call = call
                public, fingerprint = await self._finish(call.g_b, 0)
                confirm = ConfirmCall(peer=call.peer, g_a=public, key_fingerprint=fingerprint, protocol=self._protocol)
                confirmed = await self._account.call(confirm)
                assert isinstance(confirmed, PhoneCall)
                await self._connect(confirmed)
            case PhoneCall():
                await self._finish(call.g_a_or_b, call.key_fingerprint)
                await self._connect(call)

    async def _begin(self, g_a_hash: bytes | None) -> bytes:
        config = await self._account.call(GetDhConfig())
        hexed = None if g_a_hash is None else g_a_hash.hex()
        await self._command("begin_exchange", config.g, config.p.hex(), config.random.hex(), hexed)
        (public,) = await self._answers.get()
        return bytes.fromhex(public)

    async def _finish(self, public: bytes, fingerprint: int) -> tuple[bytes, int]:
        await self._command("end_exchange", public.hex(), fingerprint)
        own_public, own_fingerprint = await self._answers.get()
        return bytes.fromhex(own_public), own_fingerprint

    async def _connect(self, call: PhoneCall) -> None:
        servers = [_server(connection) for connection in call.connections]
        await self._command("connect", servers, call.protocol.library_versions, call.p2p_allowed)
        (self.emoji,) = await self._answers.get()

    async def _send(self) -> None:
        while True:
            packet = await self._outbox.get()
            assert self._call is not None
            try:
                await self._account.call(SendSignalingData(peer=self._call.peer, data=packet))
            except TelegramError:
                continue  # the call is over

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            what, *words = json.loads(line)
            if what == "packet":
                self._outbox.put_nowait(bytes.fromhex(words[0]))
            elif what == "state":
                self._changed_state(words[0])
            else:
                self._answers.put_nowait(words)

    def _changed_state(self, state: str) -> None:
        self._state = state
        if state == "CONNECTED" and self._connected_at is None:
            self._connected_at = time.monotonic()
        if state != "CONNECTING":
            self._settled.set()

    async def _command(self, *words: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def ntgcalls_peer(
    account: MemoryAccount, versions: tuple[str, ...], sound: float | Path, *, native: bool = False
) -> AsyncIterator[NtgCallsPeer]:
    """Run one until the end of the block; it says a tone of so many Hz, or what is in a file of s16.

    `native`: it reads the file by itself, which costs it least; else it is fed every 10 ms, and keeps a tape of it.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.peers.telegram.ntgcalls_process", str(sound), *(["native"] if native else []),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
    )  # fmt: skip
    peer = NtgCallsPeer(account, process, versions)
    living = asyncio.create_task(peer.run())
    try:
        yield peer
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let it stop its call: one that is killed leaves its TURN allocation, and the next on its port gets none (437)."""
    assert process.stdin is not None
    process.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_DEADLINE):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


def _server(connection: Connection) -> dict[str, Any]:
    """What PyTgCalls makes of a connection."""
    common = {"id": connection.id, "ipv4": connection.ip, "ipv6": connection.ipv6, "port": connection.port}
    if isinstance(connection, PhoneConnection):
        tag = connection.peer_tag.hex()
        relay = {"turn": True, "stun": False, "tcp": connection.tcp, "peer_tag": tag}
        return common | relay | {"username": None, "password": None}
    login = {"username": connection.username, "password": connection.password}
    return common | login | {"turn": connection.turn, "stun": connection.stun, "tcp": False, "peer_tag": None}
